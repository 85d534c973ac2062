"""An output's thread: it is never waited for, takes the newest tick, and opens again after a failure."""

import threading
import time
import weakref
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.board_colour import Correction
from realtime.outputs.sink import Format, OutputError
from realtime.outputs.worker import Tick, WorkerSink
from realtime.transport.programme_ring import Part, ProgrammeFrame
from tests.realtime.outputs.feeding import (
    LONGEST_CALL_S,
    HeldFailure,
    playing,
    wait_for_state,
    wait_until,
)

FORMAT = Format((64, 48), Fraction(50))


def frame(tick: int) -> ProgrammeFrame:
    picture = np.full((48, 64, 3), tick % 200, np.uint8)
    layer = np.full((48, 64, 4), tick % 200, np.uint8)
    return ProgrammeFrame(picture, layer, clean=picture + 1, preview=picture + 2)


class Worker(WorkerSink):
    """Writes to a list; `gate` holds it up, `error` fails it."""

    def __init__(self, name: str, programme: Format = FORMAT) -> None:
        super().__init__("worker", name, programme, frozenset[Part]({"picture"}), where="nowhere")
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.ticks: list[int] = []
        self.colours: list[list[int]] = []
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
        self.colours.append(tick.frame.picture[0, 0].tolist())

    def _shut(self) -> None:
        pass


def test_a_stalled_output_goes_on_with_the_newest_tick() -> None:
    sink = Worker("stalled")
    wait_for_state(sink, "running")
    sink.gate.clear()
    for tick in range(60):
        before = time.perf_counter()
        sink.send(frame(tick), tick, tick)
        assert time.perf_counter() - before < LONGEST_CALL_S
        if not tick:
            wait_until(lambda: sink._busy_since is not None, "it has taken the first")
    sink.gate.set()
    wait_until(lambda: sink.ticks == [0, 59], "it goes on with the newest")
    assert sink.status().dropped == {"slow": 58}
    sink.close()


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
        failure = HeldFailure(sink)
        sink.error = ValueError("bad\nnews")
        assert wait_for_state(sink, "failed").reason == "cable: ValueError: bad news"
        wait_until(lambda: sink.status().dropped.get("not_connected", 0) > 0, "a picture that is lost")
        failure.release()
        assert wait_for_state(sink, "running").reason == ""
        sink.error = OutputError("cable: come back later", retry_after_s=600)
        wait_for_state(sink, "failed")
    assert sink.opened == 2
    sink.close()
    wait_until(lambda: not sink._thread.is_alive(), "it ends, also out of a long wait")
    assert sink.ticks == sorted(sink.ticks)
    assert sink.wants() == frozenset()


def test_an_output_for_the_board_has_its_colours_and_others_keep_theirs() -> None:
    correction = Correction((0.5, 1.0, 0.75), (1.0, 1.0, 2.0))
    sink, plain = Worker("board", replace(FORMAT, correction=correction)), Worker("plain")
    given = frame(100)
    for each in (sink, plain):
        wait_for_state(each, "running")
        each.send(given, 0, 0)
        wait_until(lambda each=each: each.ticks == [0], "it was written")
    assert sink.colours == [[round(255 * 0.75 * (100 / 255) ** 2), 100, 50]]
    assert plain.colours == [[100, 100, 100]] and (given.picture == 100).all()
    sink.close()
    plain.close()


def test_a_failure_is_told_before_the_other_side_is_told_of_the_end() -> None:
    """A server that is gone may be waited for."""

    class Polite(Worker):
        told = threading.Event()

        def _shut(self) -> None:
            self.told.wait(120)

    sink = Polite("server")
    with playing(sink.send, frame):
        wait_until(lambda: len(sink.ticks) > 0, "it writes")
        sink.error = ValueError("gone")
        assert wait_for_state(sink, "failed").reason == "server: ValueError: gone"
        sink.told.set()
        wait_for_state(sink, "running")
    sink.close()


def test_what_a_session_had_is_freed_when_it_has_failed() -> None:
    held: list[weakref.ref[NDArray[np.uint8]]] = []

    class Encoding(Worker):
        def _write(self, tick: Tick) -> None:
            encoder = np.zeros(1_000_000, np.uint8)
            if not held:
                held.append(weakref.ref(encoder))
                try:
                    raise OSError("the disk is full")
                except OSError as error:
                    raise OutputError(f"{self.name}: {error}") from error
            super()._write(tick)

    sink = Encoding("fails once")
    with playing(sink.send, frame):
        wait_until(lambda: len(sink.ticks) > 0, "it writes again")
        assert held[0]() is None
    sink.close()
