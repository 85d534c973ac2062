"""A rectangle with alpha that is laid over a picture: prepared once, laid on at every tick.

Colours are kept times alpha, and beside them what the picture below is to be multiplied by, so that laying it
on is one multiplication and one sum, of the rectangle alone, into memory that is there already.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.pictures.alpha import Layer, parts
from realtime.pictures.picture import Picture

ANCHORS: Mapping[str, tuple[float, float]] = {
    "top left": (0, 0), "top": (0.5, 0), "top right": (1, 0),
    "left": (0, 0.5), "centre": (0.5, 0.5), "right": (1, 0.5),
    "bottom left": (0, 1), "bottom": (0.5, 1), "bottom right": (1, 1),
}  # fmt: skip
"""TABLE of the points of a rectangle by which it is placed, as shares of its width and height."""

Box = tuple[int, int, int, int]
"""x, y, width, height, pixels; it may reach beyond the picture."""


def anchored(at: tuple[float, float], anchor: str, size: tuple[int, int], within: tuple[int, int]) -> Box:
    """Where a rectangle of `size` (width, height) lies in a picture of the size `within`, its anchor at the
    shares `at` of that picture."""
    (x, y), (across, down) = at, ANCHORS[anchor]
    left = round(x * within[0] - across * size[0])
    return left, round(y * within[1] - down * size[1]), *size


class Patch:
    """One rectangle in pictures of one size. For one thread at a time."""

    def __init__(self, box: Box, within: tuple[int, int]) -> None:
        """Transparent at first. within: (width, height) of the pictures that it is laid over."""
        x, y, self._width, self._height = box
        left, top = max(0, x), max(0, y)
        right, bottom = max(left, min(x + self._width, within[0])), max(top, min(y + self._height, within[1]))
        self._seen = slice(top - y, bottom - y), slice(left - x, right - x)
        self._place = slice(top, bottom), slice(left, right)
        shape = (bottom - top, right - left, 3)
        self._colours, self._rest = np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)
        self._mixed = np.empty(shape, np.uint8)

    @property
    def empty(self) -> bool:
        """Whether it lies beside the picture."""
        return self._mixed.size == 0

    def fill(self, layer: Layer) -> None:
        """Takes the colours of a layer (H, W, 4), straight, scaled to the rectangle."""
        self.fill_parts(*parts(layer))

    def fill_parts(self, colours: Picture, alpha: NDArray[np.uint8]) -> None:
        """Likewise of colours (H, W, 3) times alpha, and alpha (H, W)."""
        size = self._width, self._height
        if alpha.shape[::-1] != size:
            shrinks = alpha.shape[1] > size[0]
            how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            colours = np.asarray(cv2.resize(colours, size, interpolation=how), np.uint8)
            alpha = np.asarray(cv2.resize(alpha, size, interpolation=how), np.uint8)
        np.copyto(self._colours, colours[self._seen])
        self._rest[:] = 255 - alpha[self._seen][..., None]

    def over(self, picture: Picture, share: float = 1.0) -> None:
        """Lays it over a picture (H, W, 3), in place. share: of its alpha, 0..1."""
        if self.empty:
            return
        below, mixed = picture[self._place], self._mixed
        if share >= 1:
            cv2.multiply(below, self._rest, dst=mixed, scale=1 / 255)
            cv2.add(mixed, self._colours, dst=below)
            return
        cv2.convertScaleAbs(self._rest, dst=mixed, alpha=share, beta=255 * (1 - share))
        cv2.multiply(below, mixed, dst=mixed, scale=1 / 255)
        cv2.addWeighted(self._colours, share, mixed, 1, 0, dst=below)


def trimmed(layer: Layer, box: Box) -> tuple[Layer, Box]:
    """A layer and its box without the transparent margins. Its scale is the box's."""
    x, y, wide, high = cv2.boundingRect(cv2.extractChannel(layer, 3))
    if not wide:
        return layer, (box[0], box[1], 0, 0)
    across, down = box[2] / layer.shape[1], box[3] / layer.shape[0]
    left, top = round(x * across), round(y * down)
    size = max(1, round(wide * across)), max(1, round(high * down))
    return layer[y : y + high, x : x + wide], (box[0] + left, box[1] + top, *size)
