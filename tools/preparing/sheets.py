"""Contact sheets: many frames of a dataset at a glance."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.stick_figure import draw_stick_figure
from tools.preparing.pictures import Pictures

COLUMNS, ROWS, HEIGHT = 6, 4, 240
FLAT = (80, 200, 80)
"""Nothing that a player wears: what is left of the background shows on it."""


def outlines(
    pictures: Pictures, numbers: NDArray[np.int64], points: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Kept frames with the stick figure and the matte's outline. points: (N, P, 4), landmarks and extras."""
    cells = []
    for position in _evenly(len(numbers)):
        number = int(numbers[position])
        picture, mask = pictures.frame(number), pictures.mask(number)
        found, _ = cv2.findContours((mask > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, found, -1, (0, 255, 0), 1)
        draw_stick_figure(picture, points[position])
        cells.append(picture)
    return _sheet(cells)


def mattes(
    pictures: Pictures, numbers: NDArray[np.int64], landmarks: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Kept frames, cut to the person, over a flat colour."""
    cells = []
    for position in _evenly(len(numbers)):
        number = int(numbers[position])
        near = _about(landmarks[position])
        alpha = pictures.mask(number)[near][..., None] / 255
        over = pictures.frame(number)[near] * alpha + np.array(FLAT) * (1 - alpha)
        cells.append(over.round().astype(np.uint8))
    return _sheet(cells)


def _evenly(count: int) -> NDArray[np.int64]:
    return np.linspace(0, count - 1, COLUMNS * ROWS).astype(np.int64)


def _about(landmarks: NDArray[np.float32]) -> tuple[slice, slice]:
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    margin = 0.12 * (high[1] - low[1])
    (x0, y0), (x1, y1) = np.maximum(low - margin, 0).astype(int), (high + margin).astype(int)
    return slice(y0, y1), slice(x0, x1)


def _sheet(cells: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Pictures of any size, each scaled into its cell."""
    width = round(HEIGHT * max(cell.shape[1] / cell.shape[0] for cell in cells))
    sheet = np.full((ROWS * HEIGHT, COLUMNS * width, 3), 255, np.uint8)
    for place, cell in enumerate(cells):
        scale = min(HEIGHT / cell.shape[0], width / cell.shape[1])
        small = cv2.resize(cell, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        top, left = place // COLUMNS * HEIGHT, place % COLUMNS * width
        left += (width - small.shape[1]) // 2
        sheet[top : top + small.shape[0], left : left + small.shape[1]] = small
    return sheet
