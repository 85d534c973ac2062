"""Finds where a clip is cut, dissolved or faded, from thumbnails of its frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CUT, CUT_RATIO = 14.0, 3.0
"""At a cut, thumbnails differ by more than CUT, of 255 on average, and by more than CUT_RATIO times their
differences around it."""
AROUND = 4
"""Frames before and after that are used for that."""
DISSOLVE = 14.0
"""In a dissolve, pictures before and after it differ by more than this ..."""
REACH = 8
"""... at most this many frames before and after its middle, and at least half as many ..."""
MIXED = 0.2
"""... and those in between are a mixture of both, except for this share of their difference."""
STEADY = 0.12
"""The mixture's share grows from frame to frame with at most this deviation (root of the mean square)."""
HELD = 0.6
"""While this share of the background's points is followed, there is no cut and no dissolve."""
ALIKE = 0.8
"""Pictures with a higher correlation show the same in another light, or slightly moved."""


def find(
    thumbs: NDArray[np.uint8], agree: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """thumbs (N, h, w, 3), agree (N,): the share of the background's points that were followed, 0 where it
    was lost → shots (N,) int64, numbered from 0 and rising at each cut, and (N,) whether the frame is part of
    a dissolve or a fade."""
    flat = thumbs.reshape(len(thumbs), -1).astype(np.float32)
    mixed = _mixed(flat, agree)
    cuts = _cuts(flat, agree) & ~mixed
    cuts[1:] |= mixed[:-1] & ~mixed[1:]  # another shot follows a dissolve
    return np.cumsum(cuts), mixed


def _cuts(flat: NDArray[np.float32], agree: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """(N,): whether another shot begins here."""
    cuts = np.zeros(len(flat), np.bool_)
    change = np.abs(np.diff(flat, axis=0)).mean(axis=1)  # from frame n to n + 1
    for place in np.flatnonzero((change > CUT) & (agree[1:] < HELD)):
        around = np.concatenate(
            [change[max(place - AROUND, 0) : place], change[place + 1 : place + 1 + AROUND]]
        )
        if len(around) and change[place] < CUT_RATIO * np.sort(around)[-2:].min():
            continue
        before, after = flat[max(place - AROUND, 0) : place + 1], flat[place + 1 : place + 1 + AROUND]
        if (
            np.abs(before[:, None] - after[None]).mean(axis=2).min() > CUT
        ):  # else a flash: the old picture comes back
            cuts[place + 1] = True
    return cuts


def _mixed(flat: NDArray[np.float32], agree: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """(N,): whether the frame is a mixture of one before and one after it, on the way from one to the
    other."""
    mixed = np.zeros(len(flat), np.bool_)
    for reach in (REACH, REACH // 2):
        for middle in range(reach, len(flat) - reach):
            span = slice(middle - reach, middle + reach + 1)
            if agree[span].min() > HELD:
                continue
            first, last = flat[middle - reach], flat[middle + reach]
            way = last - first
            if np.abs(way).mean() < DISSOLVE or _correlation(first, last) > ALIKE:
                continue
            between = flat[span] - first
            share = between @ way / (way @ way)  # (2 reach + 1,)
            rest = np.abs(between - share[:, None] * way).mean(axis=1)
            even = np.linspace(0, 1, len(share))
            if rest.max() < MIXED * np.abs(way).mean() and np.sqrt(((share - even) ** 2).mean()) < STEADY:
                mixed[span] = True
    return mixed


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    one, other = one - one.mean(), other - other.mean()
    return float(one @ other / max(float(np.sqrt((one @ one) * (other @ other))), 1e-6))
