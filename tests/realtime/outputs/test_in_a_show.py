"""Outputs in a whole show, with fakes in place of the networks: each is killed while the others go on."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import psutil
import pytest

from realtime.config.outputs import Recorder, Stream, WebRtc
from realtime.config.show import Programme
from realtime.stages.table import stages_of
from realtime.supervise.stage_process import StageProcess
from realtime.supervise.supervisor import Supervisor, SupervisorError
from realtime.supervise.watchdog import Watchdog
from realtime.transport.statuses import OutputStatus
from tests.ports import free_port
from tests.realtime.fakes import Heard, fake_nets, fake_show
from tests.realtime.outputs.feeding import wait_until
from tests.realtime.test_show_runs import alive, child, rings, states

RECORDER, STREAM, PAGE = "output recorder", "output stream", "output webrtc"
START_S = 120.0
"""So long its processes may take on a busy machine."""


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[OutputStatus]:
    """What was told of each output whose process had ended. The next process tells something else soon, and
    a test that is not scheduled meanwhile does not see it."""
    told: list[OutputStatus] = []
    bury = StageProcess.bury

    def noted(stage: StageProcess) -> tuple[int | None, str]:
        found = bury(stage)
        if stage.said.output is not None:
            told.append(stage.said.output)
        return found

    monkeypatch.setattr(StageProcess, "bury", noted)
    return told


def output_of(supervisor: Supervisor, name: str) -> OutputStatus:
    return next(output for output in supervisor.status().outputs if output.name == name)


def sent(supervisor: Supervisor, name: str) -> int:
    return output_of(supervisor, name).sent


def goes_on(supervisor: Supervisor, name: str, pictures: int = 10) -> None:
    before = sent(supervisor, name)
    wait_until(lambda: sent(supervisor, name) > before + pictures, f"{name} goes on")


def kill(stage: str) -> psutil.Process:
    process = child(stage)
    assert process is not None, stage
    os.kill(process.pid, signal.SIGKILL)
    return process


def run(supervisor: Supervisor, steps: Callable[[], None]) -> None:
    """The show, and `steps` beside it; what they raise is raised here."""
    errors: list[Exception] = []

    def work() -> None:
        try:
            steps()
        except Exception as error:  # noqa: BLE001  # raised below
            errors.append(error)
        finally:
            supervisor.stop()

    worker = threading.Thread(target=work)
    worker.start()
    supervisor.run()
    worker.join()
    if errors:
        raise errors[0]


def with_outputs(folder: Path, **stream_stage: float) -> tuple[Supervisor, Heard]:
    """stream_stage: changes of the stream's `Stage`."""
    url = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    show, player = fake_show(
        folder,
        webrtc=WebRtc(port=free_port()),
        outputs=(
            Recorder(kind="recorder", folder=folder / "takes", bitrate=1_000_000),
            Stream(kind="stream", url=url, bitrate=1_000_000),
        ),
    )
    heard, stages = Heard(), stages_of(show)
    stages[STREAM] = replace(stages[STREAM], **stream_stage)  # type: ignore[arg-type]  # those that are numbers
    return Supervisor(show, player, fake_nets, heard, stages=stages), heard


@pytest.mark.usefixtures("own_folder")
def test_each_stage_is_killed_in_turn_and_the_others_go_on(tmp_path: Path, ends: list[OutputStatus]) -> None:
    supervisor, heard = with_outputs(tmp_path)
    folder, things = tmp_path / "takes", set[Path]()

    def steps() -> None:
        wait_until(lambda: states(supervisor)[-1:] == ["LIVE"], "on air", START_S)
        wait_until(lambda: sent(supervisor, "stream") > 10, "a stream", START_S)
        wait_until(lambda: output_of(supervisor, "webrtc").state == "running", "the page", START_S)
        wait_until(lambda: output_of(supervisor, "recorder").state == "off", "the recorder", START_S)
        assert not folder.exists()  # nothing is stored before the operator records
        supervisor.act("record")
        wait_until(lambda: sent(supervisor, "recorder") > 20, "a recording")
        others = {stage: child(stage) for stage in (RECORDER, STREAM, PAGE)}
        things.update(rings(), tmp_path.glob("dancecam-*"))

        kill("playout")
        wait_until(lambda: supervisor.totals.restarts["playout"] == 1, "its loss is told")
        for name in ("recorder", "stream"):
            goes_on(supervisor, name)
        assert {stage: child(stage) for stage in others} == others, "the same processes as before"
        assert len(list(folder.iterdir())) == 1, "the recording goes on in its file"

        lost = kill(STREAM)
        wait_until(lambda: len(ends) == 1, "its failure is told")
        assert (ends[0].name, ends[0].state) == ("stream", "failed")
        assert ends[0].reason == "stream: its process ended (SIGKILL); it is started again"
        goes_on(supervisor, "recorder")
        wait_until(lambda: output_of(supervisor, "stream").state == "running", "it is back", START_S)
        goes_on(supervisor, "stream")
        assert not lost.is_running()

        kill(PAGE)
        wait_until(lambda: len(ends) == 2, "no page")
        assert (ends[1].name, ends[1].state) == ("webrtc", "failed")
        goes_on(supervisor, "recorder")
        wait_until(lambda: output_of(supervisor, "webrtc").state == "running", "the page again", START_S)

        kill(RECORDER)
        wait_until(lambda: len(list(folder.iterdir())) == 2, "the order to record holds", START_S)
        wait_until(lambda: output_of(supervisor, "recorder").state == "running", "the next one tells so")
        goes_on(supervisor, "recorder")
        supervisor.act("record")
        wait_until(lambda: output_of(supervisor, "recorder").state == "off", "the recording ends")

    run(supervisor, steps)
    for path in folder.iterdir():
        with av.open(str(path)) as file:
            assert sum(1 for _ in file.decode(video=0)) > 10
    processes = (RECORDER, STREAM, PAGE, "playout", "performer")
    wait_until(lambda: not any(map(child, processes)), "no process outlives the show")
    assert len(things) == 5 and not any(thing.exists() for thing in things), "four rings, and the sockets"
    report = supervisor.report()
    assert json.dumps(report)
    assert report["restarts"] == {"playout": 1, STREAM: 1, PAGE: 1, RECORDER: 1}
    assert f"{STREAM} was lost (SIGKILL); starting it again" in heard.lines


