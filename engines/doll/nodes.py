"""Places at which the maps of a paper doll's parts are worked out, to be interpolated in between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.doll.cutting import Floats

AROUND = 2
"""The grid goes on so many steps beyond what is drawn: one to interpolate with, one for what a flow brings
in."""


class Nodes:
    """Grids over L boxes, whose nodes lie in the middle of squares of `step` pixels, node after node.

    low (L, 2): the first square, x and y; sides (L, 2): how many there are; first (L,): the index of each
    grid's first node. Of each node: layer (N,), across and down (N,) in its grid.
    """

    def __init__(self, low: NDArray[np.int64], high: NDArray[np.int64], step: int) -> None:
        """low, high (L, 2): in squares."""
        self.low, self.sides, self.step = low, high - low, step
        self.counts = self.sides.prod(axis=1)
        self.first = np.cumsum(self.counts) - self.counts
        self.layer = np.repeat(np.arange(len(low)), self.counts)
        self.down, self.across = np.divmod(
            np.arange(len(self.layer)) - self.first[self.layer], np.maximum(self.sides[self.layer, 0], 1)
        )

    @classmethod
    def about(cls, boxes: NDArray[np.int64], step: int) -> Nodes:
        """Over boxes (L, 4), x0, y0, x1, y1, and `AROUND` squares around; over an empty one none."""
        drawn = (boxes[:, 0] < boxes[:, 2])[:, None]
        low, high = boxes[:, :2] // step - AROUND, -(-boxes[:, 2:] // step) + AROUND
        return cls(low * drawn, high * drawn, step)

    def places(self) -> tuple[Floats, Floats]:
        """x and y of every node (N,), pixels."""
        low = self.low[self.layer]
        x, y = (
            (self.step * (start + place + 0.5) - 0.5).astype(np.float32)
            for start, place in ((low[:, 0], self.across), (low[:, 1], self.down))
        )
        return x, y

    def of_layers(self, layers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(M,) each: all nodes of each of `layers` (B,), and to which of `layers` they belong."""
        counts = self.counts[layers]
        which = np.repeat(np.arange(len(layers)), counts)
        begin = self.first[layers] - (np.cumsum(counts) - counts)
        return which, np.arange(len(which)) + begin[which]

    def between(self, grid: Floats, x: Floats, y: Floats) -> Floats:
        """A grid (N, 2) at places x, y (N,) of each node's own grid, bilinear; beyond its edge as there.
        (`cv2.remap` rounds places to 1/32.)"""
        sides = self.sides[self.layer]
        x, y = np.clip(x, 0, sides[:, 0] - 1), np.clip(y, 0, sides[:, 1] - 1)
        left = np.minimum(x.astype(np.int64), sides[:, 0] - 2)
        top = np.minimum(y.astype(np.int64), sides[:, 1] - 2)
        right, low = ((by - at).astype(np.float32)[:, None] for by, at in ((x, left), (y, top)))
        at = self.first[self.layer] + top * sides[:, 0] + left
        upper, lower = grid[at], grid[at + sides[:, 0]]
        upper += right * (grid[at + 1] - upper)
        lower += right * (grid[at + sides[:, 0] + 1] - lower)
        upper += low * (lower - upper)
        return upper
