"""From the ticks of a MIDI clock to its tempo. Pure: times are arguments.

A clock sends 24 ticks a beat (MIDI 1.0, "System Real Time Messages"). They come with jitter: of the sender,
of USB (1 ms) or Bluetooth (some 10 ms, several at once), of this machine. So the tempo is the median of how
long two beats took, from each tick of late to the one 48 before it. A tick that was lost or sent twice is in
a third of these.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from engines.time_units import NS_PER_S
from realtime.transport.orders import LEAST_BPM, MOST_BPM

TICKS_A_BEAT = 24

SPAN, SPANS = 2 * TICKS_A_BEAT, 6 * TICKS_A_BEAT
"""How many ticks a time is measured over, and how many such times are looked at."""

FIRST_SPANS = TICKS_A_BEAT
"""So many make a tempo: three beats after the clock has begun."""

SILENT_NS = NS_PER_S
"""A clock that sends no tick for so long has stopped."""

STEADY = 0.0007
"""A tempo within this share of the last one is the same: 0.08 at 120 beats a minute."""


class MidiClock:
    """Feed it the ticks; ask for the tempo at any time. For one thread at a time."""

    def __init__(self) -> None:
        self._ticks: deque[int] = deque(maxlen=SPAN + SPANS)
        self._bpm: float | None = None

    def tick(self, at_ns: int) -> None:
        """A tick came, monotonic nanoseconds."""
        if self._ticks and at_ns - self._ticks[-1] > SILENT_NS:
            self._ticks.clear()
        self._ticks.append(at_ns)

    def bpm(self, now_ns: int) -> float | None:
        """Beats a minute; None while the clock is silent or has just begun."""
        times = np.array(self._ticks, np.int64)
        if len(times) < SPAN + FIRST_SPANS or now_ns - times[-1] > SILENT_NS:
            self._bpm = None
            return None
        beat_ns = float(np.median(times[SPAN:] - times[:-SPAN])) * TICKS_A_BEAT / SPAN
        bpm = 60 * NS_PER_S / max(beat_ns, 1.0)
        if not LEAST_BPM <= bpm <= MOST_BPM:
            self._bpm = None
        elif self._bpm is None or abs(bpm / self._bpm - 1) > STEADY:
            self._bpm = round(bpm, 2)
        return self._bpm
