"""Draws the paper doll on a CPU: each part bent onto the pose, back to front.

A part moves by its own affine map, and near a joint by its neighbour's: the two maps are blended across the
plane that halves the joint's angle (as in smooth skinning), so that parts from one frame stay in one piece
and cloth bends softly. The maps lead from the pose to the frame, so that a part is one look-up for each
pixel. `engines.doll.drawing_torch` draws the same picture as differentiable torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.doll.bank import Bank, standing_px
from engines.doll.choice import Drawing, Frames, in_order
from engines.doll.cutting import Bytes, Floats, Reals, Sprite
from engines.doll.parts import (
    CHILDREN,
    COUNT,
    HEAD,
    LEGS,
    PARENTS,
    TABLE,
    TORSO,
    WIDTHS,
    Joints,
    Points,
    fit,
    joints_of,
    points_of,
)

BLEND = 1.0
"""About a joint the maps are blended over so many half widths of the part that begins there, either way."""
STEP = 0.03
"""Maps are blended on a grid of this step, standing heights, and interpolated."""
AROUND = 2
"""The grid goes on so many steps beyond what is drawn: one to interpolate with, one for what a flow brings
in."""
THIN = 1e-3
"""A part is not drawn where its map shrinks areas to less than this: it is seen edge on, or is not finite."""
MARGIN = 0.02
"""A bent part may reach this far beyond where its own map alone would put it, standing heights."""


SKIRT = 0.06
"""Between the legs of a skirt, their maps are blended over so much either way, standing heights."""
NECK_BLEND = 0.05
"""About the neck they are blended less far, standing heights: a head that is tilted leaves the shoulders
where they are."""
REACH = np.append(BLEND * WIDTHS, [SKIRT] * 2)
"""(P + 2,) see `Joints`: over how much either way maps are blended about each, standing heights."""
REACH[HEAD] = NECK_BLEND
NEAR = np.append(1.5 * BLEND * WIDTHS, [0.35] * 2)
"""(P + 2,) and how far from it the blending begins to fade; at twice that it ends."""
NEAR[HEAD] = NECK_BLEND


class Bend(NamedTuple):
    """A joint about which a part takes its neighbour's map, by its row in `Joints`. sign: 1 where the
    neighbour lies outwards of it, -1 inwards."""

    part: int
    neighbour: int
    joint: int
    sign: int


BENDS = [
    bend
    for part in range(COUNT)
    for bend in (
        *([Bend(part, PARENTS[part], part, -1)] if part != TORSO else []),
        *(Bend(part, child, child, 1) for child in CHILDREN[part]),
        *(
            Bend(part, LEGS[1 - side][row], COUNT + row, 2 * side - 1)
            for side in (0, 1)
            for row in (0, 1)
            if LEGS[side][row] == part
        ),
    )
]
"""TABLE of the joints of each part, part after part."""
_PART, _NEIGHBOUR, _JOINT, _SIGN = (np.array(column) for column in zip(*BENDS, strict=True))


class Doll:
    """Draws the dolls of one player, in any thread.

    reduction: it also draws pictures whose sides are so many times smaller (`Placed.draw`).
    """

    def __init__(self, bank: Bank, reduction: int = 1) -> None:
        self.bank, self.reduction = bank, reduction
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
        layer, bend = _bends_of(parts)  # (B,) each, layer after layer
        which, node = nodes.of_layers(layer)  # (M,) each: every bend at every node of its layer
        near_x, near_y = x[node], y[node]
        weights = blend(near_x, near_y, bend[which], joints_of(pose, TABLE), height, bank.skirt)
        away = _mapped(maps[layer, _NEIGHBOUR[bend]] - own[layer], which, near_x, near_y)  # (2, M)
        whole = np.maximum(np.bincount(node, weights, len(x)), 1)  # (N,)
        fields = _mapped(own, nodes.layer, x, y)  # (2, N)
        for field, by in zip(fields, away, strict=True):
            field += np.bincount(node, weights * by, len(x)) / whole
        return boxes, nodes, np.stack(fields, axis=1) - self._corners[frames, parts][nodes.layer]


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


def _bends_of(parts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of all joints of `parts` (L,), (B,) each: which of `parts` it is of, and its row in `BENDS`."""
    layer, bend = np.nonzero(parts[:, None] == _PART)
    return layer, bend


def blend(
    x: Floats,
    y: Floats,
    bends: NDArray[np.int64],
    joints: Joints[NDArray[Any]],
    height: float,
    skirt: Reals,
) -> Floats:
    """(M,): how much of the neighbour's map is taken at places x, y (M,), at each by its own of `BENDS`
    (M,), 0..1."""
    strength = np.append(np.ones(COUNT), skirt)
    table = np.stack(
        [
            joints.x[_JOINT], joints.y[_JOINT],
            joints.out_x[_JOINT] * _SIGN / (REACH[_JOINT] * height),
            joints.out_y[_JOINT] * _SIGN / (REACH[_JOINT] * height),
            1 / (NEAR[_JOINT] * height), strength[_JOINT],
        ]
    ).astype(np.float32)  # fmt: skip
    joint_x, joint_y, across_x, across_y, end, share = table[:, bends]  # (M,) each
    from_x, from_y = x - joint_x, y - joint_y
    across = from_x * across_x + from_y * across_y
    near = 2 - np.sqrt(from_x * from_x + from_y * from_y) * end
    return share * _smooth(0.5 + 0.5 * across) * _smooth(near)


def _smooth(share: Floats) -> Floats:
    np.clip(share, 0, 1, out=share)
    return share * share * (3 - 2 * share)


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
