"""From what the net gives to the player's picture, at full resolution, on a CPU.

The net's fields and its own colours are coarse and smooth (`engines.painting.generator`); the doll is drawn
at full resolution. What is left is to tint it, to mix it with the net's colours, to close its gaps where the
net says so, and to lay it over the plate: some passes over the window's pixels.
`engines.painting.compositing_torch` does the same for a GPU.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.painting import compositing_loops as loops
from engines.painting.generator import ALPHA_SHARPNESS, DOLL_ALPHA, FINE, GAP

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
OUTLINE = 3
"""Of the fields, see `LiveGenerator`."""


class Composed(NamedTuple):
    """colours (h, w, 3) BGR, not yet times alpha, set where that is not 0; alpha (h, w) 0..1; cells (4,
    h/cell, w/cell): what the net is shown of this as its previous output, see `Painting.feedback`."""

    colours: Bytes
    alpha: Floats
    cells: Floats

    def over(self, out: Bytes) -> None:
        """Lays the colours over `out` (H, W, 3), a picture of which the upper left part may be covered."""
        height, width = out.shape[:2]
        loops.lay_over(self.colours[:height, :width], self.alpha[:height, :width], out)


class Compositor:
    """Composites windows of a net whose cells are `cell` pixels, and which says where the player ends within
    `soft` of `FINE` to a cell. For one thread: what it returns, the next call overwrites.

    everywhere: the net says where the player ends in the whole window, not in the doll's gaps alone: there is
    no doll, or `Generator.doll_has_the_edge` is not.
    """

    def __init__(self, cell: int, soft: int, *, everywhere: bool = False) -> None:
        self._cell, self._everywhere = cell, everywhere
        side = 2 * (soft * cell // FINE) + 1
        self._margin = np.ones((side, side), np.uint8)
        side = 2 * (GAP * soft * cell // FINE) + 1
        self._gap = np.ones((side, side), np.uint8)
        self._kept: dict[str, NDArray[Any]] = {}

    def paint(self, doll: Bytes, own: Floats, fields: Floats) -> Composed:
        """Puts doll and net together.

        doll: (h, w, 4) premultiplied BGRA. own, fields: see `LiveGenerator`, without the batch.
        """
        shape = doll.shape[:2]
        cover = cv2.extractChannel(doll, 3, dst=self._buffer("cover", shape, np.uint8))
        inside = cv2.erode(
            cover, self._margin, dst=self._buffer("inside", shape, np.uint8),
            borderType=cv2.BORDER_CONSTANT, borderValue=255,
        )  # fmt: skip
        closed = self._buffer("closed", shape, np.uint8)
        if self._everywhere:
            closed.fill(255)
        else:
            cv2.morphologyEx(cover, cv2.MORPH_CLOSE, self._gap, dst=closed)
        mixed = self._buffer("mixed", (*own.shape[:2], loops.MIXED), np.float32)
        loops.mix_coarse(own, fields, mixed)
        colours = self._buffer("colours", (*shape, 3), np.uint8)
        alpha = self._buffer("alpha", shape, np.float32)
        cells = self._buffer("cells", (4, *fields.shape[:2]), np.float32)
        loops.paint(
            doll.reshape(-1).view(np.uint32), inside.reshape(-1), closed.reshape(-1), mixed,
            fields[..., OUTLINE], ALPHA_SHARPNESS, ALPHA_SHARPNESS * DOLL_ALPHA, *shape,
            colours.reshape(-1), alpha.reshape(-1), cells,
        )  # fmt: skip
        return Composed(colours, alpha, cells)

    def _buffer(self, name: str, shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[Any]:
        """Memory of this shape, kept from call to call."""
        kept = self._kept.get(name)
        if kept is None or kept.shape != shape:
            kept = self._kept[name] = np.empty(shape, kind)
        return kept
