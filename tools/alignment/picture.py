"""The working picture for measuring: small and grey, with its free background and the points to follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

LONG_SIDE = 640
"""Pictures are measured at this size, in which points are found to about a tenth of a pixel."""
CELLS = 12
"""The longer side is divided into this many cells, the shorter one into cells of the same size."""
PER_CELL, MOST_POINTS = 4, 180
"""The most points that are followed in a cell, and in all: a caption with a hundred corners weighs no more
than a door."""
LEAST_TEXTURE, EDGE = 3e-5, 0.06
"""A point is worth following where the smaller eigenvalue of the gradients around it, plus the share EDGE of
the larger one, exceeds LEAST_TEXTURE (OpenCV's `cornerEigenValsAndVecs` with 5 pixels). These are corners,
and edges, which tell the motion across them."""
OF_NOISE = 5e-5
"""Added to that for noise of one grey level: about four times the mean eigenvalue of noise alone (25 pixels,
Sobel's weights, and OpenCV's scale of 1 / 5100)."""
APART = 6
"""Pixels between two points."""
MARGIN = 4
"""Places this near to hidden ones, in pixels, are hidden too."""
THUMB = (16, 12)
"""Width and height of the thumbnails from which cuts are found."""


@dataclass(frozen=True)
class Working:
    """grey (h, w) uint8; free (h, w) uint8: 255 where the background is seen; thumb (12, 16, 3) uint8 BGR."""

    grey: NDArray[np.uint8]
    free: NDArray[np.uint8]
    thumb: NDArray[np.uint8]

    @property
    def size(self) -> tuple[int, int]:
        return self.grey.shape[1], self.grey.shape[0]


def working_size(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of the pictures → of the working picture."""
    scale = min(1.0, LONG_SIDE / max(size))
    return max(round(size[0] * scale), 8), max(round(size[1] * scale), 8)


def working(picture: NDArray[np.uint8], hidden: NDArray[np.uint8], size: tuple[int, int]) -> Working:
    """The working picture. picture (H, W, 3) BGR; hidden (H, W): not 0 where people may be."""
    small = picture
    if size != (picture.shape[1], picture.shape[0]):
        small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    covered = cv2.resize((hidden > 0).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    covered = cv2.dilate(covered, np.ones((2 * MARGIN + 1,) * 2, np.uint8))
    free = (1 - covered) * np.uint8(255)
    free[:MARGIN] = free[-MARGIN:] = free[:, :MARGIN] = free[:, -MARGIN:] = 0
    thumb = cv2.resize(small, THUMB, interpolation=cv2.INTER_AREA)
    return Working(np.asarray(grey, np.uint8), free, np.asarray(thumb, np.uint8))


def cell_of(points: NDArray[np.floating[Any]], size: tuple[int, int]) -> NDArray[np.int64]:
    """(P, 2) → (P,): the number of the cell in which each lies."""
    side = max(size) / CELLS
    x, y = (points // side).astype(np.int64).T
    return np.asarray(y * CELLS + x)


def free_cells(free: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The cells that are free in at least a quarter."""
    height, width = free.shape
    side = max(free.shape) / CELLS
    shape = (max(round(width / side), 1), max(round(height / side), 1))
    share = cv2.resize(free, shape, interpolation=cv2.INTER_AREA)
    y, x = np.nonzero(share >= 64)
    return np.asarray(y * CELLS + x)


def noise(grey: NDArray[np.uint8]) -> float:
    """The standard deviation of the picture's noise, grey levels, where it is smoothest.

    Immerkær, "Fast Noise Variance Estimation" (1996), over the tenth of its blocks with the least noise.
    """
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    rough = np.abs(cv2.filter2D(grey, cv2.CV_32F, kernel))
    blocks = cv2.resize(rough, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA)
    return float(np.percentile(blocks, 10) * np.sqrt(np.pi / 2) / 6)


def find_points(picture: Working) -> NDArray[np.float32]:
    """(P, 2): points with texture on the free background: the best of each cell first, then the second of
    each, and so on."""
    values = cv2.cornerEigenValsAndVecs(picture.grey, 5, 3)  # (h, w, 6): two values, two vectors
    strength = values[..., :2].min(axis=2) + EDGE * values[..., :2].max(axis=2)
    strength[picture.free == 0] = 0
    peak = cv2.dilate(strength, np.ones((2 * APART + 1,) * 2, np.uint8))
    least = LEAST_TEXTURE + OF_NOISE * noise(picture.grey) ** 2
    y, x = np.nonzero((strength >= peak) & (strength > least))
    order = np.argsort(-strength[y, x], kind="stable")
    points = np.stack([x[order], y[order]], axis=1).astype(np.float32)
    taken: dict[int, int] = {}
    ranks = np.zeros(len(points), np.int64)
    for place, cell in enumerate(cell_of(points, picture.size).tolist()):
        taken[cell] = ranks[place] = taken.get(cell, -1) + 1
    first = np.argsort(ranks, kind="stable")[:MOST_POINTS]
    return points[first[ranks[first] < PER_CELL]]


_SIFT = cv2.SIFT.create(nfeatures=400, contrastThreshold=0.015)


def descriptors(picture: Working) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points (F, 2) of the background that can be recognised anywhere, with their descriptors (F, 128) (Lowe,
    "Distinctive Image Features from Scale-Invariant Keypoints", 2004)."""
    points, looks = _SIFT.detectAndCompute(picture.grey, picture.free)
    if looks is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    return np.array([point.pt for point in points], np.float32), looks