def test_an_output_that_dies_again_and_again_ends_nothing_and_waits_longer(
    tmp_path: Path, ends: list[OutputStatus], monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor, _ = with_outputs(tmp_path, window_s=1000.0)  # it is killed soon, however long its start takes
    waits_s: list[float | None] = []
    at_s: list[float] = []
    restart_in_s = Watchdog.restart_in_s

    def noted(watchdog: Watchdog, now_ns: int) -> float | None:
        waits_s.append(restart_in_s(watchdog, now_ns))
        return waits_s[-1]

    monkeypatch.setattr(Watchdog, "restart_in_s", noted)

    def steps() -> None:
        for n in range(4):
            wait_until(lambda: output_of(supervisor, "stream").state == "running", "it runs", START_S)
            lost_s = time.monotonic()
            kill(STREAM)
            wait_until(lambda n=n: len(ends) > n, "it is lost")
            wait_until(lambda: child(STREAM) is not None, "the next one", START_S)
            at_s.append(time.monotonic() - lost_s)
        wait_until(lambda: output_of(supervisor, "stream").state == "running", "it runs", START_S)
        goes_on(supervisor, "stream")

    run(supervisor, steps)
    assert at_s[3] > 3
    assert waits_s == [0.5, 1.0, 2.0, 4.0]
    assert [(end.name, end.state) for end in ends] == 4 * [("stream", "failed")]
    assert supervisor.report()["restarts"] == {STREAM: 4}


def test_what_no_retry_can_mend_ends_the_show_with_a_line(tmp_path: Path) -> None:
    stream = Stream(kind="stream", url="udp://127.0.0.1:9", bitrate=100_000_000)
    show, player = fake_show(
        tmp_path, outputs=(stream,), programme=Programme(fps=Fraction(120), size=(4096, 2160))
    )
    with pytest.raises(SupervisorError, match=r"no H\.264 level holds 4096x2160"):
        Supervisor(show, player, fake_nets, Heard()).run()


def test_nothing_outlives_a_supervisor_that_is_killed_with_its_outputs(tmp_path: Path) -> None:
    show_file = tmp_path / "show.toml"
    show_file.write_text(
        '[[outputs]]\nkind = "recorder"\nfolder = "takes"\nfeed = "clean"\n', encoding="utf-8"
    )
    port = free_port()
    command = [sys.executable, "-m", "tests.realtime.fake_live", str(tmp_path)]
    show = subprocess.Popen(
        [*command, "--show", str(show_file), "--port", str(port)],
        cwd=Path(__file__).resolve().parents[3],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    try:
        names = ("performer", "playout", "web server", RECORDER, PAGE)
        wait_until(lambda: all(child(name) for name in names), "all stages", START_S)
        wait_until(lambda: any(tmp_path.glob("dancecam-*/whep")), "the page", START_S)
        processes = [child(name) for name in names]
        memory = rings(show.pid)
        assert len(memory) == 5, "the player's, the camera's; picture, clean feed and preview"
    finally:
        show.kill()
        show.wait()
    wait_until(lambda: not any(process and alive(process) for process in processes), "their end")
    wait_until(lambda: not any(ring.exists() for ring in memory), "the end of the shared memory")
    wait_until(lambda: not list(tmp_path.glob("dancecam-*")), "the end of the sockets")
