"""Whole shows, with fakes in place of the networks: real processes, sockets, shared memory and clocks."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from realtime.config.outputs import Recorder
from realtime.performer.performer import NICENESS
from realtime.stages.table import ENCODER_NICENESS, PERFORMER, stages_of
from realtime.supervise.leftovers import remove_leftovers
from realtime.supervise.supervisor import Supervisor, SupervisorError
from tests.realtime.fakes import Heard, broken_nets, fake_nets, fake_show

ROOT = Path(__file__).resolve().parents[2]


def child(name: str) -> psutil.Process | None:
    for process in psutil.Process().children(recursive=True):
        try:
            if process.cmdline() and process.cmdline()[0] == f"dancecam {name}":
                return process
        except psutil.Error:
            continue
    return None


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(what: Callable[[], object], timeout_s: float = 90) -> None:
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def in_background(supervisor: Supervisor, steps: Callable[[], None]) -> list[BaseException]:
    """Runs `steps` beside the show and ends the show; what they raise ends up in the list."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            steps()
        except Exception as error:  # told by the test
            logging.getLogger(__name__).exception("it failed after %s", states(supervisor))
            errors.append(error)
        finally:
            supervisor.stop()

    threading.Thread(target=work).start()
    return errors


def rings(pid: int | None = None) -> set[Path]:
    """The shared memory of a supervisor's process; by default this one."""
    maps = Path(f"/proc/{pid or os.getpid()}/maps").read_text(encoding="utf-8").splitlines()
    return {Path(line.split()[-1]) for line in maps if "/dev/shm/psm_" in line}


def belongings(pid: int, folder: Path) -> list[Path]:
    """The two rings of a show and the folder of its sockets, which lies in `folder`."""
    sockets = list(folder.glob("dancecam-*"))
    assert (len(rings(pid)), len(sockets)) == (2, 1)
    return [*rings(pid), *sockets]


def states(supervisor: Supervisor) -> list[str]:
    return [entry["event"] for entry in supervisor.report()["timeline"] if entry["event"].isupper()]


def is_back(supervisor: Supervisor) -> bool:
    """Whether it is LIVE again after a FALLBACK that was not the first. On a busy machine a HOLD between them
    may be too short to be seen."""
    seen = states(supervisor)
    return seen.count("FALLBACK") > 1 and seen[-1] == "LIVE"


