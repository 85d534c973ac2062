"""Draws the paper doll on a CPU: each part bent onto the pose, back to front.

Each part moves by its own affine map. Near a joint its map is blended with its neighbour's, across the plane
that halves the joint's angle (as in smooth skinning). So parts from one frame stay in one piece, and cloth
bends softly. The maps lead from the pose to the frame: each pixel of a part takes one look-up.
`engines.doll.drawing_torch` draws the same picture in differentiable torch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.doll.bank import Bank, standing_px
from engines.doll.bending import NEIGHBOUR, bends_of, joint_table, reach_of, softness
from engines.doll.choice import Drawing, Frames, in_order
from engines.doll.cutting import Bytes, Floats, Reals
from engines.doll.layer_loops import WHOLE, draw_layers
from engines.doll.nodes import Nodes
from engines.doll.parts import (
    COUNT,
    TABLE,
    Points,
    agreement,
    fit,
    joints_of,
    points_of,
)
from engines.doll.sprites import Sprite

STEP = 0.03
"""Maps are blended on a grid of this step, standing heights, and interpolated."""
THIN = 1e-3
"""A part is not drawn where its map shrinks areas to less than this: it is seen edge on, or its map is not
finite."""
MARGIN = 0.02
"""A bent part may reach this far beyond where its own map alone would put it, standing heights."""


class Doll:
    """Draws one player's doll. The renderers and training's crops call it. For any thread."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self._reach = reach_of(bank.widths, bank.skirt)
        shape = bank.atlas.starts.shape
        outlines = [outline(bank.atlas.sprite(*each)) for each in np.ndindex(*shape)]
        self._outlines = np.array(outlines).reshape(*shape, 8, 2)
        self._corners = bank.atlas.corners.astype(np.float32)

    def paint(
        self,
        landmarks: Floats,
        drawing: Drawing,
        out: Bytes,
        corner: tuple[int, int] = (0, 0),
        *,
        height: float | None = None,
        parts: Sequence[int] = tuple(range(COUNT)),
    ) -> None:
        """Draws the doll of `landmarks` (33, 4), finite, pixels of the player's picture, into `out` (h, w,
        4), premultiplied BGRA: a window of that picture with its upper left corner at `corner` (x, y).

        height: the player's standing height, pixels; by default the height at the pose's place in the
        picture. parts: those to draw.
        """
        if height is None:
            height = float(standing_px(landmarks, self.bank.body))
        pose = landmarks.astype(float)
        pose[:, :2] -= corner
        fading = np.flatnonzero(drawing.share < 1)
        drawn = np.concatenate([np.arange(COUNT), fading])
        frames = np.concatenate([drawing.frames, drawing.before[fading]])
        old = np.full(COUNT, -1)
        old[fading] = COUNT + np.arange(len(fading))
        order = in_order(pose, height) if drawing.order is None else drawing.order
        order = order[np.isin(order, parts)]
        stack = np.stack([order, old[order], np.rint(WHOLE * drawing.share[order])], axis=1)
        boxes, nodes, grid = self._grid(pose, height, drawn, frames, (out.shape[1], out.shape[0]))
        atlas, scratch = self.bank.atlas, np.zeros(out.shape[:2], np.uint32)
        out.fill(0)
        draw_layers(
            packed(atlas.pixels), atlas.starts[frames, drawn], atlas.sizes[frames, drawn], boxes, nodes.low,
            nodes.first, nodes.sides, stack.astype(np.int64), grid, nodes.step, scratch, packed(out),
        )  # fmt: skip

    def _grid(
        self,
        pose: Reals,
        height: float,
        parts: NDArray[np.int64],
        frames: Frames,
        size: tuple[int, int],
    ) -> tuple[NDArray[np.int64], Nodes, Floats]:
        """Where `parts` (L,), each drawn from its frame in `frames` (L,), lie in a window of `size` (width,
        height). Returns the boxes (L, 4), x0, y0, x1, y1, empty for a part that is not drawn; the nodes; and
        grid (N, 2), the place (x, y) in the part's sprite of the window's pixel at each node."""
        bank, count = self.bank, len(parts)
        recorded = Points(*(each[frames] for each in bank.points))  # (L, P, K)
        rows = fit(points_of(pose, TABLE), recorded, np.array([height]), bank.heights[frames, None], TABLE)
        maps = np.stack(rows, axis=-1).reshape(count, COUNT, 2, 3)
        own = maps[np.arange(count), parts]  # (L, 2, 3)
        boxes = _boxes(own, self._outlines[frames, parts], MARGIN * height, size)  # (L, 4)
        nodes = Nodes.about(boxes, max(2, round(STEP * height)))
        layer, bend = bends_of(parts)  # (B,) each, layer after layer
        neighbours = maps[layer, NEIGHBOUR[bend]]  # (B, 2, 3)
        joints = joint_table(joints_of(pose, TABLE), height, self._reach)[bend]
        joints[:, 5] *= softness(agreement(neighbours, own[layer]))
        away = (neighbours - own[layer]).reshape(-1, 6).astype(np.float32)
        own[:, :, 2] -= self._corners[frames, parts]
        begin = np.searchsorted(layer, np.arange(count + 1))
        return boxes, nodes, nodes.placed(own.reshape(-1, 6).astype(np.float32), begin, away, joints)


def packed(pixels: Bytes) -> NDArray[np.uint32]:
    """Pixels (..., 4) as integers (...), in the same memory."""
    return pixels.view(np.uint32)[..., 0]


def outline(sprite: Sprite) -> Reals:
    """(8, 2): the corners of an upright octagon, pixels of the view, around all pixels of a part that are not
    transparent, with a margin of one pixel for bilinear sampling."""
    rows, columns = np.nonzero(sprite.pixels[..., 3])
    if not len(rows):
        return np.full((8, 2), sprite.corner, float)
    x, y = columns + sprite.corner[0], rows + sprite.corner[1]
    (left, right), (top, bottom) = (x.min() - 1, x.max() + 1), (y.min() - 1, y.max() + 1)
    (falls_low, falls_high), (rises_low, rises_high) = (
        (each.min() - 2, each.max() + 2) for each in (x + y, x - y)
    )
    return np.array(
        [
            (falls_low - top, top), (rises_high + top, top), (right, right - rises_high),
            (right, falls_high - right), (falls_high - bottom, bottom), (rises_low + bottom, bottom),
            (left, left - rises_low), (left, falls_low - left),
        ],
        float,
    )  # fmt: skip


def _boxes(to_frame: Reals, outlines: Reals, margin: float, size: tuple[int, int]) -> NDArray[np.int64]:
    """(P, 4): x0, y0, x1, y1 of the area that each part covers in a picture of `size` (width, height), empty
    for a part that is not drawn. to_frame (P, 2, 3); outlines (P, 8, 2), see `outline`."""
    (a, b), (c, d) = to_frame[:, 0, :2].T, to_frame[:, 1, :2].T
    determinant = a * d - b * c
    drawn = np.abs(determinant) > THIN
    scale = np.divide(1.0, determinant, out=np.zeros_like(determinant), where=drawn)
    x, y = (outlines - to_frame[:, None, :, 2]).transpose(2, 1, 0)  # (8, P) each
    placed = np.stack([(d * x - b * y) * scale, (a * y - c * x) * scale], axis=-1)  # (8, P, 2)
    low = np.clip(np.floor(placed.min(axis=0) - margin), 0, size)
    high = np.clip(np.ceil(placed.max(axis=0) + margin) + 1, 0, size)
    high[~drawn] = low[~drawn]
    return np.hstack([low, high]).astype(np.int64)
