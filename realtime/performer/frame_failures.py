"""Frames that fail are skipped and counted, each cause said once; too many in a row end the performer."""

from __future__ import annotations

import time

from realtime.transport.telemetry import Meter

FAILURES_IN_A_ROW = 60
"""So many frames that fail one after the other mean that the networks are broken: the process starts anew."""


class PerformerError(RuntimeError):
    """The performer cannot go on; the text says why."""


class FrameFailures:
    """Of one thread's frames. error: why the performer must end, once too many in a row have failed."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._in_a_row: dict[str, int] = {}
        self.error: PerformerError | None = None

    def failed(self, cause: str, text: str) -> None:
        """cause: one of `telemetry.DROPS`. text: for the operator, who is told of each cause once."""
        self._meter.drop(cause)
        if cause not in self._in_a_row:
            self._meter.event(
                time.monotonic_ns(), f"a frame was skipped ({text}); further ones are only counted"
            )
        self._in_a_row[cause] = self._in_a_row.get(cause, 0) + 1
        if self._in_a_row[cause] >= FAILURES_IN_A_ROW:
            self.error = PerformerError(f"{FAILURES_IN_A_ROW} frames in a row failed ({text})")

    def succeeded(self) -> None:
        """A frame went through."""
        for cause in self._in_a_row:
            self._in_a_row[cause] = 0
