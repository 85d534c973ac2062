"""Measures one picture against a keyframe: finds its points again, and the map on which most of them
agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.alignment.models import Fit, Floats, Frame, agree, apart, apply, fit
from tools.alignment.patches import LEAST_LIKE, Greys, Patches, pyramid
from tools.alignment.picture import Working, cell_of, descriptors, find_points, free_cells, noise

WORST_PX = 1.5
"""There is no result if the picture's worst corner would be more uncertain than this (one standard
deviation)."""
AGREE_PX = 1.5
"""Points within this distance agree on a motion, in pixels of the compared level."""
LEAST_POINTS, LEAST_CELLS = 8, 5
"""With fewer points, or in fewer cells, there is no result."""
LEAST_AGREE, MEET_AGREE, LEAST_SOME = 0.35, 0.5, 0.25
"""Shares of the points that should be seen, weighed by their trust, that must agree in every direction: in a
frame; between two keyframes; and while the search goes on."""
LEAST_TRUST = 1.0
"""Nothing is compared in a direction in which all points together have no more trust than this."""
MEET_SHARE = 0.2
"""The share of a keyframe's points that must agree with another keyframe: if two hardly overlap, few points
can be found at all."""
QUICK_AGREE, SURE_AGREE = 0.9, 0.8
"""With this share of the usual agreement, a first look at the expected place is enough; the second is for a
look that began far off."""
LOOKS, SETTLED_PX = 6, 0.25
"""The whole picture is compared again from the place found, at most this many times, until no corner moves by
more than this, or than its uncertainty."""
COARSE = 90
"""Points that are compared in halved pictures, to come near."""
RATIO = 0.8
"""A point is recognised if the second best match is farther by this ratio (Lowe, 2004)."""
KNOWN_PX, LEAST_KNOWN = 4.0, 10
"""Recognised points agree within the first; there must be at least the second number of them."""


class Keyframe:
    """A picture against which others are measured, with the `points` (P, 2) of its background."""

    def __init__(self, picture: Working, points: NDArray[np.float32] | None = None) -> None:
        self.picture = picture
        self.points = find_points(picture) if points is None else points

    @property
    def textured(self) -> bool:
        """Whether it has enough points to measure anything."""
        cells = len(np.unique(cell_of(self.points, self.picture.size)))
        return len(self.points) >= LEAST_POINTS and cells >= LEAST_CELLS

    @cached_property
    def patches(self) -> list[Patches]:
        """The neighbourhoods on every level, the whole picture's first; on the others only of the first
        `COARSE` points."""
        levels = pyramid(self.picture.grey.astype(np.float32))
        few, rough = self.points[:COARSE], noise(self.picture.grey)
        return [
            Patches(grey, self.picture.free, few if level else self.points, level, rough)
            for level, grey in enumerate(levels)
        ]

    @property
    def support(self) -> float:
        """The share of its free cells that have points."""
        return support(self.points, self.picture)

    def forget(self) -> None:
        """Frees the memory of `patches`; they are made again when needed."""
        self.__dict__.pop("patches", None)

    @cached_property
    def looks(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `picture.descriptors`; slow."""
        return descriptors(self.picture)


def support(places: NDArray[np.floating[Any]], picture: Working) -> float:
    """The share of a picture's free cells that have places (P, 2)."""
    cells = np.unique(cell_of(places, picture.size))
    return min(len(cells) / max(len(free_cells(picture.free)), 1), 1.0)


@dataclass(frozen=True)
class Found:
    """fit: keyframe → picture. support: the share of the picture's free cells in which points agree. agree:
    the share of the points that should be seen, in the direction with the least."""

    fit: Fit
    support: float
    agree: float
    points: int
    frame: Frame


def follow(
    key: Keyframe,
    picture: Working,
    expected: Sequence[Floats],
    least_agree: float = LEAST_AGREE,
    usual_agree: float = 1.0,
) -> Found | None:
    """How `picture` lies to the keyframe, near the `expected` maps (3, 3), which are tried one after the
    other until one is beyond doubt. usual_agree: the agreement in the picture before. None where too few
    points agree, or where each look gives another place."""
    if len(key.points) < LEAST_POINTS:
        return None
    grey = picture.grey.astype(np.float32)
    best: Found | None = None
    for start in expected:
        found = _look(key, picture, [grey], start)
        if found is not None and found.agree > QUICK_AGREE * usual_agree:
            return found
        best = _better(best, found)
    levels = pyramid(grey)
    for start in expected:
        best = _better(best, _look(key, picture, levels, start))
        if best is not None and best.agree > SURE_AGREE * usual_agree:
            break
    return best if best is not None and best.agree >= least_agree else None


def _better(one: Found | None, other: Found | None) -> Found | None:
    return other if one is None or (other is not None and other.agree > one.agree) else one


