"""Transforms pictures into the coordinates of their scene."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.alignment.models import Floats

Box = tuple[int, int, int, int]
"""left, top, width, height, in pixels of the scene; the reference frame's first pixel is 0, 0."""


def warp(picture: NDArray[np.uint8], matrix: Floats, box: Box) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A frame (H, W, 3) and its matrix (3, 3), frame → scene → the part of the box (h, w, 3) that it shows,
    black elsewhere; and (h, w) uint8, 255 where it shows something, less at its edges.

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
