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
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from realtime.config.outputs import Recorder
from realtime.config.show import Show
from realtime.performer.networks import Nets
from realtime.performer.performer import NICENESS
from realtime.stages.table import ENCODER_NICENESS
from realtime.supervise.leftovers import remove_leftovers
from realtime.supervise.supervisor import Supervisor, SupervisorError
from tests.realtime.fakes import FakePerson, Heard, TrackerOf, broken_nets, fake_nets, fake_show

ROOT = Path(__file__).resolve().parents[2]


def child(name: str) -> psutil.Process | None:
    for process in psutil.Process().children(recursive=True):
        try:
            if process.cmdline()[:1] == [f"dancecam {name}"]:
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


def ticks_go_on(supervisor: Supervisor, more: int = 60) -> None:
    """Waits until the programme has had so many more ticks, and every process some turns."""
    ticks = supervisor.totals.counts["programme.ticks"]
    wait_for(lambda: supervisor.totals.counts["programme.ticks"] > ticks + more)


def wait_until_back(supervisor: Supervisor, restarts: int = 1) -> None:
    """Waits until the performer, which was started again so many times, is LIVE. A pause of a busy machine,
    whether before or meanwhile, is not taken for it."""
    wait_for(
        lambda: (
            supervisor.totals.restarts["performer"] >= restarts and supervisor.status().is_ready("performer")
        )
    )
    ticks_go_on(supervisor)  # so the playout knows, too
    wait_for(lambda: states(supervisor)[-1] == "LIVE")


def states_since(supervisor: Supervisor, beginning: str) -> list[str]:
    """The states after the last event whose text begins so; none where there was no such event."""
    events = [entry["event"] for entry in supervisor.report()["timeline"]]
    places = [n for n, event in enumerate(events) if event.startswith(beginning)]
    return [event for event in events[places[-1] :] if event.isupper()] if places else []


def nets_that_find_nobody_at_last(show: Show) -> Nets:
    """Once the file `enough` is there."""
    enough = Path(show.camera).with_name("enough")
    tracker = TrackerOf(lambda frame, t_ns: None if enough.exists() else FakePerson())
    return replace(fake_nets(show), tracker=tracker)