def _look(key: Keyframe, picture: Working, levels: Sequence[Greys], expected: Floats) -> Found | None:
    """Goes from the smallest level to the whole picture, and there until the place is stable."""
    for level in range(len(levels) - 1, 0, -1):
        nearer = _nearer(key, picture, levels[level], level, expected)
        expected = expected if nearer is None else nearer
    for _ in range(LOOKS):
        found = _settle(key, picture, levels[0], expected)
        if found is None or _settled(found, expected):
            return found
        expected = found.fit.matrix
    return None


def _settled(found: Found, expected: Floats) -> bool:
    """Whether it lies where it was expected."""
    return apart(found.fit.matrix, expected, found.frame) < max(SETTLED_PX, found.fit.spread_px)


def meet(key: Keyframe, other: Keyframe, expected: Floats) -> Found | None:
    """As `follow`, for two keyframes that may lie far apart: more must agree."""
    found = follow(key, other.picture, [expected], MEET_AGREE)
    return None if found is None or found.points < MEET_SHARE * len(key.points) else found


def know_again(key: Keyframe, other: Keyframe) -> Found | None:
    """How two keyframes lie to each other when nothing is expected: by the look of their points."""
    (places, looks), (others, other_looks) = key.looks, other.looks
    if min(len(looks), len(other_looks)) < LEAST_KNOWN:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(looks, other_looks, k=2)
    good = [best for best, second in pairs if best.distance < RATIO * second.distance]
    if len(good) < LEAST_KNOWN:
        return None
    source, target = places[[match.queryIdx for match in good]], others[[match.trainIdx for match in good]]
    motion, inside = cv2.estimateAffinePartial2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=KNOWN_PX, maxIters=2000
    )
    if motion is None or inside.sum() < LEAST_KNOWN:
        return None
    return meet(key, other, np.vstack([motion, [0, 0, 1]]))


def _nearer(key: Keyframe, picture: Working, grey: Greys, level: int, expected: Floats) -> Floats | None:
    """A better map than `expected`, by the points that agree on a small similarity."""
    seen = key.patches[level].compare(grey, picture.free, expected)
    source, gaps, trust = key.points[:COARSE][seen.places], seen.gaps[seen.places], seen.trust[seen.places]
    if len(source) < LEAST_POINTS:
        return None
    frame = Frame(*picture.size)
    moved = agree(source, source + gaps, trust, frame, AGREE_PX * 2**level)
    if moved.sum() < LEAST_POINTS:
        return None
    small = fit(source[moved], (source + gaps)[moved], trust[moved], frame, turns=3)
    nearer = expected @ small.matrix
    return nearer / nearer[2, 2]


def _settle(key: Keyframe, picture: Working, grey: Greys, expected: Floats) -> Found | None:
    frame = Frame(*picture.size)
    seen = key.patches[0].compare(grey, picture.free, expected)
    alike = seen.places & (seen.like > LEAST_LIKE)
    visible = seen.trust[seen.places].sum(axis=0)
    source, trust = key.points[alike], seen.trust[alike]
    if len(source) < LEAST_POINTS:
        return None
    there = source + seen.gaps[alike]
    moved = agree(source, there, trust, frame, AGREE_PX)
    if moved.sum() < LEAST_POINTS:
        return None
    target = apply(expected, there)
    turned = _turned(trust, expected)
    found = fit(source[moved], target[moved], turned[moved], frame)
    if not found.spread_px < WORST_PX:
        return None
    near = _distance(apply(found.matrix, source) - target, turned) < AGREE_PX
    cells = np.unique(cell_of(target[near], picture.size))
    share = _share(trust[near].sum(axis=0), visible)
    if near.sum() < LEAST_POINTS or len(cells) < LEAST_CELLS or share < LEAST_SOME:
        return None
    return Found(found, support(target[near], picture), share, int(near.sum()), frame)


def _share(part: Floats, whole: Floats) -> float:
    """The share that one sum of trust (2, 2) is of another, in the direction with the least: a floor's line
    agrees with every motion along it, and must not outvote others."""
    shares = np.linalg.eigvals(
        np.linalg.solve(whole + LEAST_TRUST * np.eye(2), part + LEAST_TRUST * np.eye(2))
    )
    return float(shares.real.min())


def _turned(trust: Floats, matrix: Floats) -> Floats:
    """Trust in directions of the keyframe → in directions of the picture."""
    u, _, v = np.linalg.svd(matrix[:2, :2])
    turn = u @ v
    return np.asarray(turn @ trust @ turn.T)


def _distance(gap: Floats, trust: Floats) -> Floats:
    """(P,): the lengths of gaps (P, 2) in the directions that can be seen."""
    return np.sqrt(np.einsum("pi,pij,pj->p", gap, trust, gap))
