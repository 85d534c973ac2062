"""An output in a process of its own: fed, replaced when it dies or hangs, and never waited for."""

import errno
import os
import signal
import time
from collections.abc import Iterator
from fractions import Fraction
from multiprocessing import active_children
from multiprocessing.context import SpawnProcess
from pathlib import Path

import numpy as np
import psutil
import pytest

from realtime.outputs import hosted
from realtime.outputs.fanout import Outputs
from realtime.outputs.hosted import HostedSink
from realtime.outputs.sink import Format, OutputError, OutputSink, Part, ProgrammeFrame, SinkStatus
from tests.realtime.outputs.feeding import playing, wait_for_state, wait_until

FORMAT = Format((64, 48), Fraction(30))


class Diary(OutputSink):
    """Runs in the process: writes the tick and the grey of each picture, and its process's id, to a file."""

    kind = name = "diary"

    def __init__(self, settings: Path, programme: Format) -> None:
        if settings.name == "refused":
            raise OutputError("diary: refused")
        self._file = settings.open("a", encoding="utf-8")
        self._sent = 0
        self._keys = ["space"]

    def wants(self) -> frozenset[Part]:
        return frozenset({"picture", "preview"})

    def send(self, frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        assert frame.preview is not None
        print(tick, frame.picture[0, 0, 0], frame.preview[-1, -1, 0], file=self._file, flush=True)
        self._sent += 1

    def status(self) -> SinkStatus:
        return SinkStatus(self.name, self.kind, "running", where=str(os.getpid()), sent=self._sent)

    def order(self, order: str) -> None:
        self._keys.append(order)  # comes back as if it were typed

    def pressed(self) -> list[str]:
        keys, self._keys = self._keys, []
        return keys

    def close(self) -> None:
        print("closed", file=self._file, flush=True)


def frame(tick: int) -> ProgrammeFrame:
    picture = np.full((48, 64, 3), tick % 200, np.uint8)
    return ProgrammeFrame(picture, preview=picture + 50)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "diary"


@pytest.fixture
def sink(path: Path) -> Iterator[HostedSink]:
    entry = "tests.realtime.outputs.test_hosted:Diary"
    parts = frozenset[Part]({"picture", "preview"})
    sink = HostedSink("diary", "diary", entry, path, FORMAT, parts, orders=frozenset({"start"}))
    yield sink
    sink.close()


def send(sink: HostedSink):
    def feed(frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        if sink.wants():
            sink.send(frame, tick, due_ns)

    return feed


def test_pictures_cross_whole_and_in_order_and_the_end_is_told(sink: HostedSink, path: Path) -> None:
    assert sink.status().state == "connecting"
    with playing(send(sink), frame):
        wait_until(lambda: sink.status().sent > 20, "20 pictures")
    assert sink.pressed() == ["space"]
    assert sink.pressed() == []
    sink.close()
    sink.close()
    sink.send(frame(0), 0, 0)
    *lines, last = path.read_text(encoding="utf-8").splitlines()
    assert last == "closed"
    rows = np.array([line.split() for line in lines], int)
    assert (np.diff(rows[:, 0]) > 0).all()
    assert (rows[:, 1] == rows[:, 0] % 200).all()
    assert (rows[:, 2] == rows[:, 1] + 50).all()
    assert not [child for child in active_children() if child.name == "diary"]


class Keyed(Diary):
    """Wants the layer alone; writes its shape, or the picture's where there is no layer."""

    def wants(self) -> frozenset[Part]:
        return frozenset({"layer"})

    def send(self, frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        shown = frame.picture if frame.layer is None else frame.layer
        print(tick, *shown.shape, shown[0, 0, 0], file=self._file, flush=True)
        self._sent += 1


def test_the_layer_crosses_and_the_picture_where_there_is_none(path: Path) -> None:
    def half_keyed(tick: int) -> ProgrammeFrame:
        layer = np.full((48, 64, 4), tick % 200, np.uint8) if tick % 2 else None
        return frame(tick)._replace(layer=layer)

    entry = "tests.realtime.outputs.test_hosted:Keyed"
    sink = HostedSink("keyed", "keyed", entry, path, FORMAT, frozenset({"layer"}))
    try:
        with playing(Outputs([sink]).send, half_keyed):
            wait_until(lambda: sink.status().sent > 10, "10 pictures")
    finally:
        sink.close()
    rows = [
        [int(word) for word in line.split()] for line in path.read_text(encoding="utf-8").splitlines()[:-1]
    ]
    assert all(row[1:] == [48, 64, 4 if row[0] % 2 else 3, row[0] % 200] for row in rows)
    assert {row[0] % 2 for row in rows} == {0, 1}


def test_a_process_that_is_killed_is_replaced(sink: HostedSink) -> None:
    with playing(send(sink), frame) as took:
        wait_for_state(sink, "running")
        sink.order("start")
        wait_until(lambda: "start" in sink.pressed(), "the order is heard")
        with pytest.raises(OutputError, match="does not know the order 'jump'"):
            sink.order("jump")
        first = int(sink.status().where)
        os.kill(first, signal.SIGKILL)
        wait_for_state(sink, "failed")
        assert "its process ended (-9)" in sink.status().reason
        wait_for_state(sink, "running")
        second = int(sink.status().where)
        assert second != first
        wait_until(lambda: sink.status().sent > 5, "pictures go on")
        assert "start" in sink.pressed()  # the new process has the old one's order
    assert max(took) < 0.25


def test_a_process_that_hangs_holds_nobody_up_and_is_replaced(
    sink: HostedSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    with playing(send(sink), frame) as took:
        wait_for_state(sink, "running")
        monkeypatch.setattr(hosted, "SILENT_S", 1.0)
        time.sleep(0.5)
        hung = int(sink.status().where)
        os.kill(hung, signal.SIGSTOP)
        wait_for_state(sink, "failed")
        assert "silent for 1 s" in sink.status().reason
        wait_until(lambda: not psutil.pid_exists(hung), "the hung one is gone")
        wait_for_state(sink, "running")
    assert max(took) < 0.25
    assert len(took) > 20


def test_a_process_that_cannot_be_started_is_told_and_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the system has no processes, memory or file handles left."""
    failures = iter(
        [OSError(errno.EAGAIN, "Resource temporarily unavailable"), OSError(errno.EMFILE, "Too many")]
    )
    start = SpawnProcess.start

    def start_later(process: SpawnProcess) -> None:
        for failure in failures:
            raise failure
        start(process)

    monkeypatch.setattr(SpawnProcess, "start", start_later)
    entry = "tests.realtime.outputs.test_hosted:Diary"
    sink = HostedSink("diary", "diary", entry, path, FORMAT, frozenset[Part]({"picture", "preview"}))
    try:
        wait_for_state(sink, "failed")
        assert "its process cannot be started (BlockingIOError: [Errno 11] Resource" in sink.status().reason
        wait_until(lambda: "Too many" in sink.status().reason, "the second failure")
        with playing(send(sink), frame):
            wait_until(lambda: sink.status().sent > 3, "pictures")
        assert sink.status().reason == ""
    finally:
        sink.close()


def test_what_cannot_be_opened_is_told_and_tried_again(tmp_path: Path) -> None:
    entry = "tests.realtime.outputs.test_hosted:Diary"
    sink = HostedSink("diary", "diary", entry, tmp_path / "refused", FORMAT, frozenset({"picture"}))
    try:
        wait_for_state(sink, "failed")
        assert sink.status().reason == "diary: refused"
        assert sink.wants() == frozenset()
    finally:
        sink.close()
