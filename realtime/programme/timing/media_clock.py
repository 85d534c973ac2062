"""Which place of the camera's file goes out at a tick, for the sound. Pure: times are arguments.

A file's frame that was captured at `t` lies at the place `t - origin` of the file. The origin stays the same
until the file begins again, stands still, or another camera is on. So the place can be told at any tick: the
fan's moment on air is the tick's time less the latency, and its place follows from the origin that held then.
It goes on by the clock while no frame comes, whatever is on air.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from engines.time_units import NS_PER_MS
from realtime.transport.programme_ring import MediaTime

FRAMES = 60
"""The latency is the mean of the middle half of so many frames: a few that are late change nothing, and where
frames arrive just as ticks are due, by turns before and after, it lies in between."""

SAME_NS = 5 * NS_PER_MS
"""Origins that differ by less are the same: two machines' clocks are known to about a millisecond."""

MOST_RUNS = 256
"""More than begin within the longest delay, unless a file is of a few frames."""


class Run(NamedTuple):
    """A file plays without a break. since_ns: when its first frame was captured. origin_ns: when the file's
    place 0 was captured, or would have been; None for a camera that is no file."""

    since_ns: int
    camera: int
    origin_ns: int | None

    def is_followed_by(self, other: Run) -> bool:
        """Whether the other one is its continuation."""
        if self.camera != other.camera:
            return False
        if self.origin_ns is None or other.origin_ns is None:
            return self.origin_ns is other.origin_ns
        return abs(self.origin_ns - other.origin_ns) < SAME_NS


class MediaClock:
    """For the one thread that ticks, the playout's."""

    def __init__(self) -> None:
        self._runs: deque[Run] = deque(maxlen=MOST_RUNS)
        self._latencies_ns: deque[int] = deque(maxlen=FRAMES)
        self._latency_ns = 0
        self._dumped_ns: int | None = None

    def captured(self, captured_ns: int, camera: int, media_ns: int | None) -> None:
        """A frame was captured. Call it for as many as are known, also if they are never shown. camera,
        media_ns: see `MediaTime`."""
        run = Run(captured_ns, camera, None if media_ns is None else captured_ns - media_ns)
        if not self._runs or not self._runs[-1].is_followed_by(run):
            self._runs.append(run)

    def came(self, latency_ns: int) -> None:
        """A frame came into the programme, at a tick that was due so long after its capture."""
        self._latencies_ns.append(latency_ns)
        ordered = sorted(self._latencies_ns)
        quarter = len(ordered) // 4
        middle = ordered[quarter : len(ordered) - quarter]
        self._latency_ns = sum(middle) // len(middle)

    def dump(self, now_ns: int) -> None:
        """Nothing that was captured until now is to be heard on air."""
        self._dumped_ns = now_ns

    def live(self, due_ns: int) -> MediaTime | None:
        """Of the player's newest picture at the tick that is due then; None while it is not known."""
        return self._at(due_ns - self._latency_ns)

    def on_air(self, due_ns: int, behind_ns: int) -> MediaTime | None:
        """Of what is on air at that tick. behind_ns: the programme's delay."""
        fan_ns = due_ns - self._latency_ns - behind_ns
        media = self._at(fan_ns)
        if media is not None and self._dumped_ns is not None and fan_ns <= self._dumped_ns:
            return media._replace(ns=None)
        return media

    def _at(self, fan_ns: int) -> MediaTime | None:
        run = next((run for run in reversed(self._runs) if run.since_ns <= fan_ns), None)
        if run is None:
            return None
        return MediaTime(run.camera, None if run.origin_ns is None else fan_ns - run.origin_ns)
