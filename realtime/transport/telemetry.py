"""Times of the stages and causes of dropped frames: counted in each process, added up by the supervisor.

Every process counts into a `Meter`, and sends what is new with each status; the supervisor adds it to its
`Totals`. So the counts outlive a stage that is killed. Nothing grows in a long show: times are kept in
histograms of fixed bins, events in a list of bounded length.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from engines.time_units import NS_PER_MS, NS_PER_S

BIN_MS, BINS = 0.25, 8000
"""Times are counted in bins of a quarter millisecond, up to two seconds; the last bin holds longer ones."""

FRAMES = ("captured", "posed", "generated", "shown")
"""The stations of a frame: taken by the capture thread, given landmarks, painted, seen in the programme."""

TIMES = (
    "pose", "retarget", "generate", "doll", "net", "compositing", "capture_to_pose", "pose_to_generate",
    "capture_to_programme",
)  # fmt: skip
"""The times measured for each frame. `capture_to_pose` and `pose_to_generate` are waits between threads;
`doll`, `net` and `compositing` are parts of `generate` (`performer.networks.Render.spent_ns`)."""

DROPS: Mapping[str, str] = {
    "late_from_source": "camera",
    "overtaken_before_pose": "pose",
    "pose_failed": "pose",
    "landmarks_not_finite": "pose",
    "nobody": "pose",
    "overtaken_before_generate": "generator",
    "generate_failed": "generator",
    "overtaken_before_programme": "programme",
    "overtaken_in_ring": "programme",
    "not_on_air": "programme",
    "not_trusted": "programme",
    "dumped": "programme",
}
"""TABLE of the causes for which a frame is never shown, with the stage of each."""

STATES = ("live", "hold", "freeze", "fallback", "slate")

TIMELINE_ENTRIES = 1000


Count = Annotated[int, Field(ge=-(1 << 62), le=1 << 62)]
Bin = Annotated[int, Field(ge=0, lt=BINS)]


@dataclass
class Delta:
    """Counts since the last status. times: name → bin → count. events: (monotonic ns, text)."""

    counts: dict[str, Count] = field(default_factory=dict)
    times: dict[str, dict[Bin, Count]] = field(default_factory=dict)
    events: list[tuple[int, str]] = field(default_factory=list)


class Meter:
    """The counts of one process. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._times: dict[str, Counter[int]] = {}
        self._events: deque[tuple[int, str]] = deque(maxlen=TIMELINE_ENTRIES)

    def count(self, name: str, n: int = 1) -> None:
        """name: `frames.<one of FRAMES>`, `programme.ticks`, `programme.missed` or `ns.<one of STATES>`."""
        with self._lock:
            self._counts[name] += n

    def drop(self, cause: str, n: int = 1) -> None:
        """Counts a frame that will never be shown, by cause."""
        self.count(f"dropped.{cause}", n)

    def time(self, name: str, duration_ns: int) -> None:
        """name: one of TIMES."""
        position = min(max(int(duration_ns / NS_PER_MS / BIN_MS), 0), BINS - 1)
        with self._lock:
            self._times.setdefault(name, Counter())[position] += 1

    def event(self, now_ns: int, text: str) -> None:
        """Notes an event for the operator."""
        with self._lock:
            self._events.append((now_ns, text))

    def has_events(self) -> bool:
        """Whether there is an event that the operator should hear of at once."""
        return bool(self._events)

    def take(self) -> Delta:
        """The counts since the last call."""
        with self._lock:
            delta = Delta(
                dict(self._counts),
                {name: dict(bins) for name, bins in self._times.items()},
                list(self._events),
            )
            self._counts.clear()
            self._times.clear()
            self._events.clear()
        return delta


def percentile_ms(histogram: NDArray[np.int64], percent: float) -> float:
    """The upper edge of the bin with the percentile. histogram: (BINS,), at least one entry."""
    rank = max(1, int(np.ceil(histogram.sum() * percent / 100)))
    return float((np.searchsorted(np.cumsum(histogram), rank) + 1) * BIN_MS)


class Totals:
    """The counts of the whole show, over all processes and their restarts. One thread adds; any may read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.restarts: Counter[str] = Counter()
        self.backends: dict[str, str] = {}
        self.timeline: deque[tuple[int, str]] = deque(maxlen=TIMELINE_ENTRIES)
        self._times: dict[str, NDArray[np.int64]] = {}

    def add(self, delta: Delta) -> None:
        with self._lock:
            self.counts.update(delta.counts)
            self.timeline.extend(delta.events)
            for name, bins in delta.times.items():
                histogram = self._times.setdefault(name, np.zeros(BINS, np.int64))
                for position, n in bins.items():
                    histogram[position] += n

    def restarted(self, stage: str) -> None:
        """Counts a stage that was lost and is restarted."""
        with self._lock:
            self.restarts[stage] += 1

    def copy(self) -> Totals:
        """A copy of the present counts, for another thread."""
        totals = Totals()
        with self._lock:
            totals.counts.update(self.counts)
            totals.restarts.update(self.restarts)
            totals._times = {name: histogram.copy() for name, histogram in self._times.items()}
        return totals

    def histograms(self) -> dict[str, NDArray[np.int64]]:
        """Times by name: the number of entries in each bin of BIN_MS."""
        return self._times

    def dropped(self) -> dict[str, int]:
        """Frames that were never shown, by cause."""
        prefix = "dropped."
        return {
            name.removeprefix(prefix): n for name, n in sorted(self.counts.items()) if name.startswith(prefix)
        }

    def percentile_ms(self, name: str, percent: float) -> float | None:
        """The upper edge of the bin with the percentile; None if nothing was measured."""
        histogram = self._times.get(name)
        return None if histogram is None else percentile_ms(histogram, percent)

    def report(self, start_ns: int, end_ns: int) -> dict[str, Any]:
        """The show as data. start_ns, end_ns: when its first tick on air began and its last one ended."""
        on_air_s = (end_ns - start_ns) / NS_PER_S
        ticks = self.counts["programme.ticks"]
        return {
            "frames": {
                **{name: self.counts[f"frames.{name}"] for name in FRAMES},
                "dropped": self.dropped(),
            },
            "latency_ms": {
                name: {f"p{percent}": self.percentile_ms(name, percent) for percent in (50, 95, 99)}
                for name in TIMES
                if name in self._times
            },
            "programme": {
                "fps": round(ticks / on_air_s, 3) if on_air_s > 0 else 0.0,
                "ticks": ticks,
                "missed": self.counts["programme.missed"],
                "seconds": {name: round(self.counts[f"ns.{name}"] / NS_PER_S, 3) for name in STATES},
            },
            "backend": dict(self.backends),
            "restarts": dict(self.restarts),
            "timeline": [
                {"at_s": round((at_ns - start_ns) / NS_PER_S, 3), "event": text}
                for at_ns, text in sorted(self.timeline)
            ],
        }
