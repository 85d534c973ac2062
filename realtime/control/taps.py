"""From the taps of somebody who taps along with the music to its tempo. Pure: times are arguments.

People are off by some hundredths of a second, miss a beat, strike one twice, and go on tapping when the music
has changed. So a line is laid through the taps of late, from the newest back for as long as they fit it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.time_units import NS_PER_S
from realtime.transport.orders import LEAST_BPM, MOST_BPM, MOST_TAPS

FIRST_TAPS = 4
"""So many taps make a tempo."""

SHORTEST_NS, LONGEST_NS = round(60 * NS_PER_S / MOST_BPM), round(60 * NS_PER_S / LEAST_BPM)
"""Of a beat."""

PAUSE_BEATS = 4
"""After so many beats without a tap, and `LONGEST_NS`, a new tempo begins."""

NEAR = 0.25
"""Share of a beat by which a tap may be off; one that is not near is left out, and two are another tempo."""

MOST_MISSED = 2
"""Beats that may be without a tap between two taps."""


def tapped(taps: Sequence[int], at_ns: int) -> tuple[int, ...]:
    """The taps that count, at most `MOST_TAPS`, after another one at `at_ns`. taps: those before it, in
    order, monotonic nanoseconds."""
    bpm = bpm_of(taps)
    pause_ns = LONGEST_NS if bpm is None else max(LONGEST_NS, PAUSE_BEATS * 60 * NS_PER_S / bpm)
    if taps and at_ns - taps[-1] > pause_ns:
        taps = ()
    if taps and at_ns - taps[-1] < SHORTEST_NS / 2:
        return tuple(taps)  # struck twice
    return (*taps, at_ns)[-MOST_TAPS:]


def bpm_of(taps: Sequence[int]) -> float | None:
    """Beats a minute; None while too few taps agree. taps: in order, nanoseconds."""
    if len(taps) < FIRST_TAPS:
        return None
    back_ns = float(taps[-1]) - np.array(taps[::-1], np.float64)
    beat_ns = float(np.median(np.diff(back_ns[:FIRST_TAPS])))
    from_beat, from_ns = 0.0, 0.0
    beats, times, strays = [0.0], [0.0], 0
    for at_ns in back_ns[1:]:
        place = from_beat + (at_ns - from_ns) / beat_ns
        n = round(place)
        if n <= beats[-1]:
            continue  # a beat that was struck twice
        strays = strays + 1 if abs(place - n) > NEAR else 0
        if strays == 2 or n - beats[-1] > 1 + MOST_MISSED:
            break
        if strays:
            continue
        beats.append(n)
        times.append(float(at_ns))
        if len(beats) < FIRST_TAPS:
            from_beat, from_ns = n, float(at_ns)
        else:
            from_beat, from_ns, beat_ns = _line(beats, times)
    if len(beats) < FIRST_TAPS or not SHORTEST_NS <= beat_ns <= LONGEST_NS:
        return None
    return 60 * NS_PER_S / beat_ns


def _line(beats: Sequence[float], times: Sequence[float]) -> tuple[float, float, float]:
    """A beat and its time on the line of least squares, and nanoseconds a beat."""
    n, t = np.array(beats), np.array(times)
    off = n - n.mean()
    return float(n.mean()), float(t.mean()), float(off @ t / (off @ off))
