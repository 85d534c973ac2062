"""A numbered square marker, drawn into the programme, that a camera can read from the board.

It is an ArUco marker (Garrido-Jurado et al. 2014) of OpenCV's dictionary 5x5_1000, with the white margin that
its detector needs. It is found at an angle, blurred and small: from some 40 pixels of width on.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

MODULUS = 1000
"""How many numbers there are."""

CELLS = 9
"""Of the marker's side, its white margin of one cell included."""

READ_WIDTH = 960
"""Pictures wider than this, in pixels, are searched at this width."""


@cache
def _dictionary() -> cv2.aruco.Dictionary:
    return cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_1000)


@cache
def _detector() -> cv2.aruco.ArucoDetector:
    return cv2.aruco.ArucoDetector(_dictionary())


@cache
def _cells(number: int) -> NDArray[np.uint8]:
    """(CELLS, CELLS, 3), black and white."""
    inner = cv2.aruco.generateImageMarker(_dictionary(), number, CELLS - 2)
    grey = cv2.copyMakeBorder(inner, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(255,))
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


def side_of(picture: NDArray[np.uint8]) -> int:
    """The side of the marker in a picture (H, W, 3), pixels: a third of the shorter side, whole cells."""
    return max(1, min(picture.shape[:2]) // 3 // CELLS) * CELLS


def draw(picture: NDArray[np.uint8], number: int) -> None:
    """Draws a number, modulo MODULUS, into the bottom left corner of a picture (H, W, 3), in place."""
    side = side_of(picture)
    corner = picture[-side:, :side]
    cells = _cells(number % MODULUS)
    cv2.resize(cells, (side, side), dst=corner, interpolation=cv2.INTER_NEAREST)


def read_all(picture: NDArray[np.uint8]) -> list[int]:
    """The numbers of all markers in a picture (H, W, 3), the largest marker's first."""
    height, width = picture.shape[:2]
    if width > READ_WIDTH:
        size = READ_WIDTH, round(height * READ_WIDTH / width)
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    corners, numbers, _ = _detector().detectMarkers(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    if numbers is None:
        return []
    areas = np.array([cv2.contourArea(corner) for corner in corners])
    return [int(np.ravel(numbers)[n]) for n in np.argsort(-areas)]


def read(picture: NDArray[np.uint8]) -> int | None:
    """The number of the largest marker in a picture (H, W, 3); None where there is none."""
    found = read_all(picture)
    return found[0] if found else None