@pytest.mark.usefixtures("own_folder")
def test_a_show_from_start_to_end(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    supervisor = Supervisor(show, player, nets_that_find_nobody_at_last, Heard())
    things: list[Path] = []
    counts = supervisor.totals.counts

    def watch() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        things.extend(belongings(os.getpid(), tmp_path))
        wait_for(lambda: counts["ns.live"] > 2e9 and counts["frames.generated"] >= 24 * 2)
        (tmp_path / "enough").touch()  # whichever process ends first, no picture is on its way to the other
        wait_for(lambda: counts["dropped.nobody"] > 10)
        ticks_go_on(supervisor)

    errors = in_background(supervisor, watch)
    supervisor.run()
    assert not errors
    report = supervisor.report()
    assert report["backend"] == {"pose": "fake pose", "generator": "fake generator"}
    assert states(supervisor)[:2] == ["FALLBACK", "LIVE"]
    assert not {*states(supervisor)} - {"FALLBACK", "LIVE", "HOLD"}
    programme = report["programme"]
    assert programme["seconds"]["live"] > 2
    assert sum(programme["seconds"].values()) == pytest.approx(programme["ticks"] / 30, rel=0.01)
    frames = report["frames"]
    assert frames["shown"] > 0
    accounted = frames["shown"] + sum(frames["dropped"].values())
    assert frames["captured"] - 4 <= accounted <= frames["captured"]
    for name in ("capture_to_programme", "pose", "generate", "retarget"):
        p = report["latency_ms"][name]
        assert 0 < p["p50"] <= p["p95"] <= p["p99"]
    assert things and not any(thing.exists() for thing in things)
    wait_for(lambda: child("performer") is None)
    wait_for(lambda: child("playout") is None)


def test_an_output_that_encodes_leaves_the_processor_to_the_performer(tmp_path: Path) -> None:
    recorder = Recorder(kind="recorder", folder=tmp_path / "recordings")
    show, player = fake_show(tmp_path, outputs=(recorder,))
    supervisor = Supervisor(show, player, fake_nets, Heard())

    def steps() -> None:
        wait_for(lambda: "LIVE" in states(supervisor))
        wait_for(lambda: child("output recorder"))
        output, performer = child("output recorder"), child("performer")
        assert output is not None and performer is not None
        # It has its title a moment before it is nicer.
        wait_for(lambda: output.nice() - performer.nice() == ENCODER_NICENESS - NICENESS)

    errors = in_background(supervisor, steps)
    supervisor.run()
    assert not errors
    assert ENCODER_NICENESS > NICENESS


def test_the_performer_is_killed_and_the_show_goes_on(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    heard = Heard()
    supervisor = Supervisor(show, player, fake_nets, heard)

    def kill_it() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        performer = child("performer")
        assert performer is not None
        performer.send_signal(signal.SIGKILL)
        wait_until_back(supervisor)

    errors = in_background(supervisor, kill_it)
    supervisor.run()
    assert not errors
    report = supervisor.report()
    assert report["restarts"] == {"performer": 1}
    assert any("SIGKILL" in line for line in heard.lines)
    programme = report["programme"]
    missed_s = (programme["missed"] + 1) / 30  # ticks of a busy machine
    seen = [(entry["event"], entry["at_s"]) for entry in report["timeline"] if entry["event"].isupper()]
    down = [n for n, (state, _) in enumerate(seen) if state == "FALLBACK" and n]
    assert down
    for n in down:
        if seen[n - 1][0] == "HOLD":  # on a busy machine it may be too short to be seen
            assert seen[n][1] - seen[n - 1][1] <= 0.25 + missed_s
    back = [live[1] - gone[1] for gone, live in pairwise(seen[1:]) if gone[0] == "FALLBACK"]
    assert back and min(back) >= 1
    assert programme["ticks"] + programme["missed"] >= 30 * (seen[-1][1] - seen[down[0]][1])


def test_a_performer_that_hangs_is_replaced(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    heard = Heard()
    supervisor = Supervisor(show, player, fake_nets, heard)

    def stop_it() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        performer = child("performer")
        assert performer is not None
        performer.suspend()
        wait_until_back(supervisor)

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
        wait_for(lambda: states_since(supervisor, "playout was lost")[-1:] == ["LIVE"])

    errors = in_background(supervisor, kill_it)
    supervisor.run()
    assert not errors
    assert states(supervisor)[:2] == ["FALLBACK", "LIVE"]
    assert states_since(supervisor, "playout was lost")[:2] == ["FALLBACK", "LIVE"]
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
        ticks_go_on(supervisor, 30)

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
    supervisor = Supervisor(show, player, fake_nets, Heard())

    def look() -> None:
        wait_for(lambda: supervisor.totals.counts["dropped.not_on_air"] > 24)
        ticks_go_on(supervisor)

    errors = in_background(supervisor, look)
    supervisor.run()
    assert not errors
    assert states(supervisor) == ["FALLBACK"]


def test_a_show_ends_after_its_time_on_air(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    supervisor = Supervisor(show, player, fake_nets, Heard(), seconds=2)
    unheard = threading.Timer(120, supervisor.stop)
    unheard.start()
    supervisor.run()
    unheard.cancel()
    programme = supervisor.report()["programme"]
    assert 2 * 30 - 6 <= programme["ticks"] + programme["missed"] <= 12 * 30


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
    _, errors = fake_live.communicate(timeout=60)
    assert fake_live.returncode == 0
    assert errors == ""
    wait_for(lambda: not any(alive(process) for process in children))
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
    wait_for(lambda: not any(alive(process) for process in children))
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
    wait_for(lambda: not any(alive(process) for process in family))
    assert all(path.exists() for path in things)
    wait_for(lambda: remove_leftovers(tmp_path) == 1)  # a thread may take longer to end than the first one
    assert not any(path.exists() for path in things)


def test_networks_that_cannot_start_end_the_show_with_their_own_words(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    with pytest.raises(SupervisorError, match=r"^RuntimeError: the engine is broken$"):
        Supervisor(show, player, broken_nets, Heard()).run()
    wait_for(lambda: child("playout") is None)
