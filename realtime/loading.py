"""A stage that loads says what it does and whether it gets on, so that one that hangs is found early."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from realtime.process import BEAT_S, StageLink

PROGRESS_CPU_S = 1.0
"""So much more of the processor's time that this process has used is progress, besides a new step: to compile
a network takes minutes and much of it; who waits for a lock, a driver or a network needs none. The heartbeats
themselves take less than this in the time that a stage may be silent."""


class Loading:
    """Sends the heartbeats of a stage while its main thread loads, which may not send any in the block."""

    def __init__(self, link: StageLink) -> None:
        self._link = link
        self._doing = ""
        self._progress_ns = time.monotonic_ns()
        self._progress_cpu_s = time.process_time()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="loading", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self._link.info["doing"] = ""

    def step(self, doing: str) -> None:
        """What begins now, as in "the performer is loading the networks"."""
        self._doing = doing
        self._progress_ns = time.monotonic_ns()

    def _beat(self) -> None:
        while not self._done.wait(BEAT_S):
            cpu_s = time.process_time()
            if cpu_s - self._progress_cpu_s >= PROGRESS_CPU_S:
                self._progress_cpu_s = cpu_s
                self._progress_ns = time.monotonic_ns()
            self._link.info["doing"] = self._doing
            self._link.beat(self._progress_ns, ready=False)
