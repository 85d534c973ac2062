"""How late the board's light follows the programme's flashes, by the log of a light meter. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LONGEST_S = 2.0
"""A rise of the light that comes later than this after a flash is not its own."""

LEAST_CONTRAST = 0.2
"""A log whose dark and bright levels differ by less than this share of the bright one shows no flash."""


class LightError(ValueError):
    """A log of light that cannot be used; the text says why."""


def rises_s(times_s: Sequence[float], levels: Sequence[float]) -> list[float]:
    """When the light rose through half of its range, interpolated between two readings.

    times_s: ascending, seconds. levels: of any unit, brighter is more. Raises LightError.
    """
    times, light = np.asarray(times_s, float), np.asarray(levels, float)
    if len(times) < 3 or not (np.isfinite(times).all() and np.isfinite(light).all()):
        raise LightError("at least three readings are needed, all of them numbers")
    if (np.diff(times) <= 0).any():
        raise LightError("the times must ascend")
    low, high = float(light.min()), float(np.percentile(light, 99.5))
    if high - low <= LEAST_CONTRAST * abs(high):
        raise LightError("the light hardly changes: point the light meter at the board")
    half = (low + high) / 2
    before = np.flatnonzero((light[:-1] < half) & (light[1:] >= half))
    share = (half - light[before]) / (light[before + 1] - light[before])
    found = times[before] + share * (times[before + 1] - times[before])
    return [float(at_s) for at_s in found]


def lags_s(flashes_s: Sequence[float], rises: Sequence[float]) -> list[float]:
    """How long after each flash the light rose; nothing for a flash after which it did not. Both in seconds
    of the same clock, ascending."""
    later = np.asarray(rises, float)
    lags = []
    for flash_s in flashes_s:
        following = later[later >= flash_s]
        if len(following) and following[0] - flash_s <= LONGEST_S:
            lags.append(float(following[0] - flash_s))
    return lags