@pytest.mark.usefixtures("own_folder")
def test_a_show_from_start_to_end(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    supervisor = Supervisor(show, player, fake_nets, Heard(), seconds=3)
    things: list[Path] = []
    watcher = threading.Timer(2, lambda: things.extend(belongings(os.getpid(), tmp_path)))
    watcher.start()
    supervisor.run()
    watcher.join()
    report = supervisor.report()
    assert report["backend"] == {"pose": "fake pose", "generator": "fake generator"}
    assert states(supervisor) == ["FALLBACK", "LIVE"]
    programme = report["programme"]
    assert programme["seconds"]["live"] > 2
    assert sum(programme["seconds"].values()) == pytest.approx(programme["ticks"] / 30, rel=0.01)
    frames = report["frames"]
    assert frames["generated"] >= 24 * 2
    accounted = frames["shown"] + sum(frames["dropped"].values())
    assert frames["captured"] - 4 <= accounted <= frames["captured"]
    for name in ("capture_to_programme", "pose", "generate", "retarget"):
        p = report["latency_ms"][name]
        assert 0 < p["p50"] <= p["p95"] <= p["p99"]
    assert things and not any(thing.exists() for thing in things)
    assert child("performer") is None
    assert child("playout") is None


def test_an_output_that_encodes_leaves_the_processor_to_the_performer(tmp_path: Path) -> None:
    recorder = Recorder(kind="recorder", folder=tmp_path / "recordings")
    show, player = fake_show(tmp_path, outputs=(recorder,))
    supervisor = Supervisor(show, player, fake_nets, Heard(), seconds=60)
    nicer: list[int] = []

    def steps() -> None:
        wait_for(lambda: "LIVE" in states(supervisor))
        output, performer = child("output recorder"), child("performer")
        assert output is not None and performer is not None
        nicer.append(output.nice() - performer.nice())

    errors = in_background(supervisor, steps)
    supervisor.run()
    assert not errors and nicer == [ENCODER_NICENESS - NICENESS]
    assert nicer[0] > 0


def test_the_performer_is_killed_and_the_show_goes_on(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    heard = Heard()
    supervisor = Supervisor(show, player, fake_nets, heard)

    def kill_it() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        performer = child("performer")
        assert performer is not None
        performer.send_signal(signal.SIGKILL)
        wait_for(lambda: is_back(supervisor))

    errors = in_background(supervisor, kill_it)
    supervisor.run()
    assert not errors
    report = supervisor.report()
    assert report["restarts"] == {"performer": 1}
    at = {entry["event"]: entry["at_s"] for entry in report["timeline"]}
    assert at["FALLBACK"] - at["HOLD"] <= 0.25
    assert at["LIVE"] - at["FALLBACK"] >= 1
    assert any("SIGKILL" in line for line in heard.lines)
    programme = report["programme"]
    assert programme["ticks"] >= 30 * (at["LIVE"] - at["HOLD"])


def test_a_performer_that_hangs_is_replaced(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    heard = Heard()
    stages = {**stages_of(show), "performer": replace(PERFORMER, deadline_s=1.5)}
    supervisor = Supervisor(show, player, fake_nets, heard, stages=stages)

    def stop_it() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        performer = child("performer")
        assert performer is not None
        performer.suspend()
        wait_for(lambda: is_back(supervisor))

    errors = in_background(supervisor, stop_it)
    supervisor.run()
    assert not errors
    assert "performer was lost (it hung and was stopped); starting it again" in heard.lines


def test_the_playout_is_killed_and_carries_on_its_clock(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    supervisor = Supervisor(show, player, fake_nets, Heard())

    def kill_it() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        playout = child("playout")
        assert playout is not None
        playout.kill()
        wait_for(lambda: states(supervisor) == ["FALLBACK", "LIVE", "FALLBACK", "LIVE"])

    errors = in_background(supervisor, kill_it)
    supervisor.run()
    assert not errors
    assert supervisor.report()["restarts"] == {"playout": 1}
    assert supervisor.report()["programme"]["missed"] > 0


def test_a_playout_that_is_started_again_has_the_operators_orders_at_once(tmp_path: Path) -> None:
    """Else the slate would be off, and a layer on, until the next orders come."""
    show, player = fake_show(tmp_path)
    supervisor = Supervisor(show, player, fake_nets, Heard())

    def kill_it_on_slate() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        supervisor.act("slate")
        wait_for(lambda: states(supervisor)[-1:] == ["SLATE"])
        playout = child("playout")
        assert playout is not None
        playout.kill()
        wait_for(lambda: supervisor.totals.restarts == {"playout": 1})
        ticks = supervisor.totals.counts["programme.ticks"]
        wait_for(lambda: supervisor.totals.counts["programme.ticks"] > ticks + 30)

    errors = in_background(supervisor, kill_it_on_slate)
    supervisor.run()
    assert not errors
    assert states(supervisor)[-1] == "SLATE"
    assert "FALLBACK" not in states(supervisor)[states(supervisor).index("SLATE") :]


def test_the_operator_has_his_way(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path, start="standby")
    heard = Heard()
    supervisor = Supervisor(show, player, fake_nets, heard)

    def operate() -> None:
        wait_for(lambda: supervisor.totals.counts["frames.generated"] > 24 and states(supervisor))
        supervisor.act("take")
        wait_for(lambda: any(line.startswith("TAKE (") for line in heard.lines))
        assert states(supervisor) == ["FALLBACK"]
        supervisor.act("arm")
        supervisor.act("take")
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        supervisor.act("freeze")
        wait_for(lambda: states(supervisor)[-1:] == ["FREEZE"])
        supervisor.act("slate")
        wait_for(lambda: states(supervisor)[-1:] == ["SLATE"])
        supervisor.act("fallback")
        wait_for(lambda: states(supervisor)[-1:] == ["FALLBACK"])
        supervisor.act("quit")
        time.sleep(0.5)
        assert not supervisor.desk.orders.quit
        supervisor.key("y")
        assert supervisor.desk.orders.quit

    errors = in_background(supervisor, operate)
    supervisor.run()
    assert not errors


def test_the_camera_as_fallback(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path, start="standby", fallback="camera")
    supervisor = Supervisor(show, player, fake_nets, Heard(), seconds=2)
    supervisor.run()
    assert states(supervisor) == ["FALLBACK"]
    assert supervisor.report()["frames"]["dropped"]["not_on_air"] > 0


@pytest.fixture
def fake_live(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`run_live` with fakes, in a terminal's process group of its own, as soon as it is on air."""
    show = subprocess.Popen(
        [sys.executable, "-m", "tests.realtime.fake_live", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert show.stdout is not None
    for line in show.stdout:
        if "LIVE" in line:
            break
    yield show
    show.kill()
    show.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_all_quietly(
    fake_live: subprocess.Popen[str], tmp_path: Path, number: signal.Signals
) -> None:
    things = belongings(fake_live.pid, tmp_path)
    children = psutil.Process(fake_live.pid).children()
    os.killpg(fake_live.pid, number)  # a terminal sends it to every process
    _, errors = fake_live.communicate(timeout=20)
    assert fake_live.returncode == 0
    assert errors == ""
    wait_for(lambda: not any(alive(process) for process in children), timeout_s=10)
    wait_for(lambda: not any(path.exists() for path in things))
    assert (
        json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["programme"]["seconds"]["live"] > 0
    )


def test_nothing_outlives_a_supervisor_that_is_killed(
    fake_live: subprocess.Popen[str], tmp_path: Path
) -> None:
    things = belongings(fake_live.pid, tmp_path)
    children = psutil.Process(fake_live.pid).children()
    assert len(children) >= 2
    fake_live.kill()
    wait_for(lambda: not any(alive(process) for process in children), timeout_s=10)
    wait_for(lambda: not any(path.exists() for path in things))


def test_what_is_left_where_all_are_killed_at_once_is_removed_by_the_next_show(
    fake_live: subprocess.Popen[str], tmp_path: Path
) -> None:
    things = belongings(fake_live.pid, tmp_path)
    assert remove_leftovers(tmp_path) == 0, "it is alive"
    show = psutil.Process(fake_live.pid)
    family = [*show.children(recursive=True), show]
    for process in family:
        process.suspend()  # Python's tracker of shared memory would tidy up
    for process in family:
        process.kill()
    wait_for(lambda: not any(alive(process) for process in family), timeout_s=10)
    assert all(path.exists() for path in things)
    wait_for(lambda: remove_leftovers(tmp_path) == 1)  # a thread may take longer to end than the first one
    assert not any(path.exists() for path in things)


def test_networks_that_cannot_start_end_the_show_with_their_own_words(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    with pytest.raises(SupervisorError, match=r"^RuntimeError: the engine is broken$"):
        Supervisor(show, player, broken_nets, Heard()).run()
    assert child("playout") is None
