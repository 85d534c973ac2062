"""Makes the player's picture from the net's output, at full resolution, on a CPU. `Renderer` calls it once a
frame.

The net's fields and its own colours are coarse and smooth (`engines.painting.generator`); the doll is drawn
at full resolution. The compositor tints the doll, mixes it with the net's colours, closes the doll's gaps
where the net says so, and lays the result over the plate, in a few passes over the window's pixels.
`engines.painting.compositing_torch` does the same on a GPU.
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
"""Channel of the outline in the fields, see `LiveGenerator`."""


class Composed(NamedTuple):
    """colours (h, w, 3): BGR, not multiplied by alpha, set only where alpha is not 0. alpha (h, w): 0..1.
    cells (4, h/cell, w/cell): what the net sees of this picture as its previous output, see
    `Painting.feedback`."""

    colours: Bytes
    alpha: Floats
    cells: Floats

    def over(self, out: Bytes) -> None:
        """Lays the colours over `out`, a picture (H, W, 3) or a layer (H, W, 4) in straight BGRA; they may
        cover only its upper left part."""
        height, width = out.shape[:2]
        lay = loops.lay_over if out.shape[2] == 3 else loops.lay_on_layer
        lay(self.colours[:height, :width], self.alpha[:height, :width], out)


class Compositor:
    """Composites windows of one net. For one thread: the next call overwrites what the last one returned.

    cell: pixels a cell of the net. soft: within this distance of the doll's outline the net decides where the
    player ends, in units of which a cell has `FINE`. everywhere: the net decides in the whole window, not
    only in the doll's gaps; for a net without a doll, or without `Generator.doll_has_the_edge`.
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

        doll: (h, w, 4) premultiplied BGRA. own, fields: see `LiveGenerator`, without the batch dimension.
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
        """Memory of this shape and type, reused from call to call."""
        kept = self._kept.get(name)
        if kept is None or kept.shape != shape:
            kept = self._kept[name] = np.empty(shape, kind)
        return kept
