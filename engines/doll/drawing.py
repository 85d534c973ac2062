"""Draws the paper doll on a CPU: each part bent onto the pose, back to front.

A part moves by its own affine map, and near a joint by its neighbour's: the two maps are blended across the
plane that halves the joint's angle (as in smooth skinning), so that parts from one frame stay in one piece
and cloth bends softly. The maps lead from the pose to the frame, so that a part is one look-up for each
pixel. `engines.doll.drawing_torch` draws the same picture as differentiable torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.doll.bank import Bank, standing_px
from engines.doll.bending import NEIGHBOUR, bends_of, blend, reach_of, softness
from engines.doll.choice import Drawing, Frames, in_order
from engines.doll.cutting import Bytes, Floats, Reals
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
"""A part is not drawn where its map shrinks areas to less than this: it is seen edge on, or is not finite."""
MARGIN = 0.02
"""A bent part may reach this far beyond where its own map alone would put it, standing heights."""


class Doll:
    """Draws the dolls of one player, in any thread.

    reduction: it also draws pictures whose sides are so many times smaller (`Placed.draw`).
    """

    def __init__(self, bank: Bank, reduction: int = 1) -> None:
        self.bank, self.reduction = bank, reduction
        self._reach = reach_of(bank.widths, bank.skirt)
        self._outlines = np.array(
            [[outline(sprite) for sprite in each] for each in bank.sprites]
        )  # (F, P, 8, 2)
        self._corners = np.array([[sprite.corner for sprite in each] for each in bank.sprites], np.float32)
        self.sprites = [[sprite.pixels for sprite in each] for each in bank.sprites]
        self.reduced = [[reduced(pixels, reduction) for pixels in each] for each in self.sprites]

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
        4): premultiplied BGRA, a window of the picture with its upper left corner at `corner` (x, y).

        height: the player's standing height, pixels; that of his place in the picture, by default. parts:
        those that are drawn.
        """
        size = (out.shape[1], out.shape[0])
        self.place(landmarks, drawing, size, corner, height=height, parts=parts).draw(out)

    def place(
        self,
        landmarks: Floats,
        drawing: Drawing,
        size: tuple[int, int],
        corner: tuple[int, int] = (0, 0),
        *,
        height: float | None = None,
        step: int = 0,
        parts: Sequence[int] = tuple(range(COUNT)),
    ) -> Placed:
        """Where the parts lie in a window of `size` (width, height); the rest as in `paint`.

        step: between the places at which maps are blended, pixels; by default `STEP`.
        """
        if height is None:
            height = float(standing_px(landmarks, self.bank.body))
        pose = landmarks.astype(float)
        pose[:, :2] -= corner
        fading = np.flatnonzero(drawing.share < 1)
        drawn = np.concatenate([np.arange(COUNT), fading])
        frames = np.concatenate([drawing.frames, drawing.before[fading]])
        old = {part: COUNT + row for row, part in enumerate(fading.tolist())}
        order = in_order(pose, height) if drawing.order is None else drawing.order
        stack = [
            Fade(part, old.get(part), float(drawing.share[part])) for part in order.tolist() if part in parts
        ]
        step = step or max(2, round(STEP * height))
        boxes, nodes, grid = self._grid(pose, height, drawn, frames, size, step)
        rows = list(zip(frames.tolist(), drawn.tolist(), strict=True))
        return Placed(self, rows, boxes, nodes, grid, size, stack)

    def _grid(
        self,
        pose: Reals,
        height: float,
        parts: NDArray[np.int64],
        frames: Frames,
        size: tuple[int, int],
        step: int,
    ) -> tuple[NDArray[np.int64], Nodes, Floats]:
        """The boxes, nodes and grid of `Placed`, of `parts` (L,), each drawn from its frame of `frames`
        (L,)."""
        bank, count = self.bank, len(parts)
        recorded = Points(*(each[frames] for each in bank.points))  # (L, P, K)
        rows = fit(points_of(pose, TABLE), recorded, np.array([height]), bank.heights[frames, None], TABLE)
        maps = np.stack(rows, axis=-1).reshape(count, COUNT, 2, 3)
        own = maps[np.arange(count), parts]  # (L, 2, 3)
        boxes = _boxes(own, self._outlines[frames, parts], MARGIN * height, size)  # (L, 4)
        nodes = Nodes.about(boxes, step)
        x, y = nodes.places()  # (N,)
        layer, bend = bends_of(parts)  # (B,) each, layer after layer
        which, node = nodes.of_layers(layer)  # (M,) each: every bend at every node of its layer
        near_x, near_y = x[node], y[node]
        neighbours = maps[layer, NEIGHBOUR[bend]]  # (B, 2, 3)
        weights = blend(near_x, near_y, bend[which], joints_of(pose, TABLE), height, self._reach)
        weights *= softness(agreement(neighbours, own[layer]))[which]
        away = _mapped(neighbours - own[layer], which, near_x, near_y)  # (2, M)
        whole = np.maximum(np.bincount(node, weights, len(x)), 1)  # (N,)
        fields = _mapped(own, nodes.layer, x, y)  # (2, N)
        for field, by in zip(fields, away, strict=True):
            field += np.bincount(node, weights * by, len(x)) / whole
        return boxes, nodes, np.stack(fields, axis=1) - self._corners[frames, parts][nodes.layer]


