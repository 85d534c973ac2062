"""Draws a pose as a stick figure, for people to look at."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.skeleton import LIMBS, VISIBLE


def draw_stick_figure(picture: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> None:
    """Draws a pose into `picture` (H, W, 3) BGR in place. landmarks: (33, 4), pixels of the picture."""
    thickness = max(2, round(min(picture.shape[:2]) / 120))
    for limb in LIMBS.values():
        start = landmarks[list(limb.start)].mean(axis=0)
        end = landmarks[list(limb.end)].mean(axis=0)
        if min(start[3], end[3]) < VISIBLE or not np.isfinite([*start, *end]).all():
            continue
        ends = [_pixel(point) for point in (start, end)]
        cv2.line(picture, ends[0], ends[1], limb.colour, thickness, cv2.LINE_AA)
        for pixel in ends:
            cv2.circle(picture, pixel, thickness, limb.colour, -1, cv2.LINE_AA)


def _pixel(point: NDArray[np.float32]) -> tuple[int, int]:
    x, y = np.clip(point[:2].round(), -10_000, 10_000)
    return int(x), int(y)
