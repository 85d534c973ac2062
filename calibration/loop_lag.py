"""How long a picture takes from the programme over board and camera back to the capture. Pure: no clocks.

The programme shows a marker with the number of its tick (`marker`); the camera films the board; the capture
reads the number. What the fan sees of their own movement is late by this and by the time from capture to
programme: light, camera, capture, performer, programme, output and board are each in that sum once.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from calibration.marker import MODULUS
from engines.time_units import NS_PER_MS

KEPT = 300
"""The median is taken over so many readings, the newest ones."""

LONGEST_NS = 3_000_000_000
"""A reading that is later than this is none: another marker was taken for it."""


class Clock(Protocol):
    """The programme's clock: `realtime.programme.timing.clock.ProgrammeClock`."""

    def tick_at(self, now_ns: int) -> int: ...

    def due_ns(self, tick: int) -> int: ...


@dataclass(frozen=True)
class Lag:
    """median_ms. within_ms: half of the readings lie within so many milliseconds of the median. readings: how
    many there are."""

    median_ms: float
    within_ms: float
    readings: int


class LoopLag:
    """Collects readings of the marker."""

    def __init__(self) -> None:
        self._lags_ms: deque[float] = deque(maxlen=KEPT)

    def heard(self, number: int, captured_ns: int, clock: Clock) -> None:
        """A picture that was captured then, in the clock's time, has this number."""
        newest = clock.tick_at(captured_ns)
        tick = newest - (newest - number) % MODULUS
        lag_ns = captured_ns - clock.due_ns(tick)
        if tick >= 0 and lag_ns <= LONGEST_NS:
            self._lags_ms.append(lag_ns / NS_PER_MS)

    @property
    def lag(self) -> Lag | None:
        """None before the first reading."""
        if not self._lags_ms:
            return None
        lags_ms = np.array(self._lags_ms)
        median = float(np.median(lags_ms))
        return Lag(median, float(np.median(np.abs(lags_ms - median))), len(lags_ms))