class Fade(NamedTuple):
    """A part in a stack of layers: its row, the row that it fades from, and how far it has come, 0..1."""

    row: int
    old: int | None
    share: float


class Placed(NamedTuple):
    """A doll as it lies in a window of `size` (width, height), L layers of it.

    rows: of each layer the frame and the part. boxes (L, 4): x0, y0, x1, y1 in the window, empty for what is
    not drawn. grid (N, 2): x and y in the layer's sprite where the window's pixel at each of `nodes` lies.
    stack: what is drawn, back to front.
    """

    doll: Doll
    rows: list[tuple[int, int]]
    boxes: NDArray[np.int64]
    nodes: Nodes
    grid: Floats
    size: tuple[int, int]
    stack: list[Fade]

    def bent(self, flow: Floats) -> Placed:
        """The same, seen through `flow` (h, w, 2): each pixel shows what lies so many pixels away, x and y.
        It is given for the middle of each square of the nodes' step, of the window."""
        nodes = self.nodes
        low = nodes.low[nodes.layer]
        row = np.clip(low[:, 1] + nodes.down, 0, flow.shape[0] - 1)
        column = np.clip(low[:, 0] + nodes.across, 0, flow.shape[1] - 1)
        away = flow[row, column]  # (N, 2)
        moved = away / np.float32(nodes.step)
        grid = nodes.between(self.grid, nodes.across + moved[:, 0], nodes.down + moved[:, 1])
        most = min(int(np.ceil(np.abs(away).max(initial=0))), nodes.step)
        drawn = self.boxes[:, 0] < self.boxes[:, 2]
        wider = self.boxes + np.array([-most, -most, most, most])
        boxes = np.clip(wider, 0, [*self.size, *self.size]) * drawn[:, None]
        return self._replace(grid=grid, boxes=boxes)

    def draw(self, out: Bytes, *, reduced: bool = False) -> None:
        """Into `out` (h, w, 4), premultiplied BGRA. reduced: at a resolution lower by the doll's
        `reduction`."""
        out.fill(0)
        scale = self.doll.reduction if reduced else 1
        sprites = self.doll.reduced if reduced else self.doll.sprites
        low, high = self.boxes[:, :2] // scale, -(-self.boxes[:, 2:] // scale)
        boxes = np.hstack([low, np.minimum(high, [out.shape[1], out.shape[0]])]).tolist()
        grid, nodes, step = self.grid, self.nodes, self.nodes.step // scale
        if scale > 1:
            grid = (grid + np.float32(0.5)) / np.float32(scale) - np.float32(0.5)

        def look_up(row: int) -> tuple[Bytes, list[int]] | None:
            """A layer as it is drawn, and its box x0, y0, x1, y1."""
            x0, y0, x1, y1 = boxes[row]
            if x0 >= x1 or y0 >= y1:
                return None
            (left, top), (across, down) = nodes.low[row].tolist(), nodes.sides[row].tolist()
            own = grid[nodes.first[row] : nodes.first[row] + nodes.counts[row]].reshape(down, across, 2)
            cells = [x0 // step - left, y0 // step - top, -(-x1 // step) - left, -(-y1 // step) - top]
            # One step more on each side: `resize` has nothing to interpolate with beyond its edge.
            near = own[cells[1] - 1 : cells[3] + 1, cells[0] - 1 : cells[2] + 1]
            fine = cv2.resize(near, (step * near.shape[1], step * near.shape[0]))
            x, y = x0 - step * (cells[0] - 1 + left), y0 - step * (cells[1] - 1 + top)
            frame, part = self.rows[row]
            moved = cv2.remap(
                sprites[frame][part], fine[y : y + y1 - y0, x : x + x1 - x0], None, cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_CONSTANT,
            )  # fmt: skip
            return np.asarray(moved, np.uint8).reshape(y1 - y0, x1 - x0, 4), boxes[row]

        for fade in self.stack:
            layer = look_up(fade.row)
            if fade.old is not None:
                layer = _mixed(look_up(fade.old), layer, fade.share)
            if layer is not None:
                _over(*layer, out)


def reduced(pixels: Bytes, scale: int) -> Bytes:
    """A sprite `scale` times smaller, each pixel the mean of what it covers; beyond its edge it is clear."""
    if scale == 1:
        return pixels
    rows, columns = (-(-side // scale) for side in pixels.shape[:2])
    down, across = scale * rows - pixels.shape[0], scale * columns - pixels.shape[1]
    whole = cv2.copyMakeBorder(pixels, 0, down, 0, across, cv2.BORDER_CONSTANT)
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def _mapped(maps: Reals, which: NDArray[np.int64], x: Floats, y: Floats) -> list[Floats]:
    """Places x, y (N,), each under its own (N,) of `maps` (B, 2, 3): x and y (N,)."""
    a, b, c, d, e, f = maps.reshape(-1, 6).T.astype(np.float32)[:, which]
    return [a * x + b * y + c, d * x + e * y + f]


def outline(sprite: Sprite) -> Reals:
    """(8, 2): the corners of an upright octagon, in pixels of the view, that holds all of a part that is not
    transparent, and a pixel more all around, as far as bilinear sampling reaches."""
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
    """(P, 4): x0, y0, x1, y1 of what each part covers in a picture of `size` (width, height), empty for one
    that is not drawn. to_frame (P, 2, 3), outlines (P, 8, 2), see `outline`."""
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


def _mixed(
    one: tuple[Bytes, list[int]] | None, other: tuple[Bytes, list[int]] | None, share: float
) -> tuple[Bytes, list[int]] | None:
    """Two layers, the other by `share`, in a box that holds both."""
    if one is None and other is None:
        return None
    boxes = [layer[1] for layer in (one, other) if layer is not None]
    x0, y0 = (min(box[side] for box in boxes) for side in (0, 1))
    x1, y1 = (max(box[side] for box in boxes) for side in (2, 3))
    mixed = np.zeros((y1 - y0, x1 - x0, 4), np.uint8)
    for layer, part in ((one, 1 - share), (other, share)):
        if layer is not None:
            pixels, (left, top, right, bottom) = layer
            there = mixed[top - y0 : bottom - y0, left - x0 : right - x0]
            cv2.scaleAdd(pixels, part, there, dst=there)
    return mixed, [x0, y0, x1, y1]


def _over(pixels: Bytes, box: list[int], out: Bytes) -> None:
    """Draws a layer over its box of `out` (h, w, 4)."""
    x0, y0, x1, y1 = box
    under = out[y0:y1, x0:x1]
    keep = cv2.merge([cv2.bitwise_not(cv2.extractChannel(pixels, 3))] * 4)
    cv2.multiply(under, keep, dst=under, scale=1 / 255)
    cv2.add(pixels, under, dst=under)
