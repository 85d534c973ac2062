"""Does the camera stand still, and does the light stay the same?"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

CORNERS = 200
LEAST_CORNERS = 12
"""With fewer points on the background nothing can be said."""
FOUND_SHARE, AGREE_SHARE = 0.2, 0.4
"""Where fewer of the points than the one are found again, or fewer of these than the other agree on one
movement, the camera has turned, zoomed or gone away."""
AGREE_PX = 1.0
MAX_GAIN = 0.08
"""A background brighter or darker than the plate by more than this share is another light."""


class Anchor:
    """Measures the camera's movement against one picture by points on the background.

    Lucas and Kanade's optical flow there and back, then the median: a person or a screen among the points
    does not count as long as most lie on what stands still.
    """

    def __init__(self, picture: NDArray[np.uint8], hidden: NDArray[np.uint8] | None = None) -> None:
        """hidden (H, W), not 0 where the person is."""
        self._grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        free = None if hidden is None else (hidden == 0).astype(np.uint8) * 255
        found = cv2.goodFeaturesToTrack(self._grey, CORNERS, 0.01, max(picture.shape[0] / 50, 4), mask=free)
        self._points = np.zeros((0, 2), np.float32) if found is None else found[:, 0]

    def shift(
        self, picture: NDArray[np.uint8], hidden: NDArray[np.uint8] | None = None
    ) -> NDArray[np.float32]:
        """(2,) x, y in pixels by which `picture` lies off; infinite where it shows something else, and NaN
        where too little of the background can be seen to tell."""
        points = self._points
        if hidden is not None:
            x, y = points.astype(int).T
            points = points[hidden[y, x] == 0]
        if len(points) < LEAST_CORNERS:
            return np.full(2, np.nan, np.float32)
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        grey = cv2.convertScaleAbs(grey, alpha=self._grey.mean() / max(grey.mean(), 1))  # in the same light
        there, found, _ = cv2.calcOpticalFlowPyrLK(self._grey, grey, points, None)
        back, _, _ = cv2.calcOpticalFlowPyrLK(grey, self._grey, there, None)
        good = (found[:, 0] > 0) & (np.linalg.norm(back - points, axis=1) < AGREE_PX)
        if good.sum() < max(FOUND_SHARE * len(points), LEAST_CORNERS):
            return np.full(2, np.inf, np.float32)
        moved = (there - points)[good]
        middle = np.median(moved, axis=0)
        agree = np.linalg.norm(moved - middle, axis=1) < AGREE_PX
        if agree.sum() < AGREE_SHARE * len(moved):
            return np.full(2, np.inf, np.float32)
        return np.asarray(moved[agree].mean(axis=0), np.float32)


def off_centre(shifts: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 2) movements → (N,) distance from where the camera stands most of the time, pixels.

    NaN and infinity as in `Anchor.shift`.
    """
    told = np.isfinite(shifts).all(axis=1)
    if not told.any():
        return np.where(np.isnan(shifts).any(axis=1), np.nan, np.inf).astype(np.float32)
    distance = np.linalg.norm(np.where(told[:, None], shifts - np.median(shifts[told], axis=0), 0), axis=1)
    unknown = np.where(np.isnan(shifts).any(axis=1), np.nan, np.inf)
    return np.where(told, distance, unknown).astype(np.float32)


def light(
    picture: NDArray[np.uint8], plate: NDArray[np.uint8], hidden: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """(3,) blue, green, red: how many times brighter than the plate the background is (1 = alike).

    The median over every fourth pixel of every fourth row that is not hidden and neither black nor burnt
    out; 1 where there is none.
    """
    f, p = picture[::4, ::4].astype(np.float32), plate[::4, ::4].astype(np.float32)
    use = (hidden[::4, ::4] == 0) & (p.min(axis=2) > 20) & (p.max(axis=2) < 235) & (f.max(axis=2) < 250)
    if not use.any():
        return np.ones(3, np.float32)
    return np.asarray(np.median(f[use] / p[use], axis=0), np.float32)


def sharpness(picture: NDArray[np.uint8], person: NDArray[np.uint8]) -> float:
    """How much finest detail the person has, as a share of the coarser detail: small where he is smeared.

    The mean size of the Laplacian over that of the picture blurred by 3 pixels, on `person` (H, W) > 127.
    NaN where the mask is empty.
    """
    x, y, width, height = cv2.boundingRect((person > 127).astype(np.uint8))
    if width == 0 or height == 0:
        return float("nan")
    near = (slice(y, y + height), slice(x, x + width))
    grey = cv2.cvtColor(picture[near], cv2.COLOR_BGR2GRAY).astype(np.float32)
    fine = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    coarse = np.abs(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 3), cv2.CV_32F))
    on = person[near] > 127
    return float(fine[on].mean() / max(float(coarse[on].mean()), 1e-3))
