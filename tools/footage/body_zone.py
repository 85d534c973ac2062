"""The area of a picture in which a body can be, judging by landmarks alone."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.skeleton import LIMBS, Landmark


def zone(
    landmarks: NDArray[np.float32], size: tuple[int, int], standing_px: float, widen: float = 1.0
) -> NDArray[np.uint8]:
    """(H, W) uint8, 255 where the body of `landmarks` (33, 4) can be: thick limbs, a torso and a head.

    size (width, height); standing_px: the standing height from ears to ankles, pixels.
    """
    mask = np.zeros((size[1], size[0]), np.uint8)
    for limb in LIMBS.values():
        start = landmarks[list(limb.start), :2].mean(axis=0)
        end = landmarks[list(limb.end), :2].mean(axis=0)
        thickness = max(1, round(0.15 * limb.width * standing_px * widen))
        cv2.line(mask, _point(start), _point(end), 255, thickness)
    torso = landmarks[
        [Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER, Landmark.RIGHT_HIP, Landmark.LEFT_HIP], :2
    ]
    cv2.fillConvexPoly(mask, cv2.convexHull(torso.round().astype(np.int32)), 255)
    head = landmarks[[Landmark.LEFT_EAR, Landmark.RIGHT_EAR], :2].mean(axis=0)
    neck = landmarks[[Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER], :2].mean(axis=0)
    crown = head + 0.35 * (head - neck)
    cv2.circle(mask, _point(crown), round(0.13 * standing_px * widen), 255, -1)
    for wrist, elbow in (
        (Landmark.LEFT_WRIST, Landmark.LEFT_ELBOW),
        (Landmark.RIGHT_WRIST, Landmark.RIGHT_ELBOW),
    ):
        fingers = landmarks[wrist, :2] + 0.3 * (landmarks[wrist, :2] - landmarks[elbow, :2])
        cv2.circle(mask, _point(fingers), round(0.08 * standing_px * widen), 255, -1)
    return mask


def _point(xy: NDArray[np.float32]) -> tuple[int, int]:
    x, y = np.clip(xy.round(), -10_000, 10_000)
    return int(x), int(y)
