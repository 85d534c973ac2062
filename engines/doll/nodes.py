"""The grid points at which the maps of a paper doll's parts are computed; between them they are
interpolated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.doll.cutting import Floats
from engines.doll.node_loops import place

AROUND = 1
"""The grid extends this many steps beyond the drawn area, for interpolation."""


class Nodes:
    """Grids over L boxes. Nodes lie in the middle of squares of `step` pixels; all grids' nodes follow one
    another.

    low (L, 2): the first square, x and y. sides (L, 2): number of squares. counts, first (L,): each grid's
    number of nodes, and the index of its first one. total: number of all nodes.
    """

    def __init__(self, low: NDArray[np.int64], high: NDArray[np.int64], step: int) -> None:
        """low, high (L, 2): in squares."""
        self.low, self.sides, self.step = low, high - low, step
        self.counts = self.sides.prod(axis=1)
        self.first = np.cumsum(self.counts) - self.counts
        self.total = int(self.counts.sum())

    @classmethod
    def about(cls, boxes: NDArray[np.int64], step: int) -> Nodes:
        """Grids over boxes (L, 4), x0, y0, x1, y1, with `AROUND` squares around; an empty box has none."""
        drawn = (boxes[:, 0] < boxes[:, 2])[:, None]
        low, high = boxes[:, :2] // step - AROUND, -(-boxes[:, 2:] // step) + AROUND
        return cls(low * drawn, high * drawn, step)

    def placed(self, maps: Floats, bends: NDArray[np.int64], away: Floats, joints: Floats) -> Floats:
        """(N, 2): x and y of every node in its layer's frame; see `node_loops.place`."""
        grid = np.empty((self.total, 2), np.float32)
        place(self.low, self.sides, self.first, self.step, maps, bends, away, joints, grid)
        return grid
