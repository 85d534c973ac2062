"""Selects the frames to judge, and summarizes their scores."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BLOCK = 30
"""Consecutive frames in a block."""

Summary = dict[str, float | None]


def blocks(count: int, frames: int, length: int = BLOCK) -> list[NDArray[np.int64]]:
    """About `frames` (0: all) of `count` positions as runs of `length`, spread evenly, without overlap."""
    if frames == 0 or frames >= count:
        return [np.arange(count)]
    length = min(length, frames)
    number = frames // length
    starts = np.linspace(0, count - length, number).round().astype(int) if number > 1 else [0]
    return [np.arange(start, start + length) for start in starts]


def summary(values: Sequence[float]) -> Summary:
    """Mean, median, 5th and 95th percentile of the values that are not NaN; None where a result is not
    finite."""
    measured = [value for value in values if not math.isnan(value)]
    if not measured:
        return dict.fromkeys(("mean", "median", "p5", "p95"))
    return {
        "mean": finite(float(np.mean(measured))),
        "median": finite(float(np.median(measured))),
        "p5": finite(float(np.percentile(measured, 5, method="lower"))),
        "p95": finite(float(np.percentile(measured, 95, method="higher"))),
    }


def finite(value: float) -> float | None:
    """For JSON: rounded to four places, None where it is not finite."""
    return round(value, 4) if math.isfinite(value) else None


def ratio(of: float | None, to: float | None) -> float | None:
    return None if of is None or not to else finite(of / to)
