"""A programme clock for tests of outputs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Protocol

from realtime.transport.programme_ring import ProgrammeFrame
from realtime.transport.statuses import OutputStatus


def wait_until(true: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
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


class Told(Protocol):
    """An output, here or in its process."""

    name: str

    def status(self) -> OutputStatus: ...


def wait_for_state(sink: Told, state: str, seconds: float = 20.0) -> None:
    wait_until(lambda: sink.status().state == state, f"{sink.name} {state} ({sink.status()})", seconds)
