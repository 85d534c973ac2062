"""Reports what a stage is loading, so that the operator can read it, and a stage that hangs is noticed
early."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from realtime.stages.stage_link import BEAT_S, StageLink


class Loading:
    """Sends a stage's heartbeats while its main thread loads. The main thread must not send any in the
    block."""

    def __init__(self, link: StageLink) -> None:
        self._link = link
        self._doing = ""
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
        self._link.doing = ""

    def step(self, doing: str) -> None:
        """Reports the step that begins now, such as "the performer is loading the networks"."""
        self._doing = doing
        self._progress_ns = time.monotonic_ns()

    def _beat(self) -> None:
        while not self._done.wait(BEAT_S):
            self._link.doing = self._doing
            self._link.beat(self._progress_ns, ready=False)
