"""Small neighbourhoods of a keyframe's points, and how far each has moved in another picture.

This is Lucas and Kanade's optical flow (Baker and Matthews, "Lucas-Kanade 20 Years On", 2004), with
directions, which OpenCV's lacks: an edge tells the motion across it, but not along it. A plain wall with a
door has many edges and few corners.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.alignment.models import Floats

LEVELS = 4
"""Pictures, each half as large as the one before. The last one finds motions of about 25 pixels."""
RADIUS = 6
"""A neighbourhood reaches this far on each side, in pixels of its level."""
FIRM = 5.0
"""A direction in which a neighbourhood has this mean squared gradient (grey levels a pixel, squared) is
trusted by half: a soft step of 20 grey levels has about as much."""
ALONG = 0.06
"""The pixels' grid and noise create this share of the gradients across an edge along it as well, which tells
no motion."""
OF_NOISE, QUIETER = 0.5, 0.27
"""Noise of one grey level has squared gradients of 0.23 (Scharr's weights); up to twice that, they tell
nothing. Halving a picture leaves this share of the noise (the weights of OpenCV's `pyrDown`)."""
LEAST_SEEN = 0.6
"""At least this share of a neighbourhood must be free in both pictures."""
LEAST_LIKE = 0.6
"""Least correlation of two neighbourhoods that show the same."""
MOST_GAIN = 2.5

Greys = NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """places: the points (P,) that can be compared. gaps (P, 2): how far each has moved from its expected
    place, pixels of the keyframe. trust (P, 2, 2): symmetric, with eigenvalues 0 to 1: how well the gap is
    seen in which direction. like (P,): the correlation of both neighbourhoods."""

    places: NDArray[np.bool_]
    gaps: NDArray[np.float64]
    trust: NDArray[np.float64]
    like: NDArray[np.float64]


def pyramid(grey: Greys) -> list[Greys]:
    """The picture and its smaller versions, each half as large as the one before."""
    levels = [grey]
    for _ in range(LEVELS - 1):
        levels.append(np.asarray(cv2.pyrDown(levels[-1]), np.float32))
    return levels


class Patches:
    """The neighbourhoods of points (P, 2) on one level of a keyframe."""

    def __init__(
        self, grey: Greys, free: NDArray[np.uint8], points: NDArray[np.float32], level: int, noise: float
    ) -> None:
        """free (h, w): of the whole picture. points: in its pixels. noise: its standard deviation, grey
        levels."""
        self._scale = 2.0**-level
        self._of_noise = OF_NOISE * (noise * QUIETER**level) ** 2
        side = np.arange(-RADIUS, RADIUS + 1, dtype=np.float32)
        offsets = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
        self._grid = points[:, None] * np.float32(self._scale) + offsets  # (P, N, 2)
        self._free = _free(free, self._grid / np.float32(self._scale))
        self._grey = _sample(grey, self._grid)
        self._x = _sample(_slope(grey, 1, 0), self._grid)
        self._y = _sample(_slope(grey, 0, 1), self._grid)

    def compare(self, grey: Greys, free: NDArray[np.uint8], expected: Floats) -> Seen:
        """Compares with another picture on the same level, near the `expected` place (keyframe → picture,
        pixels of the whole pictures). free (h, w): of the whole picture."""
        count = self._grid.shape[:2]
        level = np.diag([self._scale, self._scale, 1.0])
        there = level @ expected @ np.linalg.inv(level)
        places = cv2.perspectiveTransform(self._grid.reshape(1, -1, 2), there).reshape(*count, 2)
        whole = places / np.float32(self._scale)
        other = _sample(grey, places)
        both = self._free * _free(free, whole)
        share = both.sum(axis=1)
        weights = both / np.maximum(share, 1)[:, None]
        one, other = _centred(self._grey, weights), _centred(other, weights)
        x, y = _centred(self._x, weights), _centred(self._y, weights)
        power = (weights * one * one).sum(axis=1), (weights * other * other).sum(axis=1)
        product = (weights * one * other).sum(axis=1)
        gain = (np.sqrt(power[0] + 4) / np.sqrt(power[1] + 4)).clip(1 / MOST_GAIN, MOST_GAIN)
        rest = weights * (one - gain[:, None] * other)
        sides = np.stack([(x * rest).sum(axis=1), (y * rest).sum(axis=1)], axis=1).astype(np.float64)
        cross = (weights * x * y).sum(axis=1)
        squares = np.stack(
            [(weights * x * x).sum(axis=1), cross, cross, (weights * y * y).sum(axis=1)], axis=1
        ).reshape(-1, 2, 2)
        values, vectors = np.linalg.eigh(squares.astype(np.float64))
        values[:, 0] -= ALONG * values[:, 1]
        values -= self._of_noise
        values = values.clip(0)
        inverse = np.einsum("pie,pe,pje->pij", vectors, 1 / (values + FIRM / 20), vectors)
        trust = np.einsum("pie,pe,pje->pij", vectors, values / (values + FIRM), vectors)
        gaps = (inverse @ sides[..., None])[..., 0] / self._scale
        like = (product + 4) / np.sqrt((power[0] + 4) * (power[1] + 4))
        return Seen(share >= LEAST_SEEN * count[1], gaps, trust, like.astype(np.float64))


def _slope(grey: Greys, x: int, y: int) -> Greys:
    """(h, w): the change from one pixel to the next."""
    return np.asarray(cv2.Scharr(grey, cv2.CV_32F, x, y, borderType=cv2.BORDER_REPLICATE, scale=1 / 32))


def _centred(values: Greys, weights: Greys) -> Greys:
    return values - (weights * values).sum(axis=1, keepdims=True)


def _sample(grey: Greys, places: NDArray[np.float32]) -> Greys:
    x, y = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
    return np.asarray(cv2.remap(grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _free(free: NDArray[np.uint8], places: NDArray[np.float32]) -> Greys:
    """1 where the place is on the free background of the picture, else 0."""
    x, y = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
    return (cv2.remap(free, x, y, cv2.INTER_NEAREST, borderValue=0) > 127).astype(np.float32)
