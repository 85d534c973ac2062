"""Reports what a stage is loading, so that the operator can read it, and a stage that hangs is noticed
early."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from engines.time_units import NS_PER_S
from realtime.stages.stage_link import BEAT_S, StageLink


class Loading:
    """Sends a stage's heartbeats while its main thread loads. The main thread must not send any in the
    block.

    parts: how many parts the loading has, so that the operator reads how far it is. A part may have steps.
    """

    def __init__(self, link: StageLink, parts: int = 0) -> None:
        self._link = link
        self._doing = ""
        self._part, self._parts = 0, parts
        self._progress_ns = time.monotonic_ns()
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
        self._link.loading("")

    def begin(self, doing: str) -> None:
        """Reports the part that begins now, such as "loading the networks"."""
        self._part += 1
        self.step(doing)

    def step(self, doing: str) -> None:
        """Reports the step that begins now within the part, such as "quantizing the generator"."""
        self._doing = doing
        self._progress_ns = time.monotonic_ns()

    def _beat(self) -> None:
        while not self._done.wait(BEAT_S):
            doing_s = (time.monotonic_ns() - self._progress_ns) / NS_PER_S
            self._link.loading(self._doing, doing_s, self._part, self._parts)
            self._link.beat(self._progress_ns, ready=False)
