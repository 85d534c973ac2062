"""Moves the programme's ticks to just after the player's frames are finished. Pure: it is told of times.

Camera and programme mostly have the same rate, and where between two ticks a frame is finished is chance:
one that just misses its tick is shown a whole period later. So the playout asks at each tick by how much the
next ones should come later or earlier. They are moved slowly, by 0.3 % at 30 fps, and by one period in all:
what counts time by ticks is never off by more. Frames that are finished at any time, as those of a camera of
another rate, move nothing.
"""

from __future__ import annotations

from collections import deque

from engines.time_units import NS_PER_MS

FRAMES = 120
"""So many of the last frames are looked at, and all but one of them are to be in time."""
MARGIN_NS = 3 * NS_PER_MS
"""The last of them is to be finished so long before its tick."""
STEP_NS = 100_000
"""A tick is moved by this much at most."""
STEADY_NS = NS_PER_MS
"""Ticks that are off by no more than this are left where they are."""
LATE_NS = 2 * NS_PER_MS
"""A frame that missed its tick is taken to have come so long after it: when is known of the newest alone."""
SPREAD = 0.45
"""Frames that are finished over a larger share of a period have no place for a tick to be after."""


class PhaseLock:
    """For the one thread that ticks, the playout's. period_ns: from tick to tick."""

    def __init__(self, period_ns: int) -> None:
        self._period_ns = period_ns
        self._moved_ns = 0
        self._slacks: deque[int] = deque(maxlen=FRAMES)  # as if the ticks had not been moved
        self._came = 0

    def step_ns(self, slack_ns: int, came: int) -> int:
        """By how much later the following ticks should come, nanoseconds; below 0: earlier. Ask once a tick.

        slack_ns: how long before this tick the newest frame was finished; came: how many frames did since
        the last tick.
        """
        if came == 2 and self._came == 0:
            self._slacks.append(-LATE_NS - self._moved_ns)
        if came:
            self._slacks.append(slack_ns - self._moved_ns)
        self._came = came
        if len(self._slacks) < FRAMES:
            return 0
        off_ns = self._off_ns()
        if off_ns is None or abs(off_ns) <= STEADY_NS:
            return 0
        moved_ns = self._moved_ns + min(max(off_ns, -STEP_NS), STEP_NS)
        moved_ns = min(max(moved_ns, -self._period_ns), self._period_ns)
        step_ns, self._moved_ns = moved_ns - self._moved_ns, moved_ns
        return step_ns

    def _off_ns(self) -> int | None:
        """By how much the ticks should be moved, the shorter way round; None if there is no good place."""
        period_ns = self._period_ns
        slacks = sorted((slack + self._moved_ns) % period_ns for slack in self._slacks)
        around = slacks + [slack + period_ns for slack in slacks]
        spread_ns, least_ns = min((around[n + FRAMES - 2] - around[n], around[n]) for n in range(FRAMES))
        if spread_ns > SPREAD * period_ns:
            return None
        return (MARGIN_NS - least_ns + period_ns // 2) % period_ns - period_ns // 2
