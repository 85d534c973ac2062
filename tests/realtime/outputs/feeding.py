"""A programme clock for tests of outputs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from statistics import median
from typing import Protocol

from realtime.outputs.worker import WorkerSink
from realtime.transport.programme_ring import ProgrammeFrame
from realtime.transport.statuses import OutputStatus

PATIENCE_S = 60.0
"""So long a test waits for what comes at once on a machine that is not busy."""

USUAL_CALL_S, LONGEST_CALL_S, LONG_CALLS = 0.25, 3.0, 2
"""A call that waits for nobody takes less than the first; two may have no processor for a while."""


def wait_until(true: Callable[[], bool], what: str, seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


@contextmanager
def playing(
    send: Callable[[ProgrammeFrame, int, int], None],
    frame: Callable[[int], ProgrammeFrame],
    fps: Fraction = Fraction(30),
) -> Iterator[list[float]]:
    """Calls `send` with frame(tick) at every tick, in a thread, while the block runs.

    Yields the list of how many seconds each call took.
    """
    done = threading.Event()
    took: list[float] = []

    def play() -> None:
        start_ns, tick = time.monotonic_ns(), 0
        while True:
            due_ns = start_ns + int(tick * 1_000_000_000 / fps)
            if done.wait(max(0.0, (due_ns - time.monotonic_ns()) / 1e9)):
                return
            picture = frame(tick)
            before = time.perf_counter()
            send(picture, tick, due_ns)
            took.append(time.perf_counter() - before)
            tick += 1

    clock = threading.Thread(target=play)
    clock.start()
    try:
        yield took
    finally:
        done.set()
        clock.join()


def held_nobody_up(took: list[float]) -> bool:
    """Whether no call of `playing` waited for the output."""
    long = sorted(call for call in took if call >= USUAL_CALL_S)
    return median(took) < USUAL_CALL_S and len(long) <= LONG_CALLS and max(took) < LONGEST_CALL_S


class HeldFailure:
    """A sink's next failure lasts until `release`: by itself it opens again after half a second, which a test
    that is not scheduled meanwhile does not see. shut: set once the sink has shut what it had opened."""

    def __init__(self, sink: WorkerSink) -> None:
        self.shut, self._released = threading.Event(), threading.Event()
        self._shut_sink = sink._shut
        sink._shut = self._shut_and_wait  # type: ignore[method-assign]

    def release(self) -> None:
        self._released.set()

    def _shut_and_wait(self) -> None:
        try:
            self._shut_sink()
        finally:
            self.shut.set()
            self._released.wait(2 * PATIENCE_S)


class Told(Protocol):
    """An output, here or in its process."""

    name: str

    def status(self) -> OutputStatus: ...


def wait_for_state(sink: Told, state: str, seconds: float = PATIENCE_S) -> OutputStatus:
    """The status that has it; the next one may be another already."""
    deadline = time.monotonic() + seconds
    while (status := sink.status()).state != state:
        assert time.monotonic() < deadline, f"not within {seconds} s: {sink.name} {state} ({status})"
        time.sleep(0.02)
    return status
