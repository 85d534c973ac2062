"""Counts which parts of the pose space a run of landmarks covers, and gives the verdict.

Pure: time is an argument. It counts time, not frames, so that a meter that sees every third frame gives the
same result as one that sees all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.time_units import NS_PER_MS, NS_PER_S
from tools.coverage.pose_space import AXES, NEEDED, Axis, Bin
from tools.coverage.posture import JUMP_HEIGHT, JUMP_WINDOW_NS, Posture, fault

LEAST_S, LEAST_MOMENTS = 0.33, 2
"""A bin is covered once it was seen for this long (ten frames at 30 fps), in this many moments."""
MOMENT_NS = 2 * NS_PER_S
"""After this time, the next moment begins."""
LONGEST_STEP_NS = 200 * NS_PER_MS
"""A frame stands for the time since the last one, but for at most this."""

ENOUGH_MINUTES, ENOUGH_SHARE = 2.0, 0.85
"""Footage is enough with this many usable minutes, every needed bin, and this share of all bins by weight."""

MAP_ROWS, MAP_COLUMNS = 8, 16
"""The floor map's cells: rows by size from 0.2 (far) to 0.8 (near), columns across the frame."""
MAP_FAR, MAP_NEAR = 0.2, 0.8
SECTORS = 36
"""The dials' sectors, of ten degrees."""
DIALS = ("turn", "left arm", "right arm")
"""Axes of angles whose histograms are kept."""

Key = tuple[str, str]


class CoverageError(ValueError):
    """A saved coverage that cannot be read."""


@dataclass
class Tally:
    """How long a bin was seen, in how many moments, and when the last of these began."""

    seconds: float = 0.0
    moments: int = 0
    moment_ns: int | None = None

    @property
    def progress(self) -> float:
        """0..1; 1 is covered."""
        return min(self.seconds / LEAST_S, 1.0) * min(self.moments / LEAST_MOMENTS, 1.0)


@dataclass(frozen=True)
class Verdict:
    """share: covered by weight, 0..1. missing: what to film, the most valuable first. lacks: why the footage
    is not enough, in words; empty where it is."""

    minutes: float
    share: float
    missing: tuple[tuple[Axis, Bin], ...]
    lacks: tuple[str, ...]

    @property
    def enough(self) -> bool:
        return not self.lacks

    def __str__(self) -> str:
        state = f"{self.minutes:.1f} usable minutes, {self.share:.0%} of the pose space"
        return (
            f"enough: {state}" if self.enough else f"not enough yet: {state}; lacks {', '.join(self.lacks)}"
        )


