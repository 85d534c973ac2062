"""The windows of the player's picture on which the net is run.

The generator is fully convolutional, so it need not paint the whole picture. It runs on a window around the
player, chosen from a few fixed sizes, and the plate fills the rest. On a CPU that saves most of the
arithmetic; on a GPU each size is one captured graph.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.pack.player_pack import PlayerPack
from engines.painting.generator import PREVIOUS_CHANNELS, canvas_of, cell_px, multiple

GRID = 2
"""Windows start at multiples of this many cells, so that the previous output keeps its place in the net's
grid."""
WIDTHS, HEIGHTS = (0.5, 0.65, 0.85, 1.1, 1.5), (1.3, 1.75)
"""Window sizes in standing heights, besides the whole canvas. With the margins `HAIR` and `REACH`, a standing
player needs 0.5 by 1.3, with arms spread 1.5 by 1.3, with arms raised a height of 1.75. Each size takes time
to compile, at every start, and memory."""
FEW_WIDTHS, FEW_HEIGHTS = (0.65, 1.1), (1.5, 1.75)
"""The sizes for backends on a GPU. There each window is a plan or a captured graph of its own, which takes
memory, and time before the show."""
HAIR, REACH = 0.16, 0.07
"""How far the player may extend beyond the landmarks, upwards and to the other sides, in standing heights."""


class Window(NamedTuple):
    """Pixels of the player's picture."""

    x: int
    y: int
    width: int
    height: int


class Windows:
    """The windows for a picture of `size` (width, height) with a player `standing_px` high.

    canvas: the picture, enlarged at its right and lower edge to the multiples that the net requires. sizes:
    (width, height), smallest area first. few: for a backend whose engines stay on a device
    (`backends.choice.is_on_device`).
    """

    def __init__(self, size: tuple[int, int], variant: str, standing_px: float, *, few: bool = False) -> None:
        widths, heights = (FEW_WIDTHS, FEW_HEIGHTS) if few else (WIDTHS, HEIGHTS)
        self.cell = cell_px(standing_px)
        step = multiple(variant, self.cell)
        self.canvas = canvas_of(size, step)
        self._standing_px = standing_px

        def sides(whole: int, shares: Sequence[float]) -> list[int]:
            return [min(whole, int(-(-standing_px * share // step) * step)) for share in shares]

        every = {
            self.canvas,
            *itertools.product(sides(self.canvas[0], widths), sides(self.canvas[1], heights)),
        }
        self.sizes = tuple(sorted(every, key=lambda each: (each[0] * each[1], each)))

    @classmethod
    def of(cls, pack: PlayerPack, *, few: bool = False) -> Windows:
        """The windows for a player's pack."""
        return cls(pack.size, pack.variant, pack.body.near.height, few=few)

    def choose(
        self, landmarks: NDArray[np.float32], sizes: Sequence[tuple[int, int]] | None = None
    ) -> Window:
        """The smallest of `sizes` (by default all) that holds the player, centred on the player as far as the
        canvas allows.

        landmarks: (33, 4) pixels, finite. Where the player reaches beyond the canvas, its edge is the limit.
        """
        (left, top), (right, bottom) = (
            landmarks[:, :2].min(axis=0).tolist(),
            landmarks[:, :2].max(axis=0).tolist(),
        )
        reach, hair, size = REACH * self._standing_px, HAIR * self._standing_px, self.canvas
        x0, x1 = (min(max(x, 0), size[0]) for x in (left - reach, right + reach))
        y0, y1 = (min(max(y, 0), size[1]) for y in (top - hair, bottom + reach))
        for width, height in self.sizes if sizes is None else sizes:
            x, y = self._start(x0, x1, width, size[0]), self._start(y0, y1, height, size[1])
            if x <= x0 and x + width >= x1 and y <= y0 and y + height >= y1:
                return Window(x, y, width, height)
        return Window(0, 0, *size)

    def _start(self, low: float, high: float, side: int, whole: int) -> int:
        grid, centred = GRID * self.cell, (low + high - side) / 2
        return min(max(round(centred / grid) * grid, 0), (whole - side) // grid * grid)

    def cells(self, window: Window) -> tuple[slice, slice, slice]:
        """The window's place in the whole canvas's previous output (C, h, w)."""
        left, top, right, bottom = (
            side // self.cell
            for side in (window.x, window.y, window.x + window.width, window.y + window.height)
        )
        return slice(None), slice(top, bottom), slice(left, right)

    def previous(self) -> NDArray[np.float32]:
        """A previous output of the whole canvas that shows nothing."""
        width, height = (side // self.cell for side in self.canvas)
        return np.zeros((PREVIOUS_CHANNELS, height, width), np.float32)

    def spread(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture (H, W, C) on the canvas; its edge is repeated outwards."""
        (width, height), (rows, columns) = self.canvas, picture.shape[:2]
        if (columns, rows) == (width, height):
            return picture
        wider = cv2.copyMakeBorder(picture, 0, height - rows, 0, width - columns, cv2.BORDER_REPLICATE)
        return np.asarray(wider, np.uint8)
