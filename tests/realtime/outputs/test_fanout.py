"""All outputs together: one copy, nobody held up, nobody taken along by a failure."""

import threading
import time
from fractions import Fraction

import numpy as np
import pytest

from realtime.outputs.fanout import Outputs
from realtime.outputs.sink import Format, OutputError, OutputSink, Part, ProgrammeFrame, SinkStatus
from realtime.outputs.worker import Tick, WorkerSink
from tests.realtime.outputs.feeding import playing, wait_for_state, wait_until

FORMAT = Format((64, 48), Fraction(50))


def frame(tick: int) -> ProgrammeFrame:
    picture = np.full((48, 64, 3), tick % 200, np.uint8)
    layer = np.full((48, 64, 4), tick % 200, np.uint8)
    return ProgrammeFrame(picture, layer, clean=picture + 1, preview=picture + 2)


class Kept(OutputSink):
    """Keeps every frame; a test of what is handed over."""

    kind = "kept"

    def __init__(self, name: str, *parts: Part) -> None:
        self.name = name
        self.parts = frozenset(parts)
        self.frames: list[ProgrammeFrame] = []
        self.ticks: list[int] = []
        self.fails = False
        self.closed = False

    def wants(self) -> frozenset[Part]:
        return self.parts

    def send(self, frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        if self.fails:
            raise RuntimeError("out of order")
        self.frames.append(frame)
        self.ticks.append(tick)

    def status(self) -> SinkStatus:
        return SinkStatus(self.name, self.kind, "running", dropped={"slow": 3})

    def order(self, order: str) -> None:
        if order != "start":
            super().order(order)

    def close(self) -> None:
        self.closed = True
        if self.fails:
            raise RuntimeError("cannot close")


class Worker(WorkerSink):
    """Writes to a list; `gate` holds it up, `error` fails it."""

    def __init__(self, name: str) -> None:
        super().__init__("worker", name, FORMAT, frozenset[Part]({"picture"}), where="nowhere")
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.ticks: list[int] = []
        self.opened = 0
        self._start()

    def _open(self) -> None:
        self.opened += 1

    def _write(self, tick: Tick) -> None:
        self.gate.wait()
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        self.ticks.append(tick.number)

    def _shut(self) -> None:
        pass


def test_a_tick_is_copied_once_for_all_and_nobody_can_change_it() -> None:
    one, two, idle = Kept("one", "picture"), Kept("two", "picture", "preview"), Kept("idle")
    outputs = Outputs([one, two, idle])
    given = frame(7)
    outputs.send(given, 7, 0)
    given.picture[:] = 0
    assert given.preview is not None
    given.preview[:] = 0
    (kept,) = one.frames
    assert kept.picture is two.frames[0].picture
    assert (kept.picture == 7).all()
    assert (two.frames[0].preview == 9).all()
    assert kept.layer is None  # nobody wants it
    assert kept.clean is None
    with pytest.raises(ValueError, match="read-only"):
        kept.picture[0] = 1
    assert idle.frames == []


def test_where_there_is_no_layer_the_picture_takes_its_place() -> None:
    keyed = Kept("keyed", "layer")
    outputs = Outputs([keyed])
    outputs.send(frame(3), 3, 3)
    slate = frame(4)._replace(layer=None)
    outputs.send(slate, 4, 4)
    slate.picture[:] = 0
    assert outputs.wants() == {"layer"}
    live, covered = keyed.frames
    assert live.layer is not None
    assert (live.layer == 3).all()
    assert covered.layer is None
    assert (covered.picture == 4).all()


def test_parts_that_are_one_picture_are_copied_once() -> None:
    every = Kept("every", "picture", "clean", "preview")
    picture = frame(3).picture
    Outputs([every]).send(ProgrammeFrame(picture, clean=picture, preview=picture), 3, 0)
    (kept,) = every.frames
    assert kept.picture is kept.clean is kept.preview
    assert kept.picture is not picture


def test_what_is_on_air_never_takes_the_clean_feeds_place() -> None:
    clean = Kept("clean", "clean")
    Outputs([clean]).send(frame(3)._replace(clean=None), 3, 0)
    assert clean.frames[0].clean is None


def test_an_output_that_raises_loses_its_tick_alone() -> None:
    broken, whole = Kept("broken", "picture"), Kept("whole", "picture")
    outputs = Outputs([broken, whole])
    for tick in range(6):
        broken.fails = tick in (2, 3)
        outputs.send(frame(tick), tick, tick)
    assert broken.ticks == [0, 1, 4, 5]
    assert whole.ticks == [0, 1, 2, 3, 4, 5]
    first, second = outputs.status()
    assert first["dropped"] == {"slow": 3, "error": 2}
    assert first["reason"] == "broken: out of order"
    assert (second["dropped"], second["reason"]) == ({"slow": 3}, "")
    broken.fails = True
    outputs.close()
    assert whole.closed


def test_a_stalled_output_costs_the_others_no_tick() -> None:
    stalled, free, kept = Worker("stalled"), Worker("free"), Kept("kept", "picture")
    outputs = Outputs([stalled, free, kept])
    wait_for_state(stalled, "running")
    wait_for_state(free, "running")
    stalled.gate.clear()
    for tick in range(60):
        sent = free.status().sent
        before = time.perf_counter()
        outputs.send(frame(tick), tick, tick)
        assert time.perf_counter() - before < 0.5
        wait_until(lambda sent=sent: free.status().sent > sent, "the free one has written the tick")
    assert free.ticks == kept.ticks == list(range(60))
    stalled.gate.set()
    wait_until(lambda: stalled.ticks == [0, 59], "it goes on with the newest")
    assert stalled.status().dropped == {"slow": 58}
    outputs.close()


def test_a_call_that_hangs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.outputs.worker.STALLED_S", 0.2)
    monkeypatch.setattr("realtime.outputs.worker.CLOSE_S", 0.2)
    sink = Worker("dead end")
    wait_for_state(sink, "running")
    sink.gate.clear()
    sink.send(frame(0), 0, 0)
    wait_for_state(sink, "failed")
    assert sink.stalled()
    assert sink.status().reason == "dead end: nowhere takes no more pictures"
    sink.close()  # does not wait for ever
    sink.gate.set()


def test_a_failure_is_told_in_one_line_and_mended_by_opening_again() -> None:
    sink = Worker("cable")
    with playing(sink.send, frame, FORMAT.fps):
        wait_until(lambda: len(sink.ticks) > 3, "pictures")
        sink.error = ValueError("bad\nnews")
        wait_for_state(sink, "failed")
        assert sink.status().reason == "cable: ValueError: bad news"
        wait_for_state(sink, "running")
        assert sink.status().reason == ""
        sink.error = OutputError("cable: come back later", retry_after_s=30)
        wait_for_state(sink, "failed")
    assert sink.opened == 2
    before = time.perf_counter()
    sink.close()  # also out of a long wait
    assert time.perf_counter() - before < 2
    assert sink.ticks == sorted(sink.ticks)
    assert sink.status().dropped["not_connected"] > 0
    assert sink.wants() == frozenset()


def test_orders_go_to_the_output_that_is_named() -> None:
    outputs = Outputs([Kept("archive", "picture"), Kept("board", "picture")])
    outputs.order("archive", "start")
    with pytest.raises(OutputError, match=r"no output is named 'tape'; there are: archive, board"):
        outputs.order("tape", "start")
    with pytest.raises(OutputError, match=r"board: an output of kind kept does not know the order 'eject'"):
        outputs.order("board", "eject")


def test_two_outputs_of_one_name_are_refused() -> None:
    with pytest.raises(OutputError, match=r"two outputs are named 'a'"):
        Outputs([Kept("a"), Kept("a")])
