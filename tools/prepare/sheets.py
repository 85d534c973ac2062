"""Contact sheets: many frames of a dataset in one picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.stick_figure import draw_stick_figure
from tools.prepare.files.pictures import Pictures
from tools.prepare.scene.plate import Plate

COLUMNS, ROWS, HEIGHT = 6, 4, 240
MATTES = 12
FLAT = (255, 0, 255)
"""Magenta, which hardly anybody wears: remains of the background show on it."""


def outlines(
    pictures: Pictures, numbers: NDArray[np.int64], landmarks: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Kept frames with the stick figure and the matte's outline. landmarks: (N, 33, 4)."""
    cells = []
    for position in _evenly(len(numbers)):
        number = int(numbers[position])
        picture, mask = pictures.frame(number), pictures.mask(number)
        found, _ = cv2.findContours((mask > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, found, -1, (0, 255, 0), 1)
        draw_stick_figure(picture, landmarks[position])
        cells.append(picture)
    return _sheet(cells)


def mattes(
    pictures: Pictures, numbers: NDArray[np.int64], landmarks: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Twelve kept frames, cut to the person, over a flat colour."""
    cells = []
    for position in _evenly(len(numbers), MATTES):
        number = int(numbers[position])
        near = _about(landmarks[position])
        alpha = pictures.mask(number)[near][..., None] / 255
        over = pictures.frame(number)[near] * alpha + np.array(FLAT) * (1 - alpha)
        cells.append(over.round().astype(np.uint8))
    return _sheet(cells, height=2 * HEIGHT)


def filled(plate: Plate) -> NDArray[np.uint8]:
    """The empty scene, with outlines around areas that were never seen and are filled in."""
    picture = plate.picture.copy()
    edges, _ = cv2.findContours(plate.unseen.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, edges, -1, (0, 0, 255), 2)
    return picture


def _evenly(count: int, cells: int = COLUMNS * ROWS) -> NDArray[np.int64]:
    return np.linspace(0, count - 1, cells).astype(np.int64)


def _about(landmarks: NDArray[np.float32]) -> tuple[slice, slice]:
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    margin = 0.12 * (high[1] - low[1])
    (x0, y0), (x1, y1) = np.maximum(low - margin, 0).astype(int), (high + margin).astype(int)
    return slice(y0, y1), slice(x0, x1)


def _sheet(cells: list[NDArray[np.uint8]], height: int = HEIGHT) -> NDArray[np.uint8]:
    """Pictures of any size, each scaled to fit its cell."""
    width = round(height * max(cell.shape[1] / cell.shape[0] for cell in cells))
    sheet = np.full((-(-len(cells) // COLUMNS) * height, COLUMNS * width, 3), 255, np.uint8)
    for place, cell in enumerate(cells):
        scale = min(height / cell.shape[0], width / cell.shape[1])
        small = cv2.resize(cell, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        top, left = place // COLUMNS * height, place % COLUMNS * width
        left += (width - small.shape[1]) // 2
        sheet[top : top + small.shape[0], left : left + small.shape[1]] = small
    return sheet
