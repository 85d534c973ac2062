"""An output in its process: fed, told the operator's orders, never waited for, and how its end is told."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil

from realtime.config.outputs import Recorder, WebRtc
from realtime.config.show import Show
from realtime.outputs.output_stage import feed
from realtime.outputs.sink import Format, OutputError, OutputSink
from realtime.stages.context import StageContext
from realtime.stages.stage_link import StageLink
from realtime.stages.table import Stage, output_stage
from realtime.transport.orders import Orders
from realtime.transport.programme_ring import Part, ProgrammeFrame
from realtime.transport.statuses import OutputStatus
from tests.realtime.outputs.feeding import held_nobody_up, playing, wait_for_state, wait_until
from tools.benchmarking.hosting import HostedOutput, hosted

FORMAT = Format((64, 64), Fraction(30))


class Diary(OutputSink):
    """Writes the tick and the grey of each picture to a file. It opens while there is no file "held" beside
    it, and stalls once there is a file "stall"."""

    kind = name = "recorder"

    def __init__(self, path: Path) -> None:
        if path.name == "refused":
            raise OutputError("recorder: refused")
        while path.with_name("held").exists():
            time.sleep(0.01)
        self._path = path
        self._file = path.open("a", encoding="utf-8")
        self._sent = 0
        self._keys = ["t"]

    def wants(self) -> frozenset[Part]:
        return frozenset({"picture", "preview"})

    def send(self, frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        assert frame.preview is not None
        print(tick, frame.picture[0, 0, 0], frame.preview[-1, -1, 0], file=self._file, flush=True)
        self._sent += 1

    def status(self) -> OutputStatus:
        receivers = {"programme": 3}
        return OutputStatus(self.name, self.kind, "running", sent=self._sent, fps=30.0, receivers=receivers)

    def order(self, order: str) -> None:
        self._keys.append(order)  # comes back as if it were typed

    def stalled(self) -> bool:
        return self._path.with_name("stall").exists()

    def pressed(self) -> list[str]:
        keys, self._keys = self._keys, []
        return keys

    def close(self) -> None:
        print("closed", file=self._file, flush=True)


def run(context: StageContext, link: StageLink) -> None:
    feed(Diary(context.stage.settings), context, link)


def frame(tick: int) -> ProgrammeFrame:
    picture = np.full((64, 64, 3), tick % 200, np.uint8)
    return ProgrammeFrame(picture, preview=picture + 50)


def diary(path: Path) -> Stage:
    return replace(output_stage("recorder", "recorder", path), entry=f"{__name__}:run")


@contextmanager
def keeping(path: Path) -> Iterator[HostedOutput]:
    with hosted(Show(), FORMAT, diary(path)) as output:
        yield output


def process_of(output: HostedOutput) -> psutil.Process:
    assert output.stage.process is not None
    return psutil.Process(output.stage.process.pid)


def test_pictures_cross_whole_and_in_order_and_the_end_is_told(tmp_path: Path) -> None:
    path, held = tmp_path / "diary", tmp_path / "held"
    held.touch()
    keys: list[str] = []
    with keeping(path) as output:
        assert output.status().state == "connecting"
        held.unlink()
        with playing(output.send, frame) as took:
            wait_until(lambda: output.status().sent > 20, "20 pictures")
            assert process_of(output).cmdline()[0] == "dancecam output recorder"
        wait_until(lambda: bool(keys.append(output.pressed()) or "".join(keys)), "a key")
        assert "".join(keys) == "t"
        process = process_of(output)
    assert not process.is_running()
    assert held_nobody_up(took)
    *lines, last = path.read_text(encoding="utf-8").splitlines()
    assert last == "closed"
    rows = np.array([line.split() for line in lines], int)
    assert (np.diff(rows[:, 0]) > 0).all()
    assert (rows[:, 1] == rows[:, 0] % 200).all()
    assert (rows[:, 2] == rows[:, 1] + 50).all()


def test_a_process_that_takes_the_place_of_another_hears_the_orders_again(tmp_path: Path) -> None:
    keys = ""

    def typed(output: HostedOutput, text: str) -> bool:
        nonlocal keys
        output.order(Orders(recording=True))
        output.status()
        keys += output.pressed()
        return keys == text

    with keeping(tmp_path / "diary") as output:
        wait_until(lambda: typed(output, "tstart"), "it records")
        wait_for_state(output, "running")
        process_of(output).send_signal(signal.SIGKILL)
        status = wait_for_state(output, "failed")
        assert status.reason == "recorder: its process ended (SIGKILL); it is started again"
        assert (status.fps, status.receivers) == (0.0, {"programme": 0})
        output.start()
        wait_until(lambda: typed(output, "tstarttstart"), "the next one does too")
        assert output.status().reason == ""


def test_a_sink_that_hangs_ends_its_process_with_a_line(tmp_path: Path) -> None:
    with keeping(tmp_path / "diary") as output, playing(output.send, frame):
        wait_for_state(output, "running")
        (tmp_path / "stall").touch()
        wait_for_state(output, "failed")
        assert output.status().reason == "recorder: it takes no more pictures; it is started again"
    assert (tmp_path / "diary").read_text(encoding="utf-8").endswith("closed\n")


def test_a_process_that_hangs_holds_nobody_up_and_is_stopped(tmp_path: Path) -> None:
    stage = replace(diary(tmp_path / "diary"), deadline_s=10.0)
    with hosted(Show(), FORMAT, stage) as output, playing(output.send, frame) as took:
        wait_for_state(output, "running")
        os.kill(process_of(output).pid, signal.SIGSTOP)
        wait_for_state(output, "failed")
        assert "its process ended (it hung and was stopped)" in output.status().reason
    assert held_nobody_up(took)
    assert len(took) > 20


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with keeping(tmp_path / "refused") as output:
        wait_for_state(output, "failed")
        assert output.status().reason == "recorder: refused; it is started again"


def test_a_recorder_of_the_table_records_between_the_orders(tmp_path: Path) -> None:
    recorder = Recorder(kind="recorder", folder=tmp_path / "takes", feed="clean")
    with hosted(Show(webrtc=WebRtc(port=0), outputs=(recorder,)), Format((128, 96), Fraction(30))) as output:
        assert set(output.rig.programme) == {"picture", "clean"}
        picture = np.full((96, 128, 3), 90, np.uint8)
        wanted: list[frozenset[Part]] = []

        def send(frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
            wanted.append(output.wants())  # in the clock's thread, whose socket tells it
            output.send(frame, tick, due_ns)

        with playing(send, lambda _: ProgrammeFrame(picture, clean=picture)):
            wait_for_state(output, "off")
            before = len(wanted)
            wait_until(lambda: len(wanted) > before, "a tick")
            assert not any(wanted)
            wait_until(lambda: _records(output, True), "a recording")
            wait_until(lambda: _records(output, False), "its end")
    assert len(list((tmp_path / "takes").iterdir())) == 1


def _records(output: HostedOutput, recording: bool) -> bool:
    output.order(Orders(recording=recording))
    status = output.status()
    return status.sent > 10 if recording else status.state == "off"


def test_a_show_has_no_ring_for_what_no_output_can_want() -> None:
    with hosted(Show(), FORMAT, diary(Path("refused"))) as output:
        assert set(output.rig.programme) == {"picture", "preview"}
