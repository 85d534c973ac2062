"""Whether a soak kept its budget. Pure: from samples to lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.reliability.sampling import Sample

MB_PER_HOUR = 1.0
"""So much may a process's memory grow."""

WARM_UP_S = 120.0
"""After a process has started, before its memory and handles are looked at."""

BLOCKS = 10
"""A slope is taken over the medians of so many equal times; by their scatter it is known how sure it is."""

SURE = 2.31
"""Student's t at 95 % for BLOCKS - 2 degrees of freedom."""

LEAST_HANDLES = 3
"""So much more of handles or threads at their lowest, late against early, is no growth."""


@dataclass(frozen=True)
class Slope:
    """per_hour, and how far the true one may be from it, at 95 %."""

    per_hour: float
    within: float

    def exceeds(self, most: float) -> bool | None:
        """None: the run is too short to tell."""
        if self.per_hour - self.within > most:
            return True
        return False if self.per_hour + self.within <= most else None


def slope(times_s: Sequence[float], values: Sequence[float]) -> Slope | None:
    """None where there are too few values."""
    if len(values) < 2 * BLOCKS:
        return None
    hours = np.array([np.median(block) for block in np.array_split(np.asarray(times_s) / 3600, BLOCKS)])
    medians = np.array([np.median(block) for block in np.array_split(np.asarray(values, float), BLOCKS)])
    fitted: NDArray[np.float64] = np.polyfit(hours, medians, 1)
    away = medians - np.polyval(fitted, hours)
    spread = np.sqrt((away**2).sum() / (BLOCKS - 2) / ((hours - hours.mean()) ** 2).sum())
    return Slope(float(fitted[0]), float(SURE * spread))


def held_by(
    samples: Sequence[Sample], name: str, after_s: float
) -> tuple[list[float], list[float], list[int], list[int]]:
    """Times (s), memory (MiB), handles, threads of the newest process of a stage, from `after_s` on after it
    was first seen."""
    pids = [sample.processes[name].pid for sample in samples if name in sample.processes]
    if not pids:
        return [], [], [], []
    mine = [s for s in samples if name in s.processes and s.processes[name].pid == pids[-1]]
    kept = [s for s in mine if s.at_s - mine[0].at_s >= after_s]
    held = [s.processes[name] for s in kept]
    return (
        [s.at_s for s in kept],
        [each.memory_mb for each in held],
        [each.handles for each in held],
        [each.threads for each in held],
    )


def names_of(samples: Sequence[Sample]) -> list[str]:
    return list(dict.fromkeys(name for sample in samples for name in sample.processes))


def slopes(samples: Sequence[Sample]) -> dict[str, Slope | None]:
    """Of each process's memory after its warm-up; None where it did not run for long enough."""
    found = {}
    for name in names_of(samples):
        times_s, memory, _, _ = held_by(samples, name, WARM_UP_S)
        found[name] = slope(times_s, memory)
    return found


def growth(values: Sequence[int]) -> int:
    """How far the lowest value of the last third is above that of the first."""
    third = len(values) // 3
    return 0 if third < 3 else min(values[-third:]) - min(values[:third])


def calm(samples: Sequence[Sample]) -> list[Sample]:
    """Those with no fault at the time, nor in the WARM_UP_S before. While a process is away its parent has
    fewer handles too, and faults come in the first half only: later ones would count as growth."""
    kept, fault_s = [], -WARM_UP_S
    for sample in samples:
        if sample.fault:
            fault_s = sample.at_s
        elif sample.at_s - fault_s >= WARM_UP_S:
            kept.append(sample)
    return kept


def latency_drift_ms(samples: Sequence[Sample]) -> float | None:
    """The median of the last third of the quiet samples less that of the first; None where there are few."""
    quiet = [
        float(s.stats["latency_ms"])
        for s in samples
        if not s.fault and s.show.get("state") == "LIVE" and s.stats.get("latency_ms") is not None
    ]
    third = len(quiet) // 3
    return None if third < 5 else float(np.median(quiet[-third:]) - np.median(quiet[:third]))


def broken(
    samples: Sequence[Sample], lost_quietly: int, restarted_quietly: Mapping[str, int], fps: float
) -> list[str]:
    """A line for each thing that is over the budget. lost_quietly: ticks that never came while no fault was
    there. restarted_quietly: stage → how often it was started again meanwhile."""
    lines = []
    for name, found in slopes(samples).items():
        if found is not None and found.exceeds(MB_PER_HOUR):
            lines.append(
                f"{name}: its memory grows by {found.per_hour:.1f} ± {found.within:.1f} MB an hour "
                f"(allowed: {MB_PER_HOUR:g})"
            )
    for name in names_of(samples):
        _, _, handles, threads = held_by(calm(samples), name, WARM_UP_S)
        for what, values in (("file handles", handles), ("threads", threads)):
            if growth(values) > LEAST_HANDLES:
                lines.append(f"{name}: it has {growth(values)} {what} more than at first")
    shared = [sample.shared_mb for sample in samples if sample.shared_mb > 0]
    if shared and max(shared) > shared[0]:
        lines.append(f"the show's shared memory grew from {shared[0]:.1f} to {max(shared):.1f} MiB")
    drift = latency_drift_ms(samples)
    if drift is not None and abs(drift) > 1000 / fps:
        lines.append(f"latency: {drift:+.0f} ms from the first third to the last (allowed: {1000 / fps:.0f})")
    if lost_quietly:
        lines.append(f"ticks: {lost_quietly} never came while no fault was there")
    lines += [
        f"{stage}: it was started again while no fault was there: {n} times"
        for stage, n in restarted_quietly.items()
        if n
    ]
    return lines
