"""Times several things side by side in one run, each round in another order.

On a shared machine, the time of one thing says little; the ratio of two that were measured in turn, frame by
frame, says much. CPU time is that of the whole process, with all threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engines.time_units import NS_PER_MS

WARM_UP = 5
"""The first samples of each contestant that are dropped, but never more than half of them."""


class Turn(NamedTuple):
    """One contestant in a round: its name and its function, which is finished when the call returns."""

    name: str
    run: Callable[[], Any]


@dataclass(frozen=True)
class Times:
    """Samples of one contestant, (n,) each: wall time, and CPU time of the process."""

    wall_ms: NDArray[np.float64]
    cpu_ms: NDArray[np.float64]

    def figures(self) -> dict[str, float]:
        """Median and 99th percentile of the time, its pictures a second, median CPU time, samples."""
        median = float(np.median(self.wall_ms))
        return {
            "ms_p50": round(median, 3),
            "ms_p99": round(float(np.percentile(self.wall_ms, 99)), 3),
            "cpu_ms_p50": round(float(np.median(self.cpu_ms)), 3),
            "per_second": round(1000 / median, 2) if median > 0 else 0.0,
            "samples": len(self.wall_ms),
        }


def side_by_side(
    rounds: Iterable[Sequence[Turn]],
    *,
    total: int | None = None,
    warm_up: int = WARM_UP,
    wall_ns: Callable[[], int] = time.perf_counter_ns,
    cpu_ns: Callable[[], int] = time.process_time_ns,
) -> dict[str, Times]:
    """Runs every turn of every round, and returns the times by name.

    Each round starts one contestant further on, so that none always comes first. total: of rounds, for the
    progress bar. wall_ns, cpu_ns: the clocks.
    """
    samples: dict[str, list[tuple[int, int]]] = {}
    for index, turns in enumerate(tqdm(rounds, total=total, unit="round")):
        start = index % len(turns)
        for name, run in (*turns[start:], *turns[:start]):
            wall, cpu = wall_ns(), cpu_ns()
            run()
            samples.setdefault(name, []).append((wall_ns() - wall, cpu_ns() - cpu))
    return {name: _times(values, warm_up) for name, values in samples.items()}


def repeated(
    turns: Sequence[Turn], rounds: int, *, slow: Sequence[Turn] = (), every: int = 10
) -> Iterator[list[Turn]]:
    """`rounds` rounds of `turns`; every `every`-th round includes the `slow` ones too."""
    for index in range(rounds):
        yield [*turns, *(slow if index % every == 0 else ())]


def _times(samples: Sequence[tuple[int, int]], warm_up: int) -> Times:
    kept = np.array(samples[min(warm_up, len(samples) // 2) :], float) / NS_PER_MS
    return Times(kept[:, 0], kept[:, 1])
