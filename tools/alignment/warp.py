"""Pictures in the coordinates of their scene."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.alignment.models import Floats, Frame, apply

MOST_SIDES = 4
"""A box reaches no further from the reference frame than so many of its sides: a map that is nearly folded
puts corners anywhere."""

Box = tuple[int, int, int, int]
"""left, top, width, height, in pixels of the scene; the reference frame's first pixel is 0, 0."""


def scene_box(matrices: Floats, size: tuple[int, int]) -> Box:
    """What frames of `size` (width, height) cover together. matrices (N, 3, 3): frame → scene, one at
    least."""
    width, height = size
    outline = Frame(width, height).corners - 0.5  # the outermost edges of the outermost pixels
    corners = np.concatenate([apply(matrix, outline) for matrix in matrices])
    limit = MOST_SIDES * np.array([width, height])
    corners = np.clip(corners, -limit, limit + np.array([width, height]))
    left, top = (math.floor(value + 0.5 + 1e-6) for value in corners.min(axis=0))
    right, bottom = (math.ceil(value + 0.5 - 1e-6) for value in corners.max(axis=0))
    return left, top, right - left, bottom - top


def warp(picture: NDArray[np.uint8], matrix: Floats, box: Box) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A frame (H, W, 3) and its matrix (3, 3): frame → scene → what it shows of the box (h, w, 3), black
    elsewhere, and (h, w) uint8: 255 where it shows something, less between at its edges.

    Bicubic interpolation; a shift by whole pixels changes none of them.
    """
    shown = cv2.warpPerspective(
        picture, _in_box(matrix, box), box[2:], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    covered = warp_mask(np.full(picture.shape[:2], 255, np.uint8), matrix, box)
    if not covered.all():
        shown[covered == 0] = 0
    return np.asarray(shown, np.uint8), covered


def warp_mask(mask: NDArray[np.uint8], matrix: Floats, box: Box) -> NDArray[np.uint8]:
    """As `warp`, for a mask (H, W): (h, w), 0 where it shows nothing."""
    return np.asarray(
        cv2.warpPerspective(mask, _in_box(matrix, box), box[2:], flags=cv2.INTER_LINEAR), np.uint8
    )


def _in_box(matrix: Floats, box: Box) -> Floats:
    return np.array([[1, 0, -box[0]], [0, 1, -box[1]], [0, 0, 1]], np.float64) @ matrix


def points_in_scene(points: NDArray[np.floating[Any]], matrix: Floats) -> Floats:
    """Points (P, 2) of a frame → of its scene."""
    return apply(matrix, points)
