"""How long the programme's delay must be for a player who is late and yet on the beat. Pure: times are
arguments.

From the moment that the camera takes a picture to the moment that the board shows it there should be a whole
number of beats. That time has three parts: what the show needs (measured), what it cannot measure (the
board's processor, from the show file), and the delay, which is a whole number of ticks. So the best delay is
off by up to half a tick. Each change of it is seen, as a picture that goes out twice or is left out. So it
stays as it is until it has been wrong for a while.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import median

from engines.time_units import NS_PER_MS, NS_PER_S

FRAMES = 15
"""The show's own time is the median of so many frames: a few that are late change nothing."""

SECONDS, SPREAD_TICKS = 40, 1.1
"""On a busy machine that time goes up and down by a tick. Where it stayed within so many ticks for so long,
the delay is chosen for the middle of that, and is right for both."""

OFF_TICKS = 0.6
"""A delay that is off by more than this in the middle of that time is changed, at most once in it. Where the
camera's rate is a little below the programme's, frames wait for their tick ever longer, by up to a tick: that
is not followed."""

WRONG_TICKS, WRONG_NS = 1.0, 200 * NS_PER_MS
"""A delay that is off by more than this, for so long, is changed at once."""

BEATS_NS = 3 * NS_PER_S
"""A beat more or less is a large jump: so long the delay must be off for one."""

ROOM = 0.25
"""Share of a beat that must be to spare before the player is a beat less behind."""

RECENT = 0.05
"""Weight of the newest frame in the error that the operator sees."""


class BeatDelay:
    """For the one thread that ticks, the playout's.

    beats: how many the player is behind the fan, from camera to board; 0 while there is no beat to be on.
    error_ms: how much later than those beats frames of late were; None before the first.
    """

    def __init__(self, tick_ns: float, most_ticks: int, board_lag_ns: int = 0) -> None:
        """tick_ns: from tick to tick. most_ticks: the longest delay. board_lag_ns: as in the show file's
        `[tempo]`."""
        self._tick_ns, self._most_ticks, self._board_lag_ns = tick_ns, most_ticks, board_lag_ns
        self._own_ns: deque[float] = deque(maxlen=FRAMES)
        self._needed_ns: deque[float] = deque(maxlen=SECONDS)
        self._next_second_ns = 0
        self._seconds = 0
        self._least_ticks = 0
        self._ticks = 0
        self._wrong_since_ns: int | None = None
        self.beats = 0
        self.error_ms: float | None = None

    def came(self, latency_ns: float) -> None:
        """A frame came into the programme so long after the camera took it, and none goes out now."""
        self._own_ns.append(latency_ns)

    def shown(self, latency_ns: int, delay_ticks: int, bpm: float) -> None:
        """A frame went out so long after the camera took it, with this delay."""
        self._own_ns.append(latency_ns - delay_ticks * self._tick_ns)
        if not self.beats or delay_ticks != self._ticks:
            return
        error_ms = (latency_ns + self._board_lag_ns - self.beats * 60 * NS_PER_S / bpm) / NS_PER_MS
        before_ms = error_ms if self.error_ms is None else self.error_ms
        self.error_ms = (1 - RECENT) * before_ms + RECENT * error_ms

    def ticks(self, now_ns: int, bpm: float, least_ticks: int) -> int:
        """The delay from this tick on. Ask at every tick.

        bpm: the music's tempo, 0 to be on no beat. least_ticks: the delay that the operator ordered: it is no
        less, unless `most_ticks` leaves no room for whole beats.
        """
        if not bpm or not self._own_ns:
            self.beats, self.error_ms = 0, None
            return least_ticks
        beat_ns = 60 * NS_PER_S / bpm
        needs_ns = median(self._own_ns) + self._board_lag_ns
        if not self.beats or least_ticks != self._least_ticks:
            self._least_ticks = least_ticks
            self._choose(needs_ns, beat_ns)
        elif self._is_wrong(now_ns, needs_ns, beat_ns):
            before = self._ticks
            self._choose(self._middle_ns(needs_ns), beat_ns)
            if self._ticks == before:
                self._choose(needs_ns, beat_ns)
        elif now_ns >= self._next_second_ns:
            self._next_second_ns = now_ns + NS_PER_S
            self._second(needs_ns, beat_ns)
        return self._ticks

    def _off_ticks(self, needs_ns: float, beat_ns: float) -> float:
        return abs(self._ticks + (needs_ns - self.beats * beat_ns) / self._tick_ns)

    def _is_wrong(self, now_ns: int, needs_ns: float, beat_ns: float) -> bool:
        """Whether the delay has been far off for long enough: within the same beats, or for `BEATS_NS`."""
        if self._off_ticks(needs_ns, beat_ns) <= WRONG_TICKS:
            self._wrong_since_ns = None
        elif self._wrong_since_ns is None:
            self._wrong_since_ns = now_ns
        if self._wrong_since_ns is None:
            return False
        fewest, roomy = self._bounds(needs_ns, beat_ns)
        wait_ns = WRONG_NS if fewest <= self.beats <= roomy else BEATS_NS
        return now_ns - self._wrong_since_ns >= wait_ns

    def _second(self, needs_ns: float, beat_ns: float) -> None:
        """A second has passed: changes a delay that was a little off for long."""
        self._needed_ns.append(needs_ns)
        self._seconds += 1
        middle_ns = self._middle_ns(median(self._needed_ns))
        fewest, roomy = self._bounds(middle_ns, beat_ns)
        is_off = self._seconds >= SECONDS and self._off_ticks(middle_ns, beat_ns) > OFF_TICKS
        if is_off and fewest <= self.beats <= roomy:
            self._choose(middle_ns, beat_ns)

    def _middle_ns(self, needs_ns: float) -> float:
        """The middle of what was needed of late and is now; `needs_ns` where that has changed too much."""
        low_ns, high_ns = min(needs_ns, *self._needed_ns), max(needs_ns, *self._needed_ns)
        return needs_ns if high_ns - low_ns > SPREAD_TICKS * self._tick_ns else (low_ns + high_ns) / 2

    def _choose(self, needs_ns: float, beat_ns: float) -> None:
        fewest, roomy = self._bounds(needs_ns, beat_ns)
        if not fewest <= self.beats <= roomy:
            self.beats = fewest
        ticks = round((self.beats * beat_ns - needs_ns) / self._tick_ns)
        self._ticks = min(max(ticks, 0), self._most_ticks)
        self._wrong_since_ns = None
        self._seconds = 0

    def _bounds(self, needs_ns: float, beat_ns: float) -> tuple[int, int]:
        """The fewest beats that there may be, and how many leave `ROOM`."""
        least_ns = needs_ns + (self._least_ticks - 0.5) * self._tick_ns
        most = math.floor((needs_ns + (self._most_ticks + 0.5) * self._tick_ns) / beat_ns)
        fewest = max(min(math.ceil(least_ns / beat_ns), most), 1)
        return fewest, max(min(math.ceil(least_ns / beat_ns + ROOM), most), fewest)
