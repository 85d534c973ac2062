"""Places at which the maps of a paper doll's parts are worked out, to be interpolated in between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.doll.cutting import Floats
from engines.doll.node_loops import place

AROUND = 1
"""The grid goes on so many steps beyond what is drawn, to interpolate with."""


class Nodes:
    """Grids over L boxes, whose nodes lie in the middle of squares of `step` pixels, node after node.

    low (L, 2): the first square, x and y; sides (L, 2): how many there are; counts, first (L,): how many
    nodes each grid has, and the index of its first. total: of all nodes.
    """

    def __init__(self, low: NDArray[np.int64], high: NDArray[np.int64], step: int) -> None:
        """low, high (L, 2): in squares."""
        self.low, self.sides, self.step = low, high - low, step
        self.counts = self.sides.prod(axis=1)
        self.first = np.cumsum(self.counts) - self.counts
        self.total = int(self.counts.sum())

    @classmethod
    def about(cls, boxes: NDArray[np.int64], step: int) -> Nodes:
        """Over boxes (L, 4), x0, y0, x1, y1, and `AROUND` squares around; over an empty one none."""
        drawn = (boxes[:, 0] < boxes[:, 2])[:, None]
        low, high = boxes[:, :2] // step - AROUND, -(-boxes[:, 2:] // step) + AROUND
        return cls(low * drawn, high * drawn, step)

    def placed(self, maps: Floats, bends: NDArray[np.int64], away: Floats, joints: Floats) -> Floats:
        """(N, 2): x and y of every node in its layer's frame; see `node_loops.place`."""
        grid = np.empty((self.total, 2), np.float32)
        place(self.low, self.sides, self.first, self.step, maps, bends, away, joints, grid)
        return grid