@dataclass
class Coverage:
    """The meter. tallies: by axis and bin. usable_s: seconds of use. faults: seconds of no use, by reason.

    floor: (MAP_ROWS, MAP_COLUMNS), seconds, far first. dials: (SECTORS,), seconds for each of DIALS, from
    -180 degrees on.
    """

    tallies: dict[Key, Tally] = field(
        default_factory=lambda: {(axis.name, one.name): Tally() for axis in AXES for one in axis.bins}
    )
    usable_s: float = 0.0
    faults: dict[str, float] = field(default_factory=dict)
    floor: NDArray[np.float64] = field(default_factory=lambda: np.zeros((MAP_ROWS, MAP_COLUMNS)))
    dials: dict[str, NDArray[np.float64]] = field(
        default_factory=lambda: {name: np.zeros(SECTORS) for name in DIALS}
    )

    def __post_init__(self) -> None:
        self._feet: deque[tuple[int, float]] = deque()
        self._last_ns: int | None = None

    def end_take(self) -> None:
        """The next frame is from another take, whose clock may start anew."""
        self._last_ns = None
        self._feet.clear()
        for tally in self.tallies.values():
            tally.moment_ns = None

    def add(
        self, landmarks: NDArray[np.float32] | None, frame_size: tuple[int, int], t_ns: int
    ) -> dict[str, Bin]:
        """Counts one frame: (33, 4) pixels, or None where nobody was found; t_ns ascends within a take.

        Returns the bins into which the frame falls, by axis; none for a frame of no use.
        """
        step_ns = 0 if self._last_ns is None else max(0, min(t_ns - self._last_ns, LONGEST_STEP_NS))
        seconds = step_ns / NS_PER_S
        self._last_ns = t_ns
        reason = "nobody in the frame" if landmarks is None else fault(landmarks, frame_size)
        if landmarks is None or reason is not None:
            self.faults[str(reason)] = self.faults.get(str(reason), 0.0) + seconds
            self._feet.clear()
            return {}
        self.usable_s += seconds
        posture = Posture(landmarks, frame_size)
        posture.airborne = self._airborne(posture, t_ns)
        found = {axis.name: one for axis in AXES if (one := axis.find(posture)) is not None}
        for name, one in found.items():
            tally = self.tallies[name, one.name]
            tally.seconds += seconds
            if tally.moment_ns is None or t_ns - tally.moment_ns >= MOMENT_NS:
                tally.moments += 1
                tally.moment_ns = t_ns
        self._draw(posture, seconds)
        return found

    def progress(self, axis: Axis, one: Bin) -> float:
        """0..1; 1 is covered."""
        return self.tallies[axis.name, one.name].progress

    def verdict(self) -> Verdict:
        every = [(axis, one, self.progress(axis, one)) for axis in AXES for one in axis.bins]
        missing = sorted((row for row in every if row[2] < 1), key=lambda row: -row[1].weight * (1 - row[2]))
        share = 1 - sum(one.weight for _, one, _ in missing) / sum(one.weight for _, one, _ in every)
        needed = sum(one.weight == NEEDED for _, one, _ in missing)
        minutes = self.usable_s / 60
        lacks = []
        if minutes < ENOUGH_MINUTES:
            lacks.append(f"{ENOUGH_MINUTES - minutes:.1f} minutes")
        if needed:
            lacks.append(f"{needed} needed pose{'s' if needed > 1 else ''}")
        if share < ENOUGH_SHARE:
            lacks.append(f"{ENOUGH_SHARE - share:.0%} of the pose space")
        return Verdict(minutes, share, tuple((axis, one) for axis, one, _ in missing), tuple(lacks))

    def to_json(self) -> dict[str, Any]:
        return {
            "usable_s": round(self.usable_s, 3),
            "faults": {reason: round(seconds, 3) for reason, seconds in self.faults.items()},
            "tallies": [
                [axis, name, round(tally.seconds, 3), tally.moments]
                for (axis, name), tally in self.tallies.items()
            ],
            "floor": self.floor.round(3).tolist(),
            "dials": {name: dial.round(3).tolist() for name, dial in self.dials.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Coverage:
        """The meter saved by `to_json`; bins that no longer exist are left out. Raises CoverageError."""
        coverage = cls()
        try:
            coverage.usable_s = float(data["usable_s"])
            coverage.faults.update({str(reason): float(s) for reason, s in data["faults"].items()})
            for axis, name, seconds, moments in data["tallies"]:
                if (axis, name) in coverage.tallies:
                    coverage.tallies[axis, name] = Tally(float(seconds), int(moments))
            coverage.floor[:] = np.array(data["floor"], float)
            for name, dial in coverage.dials.items():
                dial[:] = np.array(data["dials"][name], float)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CoverageError(f"no coverage: {error!r}") from error
        return coverage

    def _airborne(self, posture: Posture, t_ns: int) -> bool:
        """Whether the feet are higher than at some time in the window before."""
        while self._feet and t_ns - self._feet[0][0] > JUMP_WINDOW_NS:
            self._feet.popleft()
        self._feet.append((t_ns, posture.ankle_y))
        lowest = max(y for _, y in self._feet)
        return lowest - posture.ankle_y > JUMP_HEIGHT * posture.height_px

    def _draw(self, posture: Posture, seconds: float) -> None:
        nearness = (posture.size() - MAP_FAR) / (MAP_NEAR - MAP_FAR)
        row, column = (
            int(np.clip(share * cells, 0, cells - 1))
            for share, cells in ((nearness, MAP_ROWS), (posture.across(), MAP_COLUMNS))
        )
        self.floor[row, column] += seconds
        angles = (posture.turn(), posture.arm(0), posture.arm(1))
        for dial, angle in zip(self.dials.values(), angles, strict=True):
            if np.isfinite(angle):
                dial[int((angle + 180) // (360 / SECTORS)) % SECTORS] += seconds
