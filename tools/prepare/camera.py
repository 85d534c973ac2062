"""Measures a frame: the light on the background, and the sharpness of the player."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def light(
    picture: NDArray[np.uint8], plate: NDArray[np.uint8], hidden: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """(3,) blue, green, red: how many times brighter the background is than the plate (1: equal).

    The median over every fourth pixel of every fourth row that is not hidden, black or burnt out; 1 if there
    is none.
    """
    f, p = picture[::4, ::4].astype(np.float32), plate[::4, ::4].astype(np.float32)
    use = (hidden[::4, ::4] == 0) & (p.min(axis=2) > 20) & (p.max(axis=2) < 235) & (f.max(axis=2) < 250)
    if not use.any():
        return np.ones(3, np.float32)
    return np.asarray(np.median(f[use] / p[use], axis=0), np.float32)


def sharpness(picture: NDArray[np.uint8], person: NDArray[np.uint8]) -> float:
    """The finest detail of the person as a share of coarser detail: small where the person is blurred.

    The mean size of the Laplacian over that of the picture blurred by 3 pixels, on `person` (H, W) > 127. NaN
    where the mask is empty.
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
