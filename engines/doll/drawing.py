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
THIN = 1e-3
"""A part is not drawn where its map shrinks areas to less than this: it is seen edge on, or is not finite."""
MARGIN = 0.02
"""A bent part may reach this far beyond where its own map alone would put it, standing heights."""


SKIRT = 0.06
"""Between the legs of a skirt, their maps are blended over so much either way, standing heights."""
REACH = np.append(BLEND * WIDTHS, [SKIRT] * 2)
"""(P + 2,) see `Joints`: over how much either way maps are blended about each, standing heights."""
NEAR = np.append(1.5 * BLEND * WIDTHS, [0.35] * 2)
"""(P + 2,) and how far from it the blending ends; at half of that it begins to fade."""


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
    """Draws the dolls of one player, in any thread."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self._outlines = np.array(
            [[outline(sprite) for sprite in each] for each in bank.sprites]
        )  # (F, P, 8, 2)
        self._corners = np.array([[sprite.corner for sprite in each] for each in bank.sprites], np.float32)

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
        out.fill(0)
        if height is None:
            height = float(standing_px(landmarks, self.bank.body))
        pose = landmarks.astype(float)
        pose[:, :2] -= corner
        fading = np.flatnonzero(drawing.share < 1)
        parts_drawn = np.concatenate([np.arange(COUNT), fading])
        frames = np.concatenate([drawing.frames, drawing.before[fading]])
        layers = self._layers(pose, height, parts_drawn, frames, out.shape)
        old = {part: COUNT + row for row, part in enumerate(fading.tolist())}
        order = in_order(pose, height) if drawing.order is None else drawing.order
        for part in order.tolist():
            if part not in parts:
                continue
            layer = self._look_up(layers, part)
            if part in old:
                layer = _mixed(self._look_up(layers, old[part]), layer, float(drawing.share[part]))
            if layer is not None:
                _over(*layer, out)

    def _layers(
        self, pose: Reals, height: float, parts: NDArray[np.int64], frames: Frames, shape: Sequence[int]
    ) -> _Layers:
        """Where each of `parts` (L,) lies, drawn from its frame of `frames` (L,), in a picture of `shape` (h,
        w, ...)."""
        bank, count = self.bank, len(parts)
        recorded = Points(*(each[frames] for each in bank.points))  # (L, P, K)
        rows = fit(points_of(pose, TABLE), recorded, np.array([height]), bank.heights[frames, None], TABLE)
        maps = np.stack(rows, axis=-1).reshape(count, COUNT, 2, 3)
        own = maps[np.arange(count), parts]  # (L, 2, 3)
        boxes = _boxes(own, self._outlines[frames, parts], MARGIN * height, shape)  # (L, 4)
        drawn = boxes[boxes[:, 0] < boxes[:, 2]]
        low, high = (
            (drawn[:, :2].min(axis=0), drawn[:, 2:].max(axis=0)) if len(drawn) else np.zeros((2, 2), np.int64)
        )
        step = max(2, round(STEP * height))
        across, down = (max(1, -(-int(side) // step)) for side in high - low)
        x = np.tile(low[0] + step * (np.arange(across) + 0.5) - 0.5, down).astype(np.float32)
        y = np.repeat(low[1] + step * (np.arange(down) + 0.5) - 0.5, across).astype(np.float32)
        layer, bend = _bends_of(parts)  # (B,) each, layer after layer
        weights = blend(x, y, joints_of(pose, TABLE), height, bank.skirt)[bend]  # (B, N)
        away = _mapped(maps[layer, _NEIGHBOUR[bend]] - own[layer], x, y)  # (B, 2, N)
        away *= weights[:, None]
        first = np.searchsorted(layer, np.arange(count))
        fields = _mapped(own, x, y)  # (L, 2, N)
        fields += np.add.reduceat(away, first) / np.maximum(np.add.reduceat(weights, first), 1)[:, None]
        fields -= self._corners[frames, parts][..., None]
        sprites = [bank.sprites[frame][part].pixels for part, frame in zip(parts, frames, strict=True)]
        grid = fields.reshape(count, 2, down, across)
        return _Layers(sprites, boxes.tolist(), grid, (int(low[0]), int(low[1])), step)

    @staticmethod
    def _look_up(layers: _Layers, row: int) -> tuple[Bytes, list[int]] | None:
        """A layer as it is drawn, premultiplied BGRA, and its box x0, y0, x1, y1."""
        x0, y0, x1, y1 = layers.boxes[row]
        if x0 >= x1 or y0 >= y1:
            return None
        (left, top), step = layers.start, layers.step
        cells = [(x0 - left) // step, (y0 - top) // step, -(-(x1 - left) // step), -(-(y1 - top) // step)]
        size = (step * (cells[2] - cells[0]), step * (cells[3] - cells[1]))
        rows = slice(y0 - top - step * cells[1], y1 - top - step * cells[1])
        columns = slice(x0 - left - step * cells[0], x1 - left - step * cells[0])
        u, v = (
            cv2.resize(plane[cells[1] : cells[3], cells[0] : cells[2]], size)[rows, columns]
            for plane in layers.grid[row]
        )
        moved = cv2.remap(layers.sprites[row], u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return np.asarray(moved, np.uint8).reshape(y1 - y0, x1 - x0, 4), layers.boxes[row]


class _Layers(NamedTuple):
    """Where L parts lie. sprites; boxes: x0, y0, x1, y1 each, empty for what is not drawn; grid (L, gh, gw,
    2): where a pixel of the window lies in the sprite, every `step` pixels from `start` (x, y)."""

    sprites: list[Bytes]
    boxes: list[list[int]]
    grid: Floats
    start: tuple[int, int]
    step: int


def _mapped(maps: Reals, x: Floats, y: Floats) -> Floats:
    """Places x, y (N,) under maps (M, 2, 3): (M, 2, N). Not as a matrix product, for which NumPy's BLAS would
    start threads that take the cores from the networks."""
    across, down, start = (maps[..., column, None].astype(np.float32) for column in range(3))
    return np.asarray(across * x + down * y + start, np.float32)


def _bends_of(parts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of all joints of `parts` (L,), (B,) each: which of `parts` it is of, and its row in `BENDS`."""
    layer, bend = np.nonzero(parts[:, None] == _PART)
    return layer, bend


def blend(x: Floats, y: Floats, joints: Joints[NDArray[Any]], height: float, skirt: Reals) -> Floats:
    """(rows, N): how much of the neighbour's map each of `BENDS` takes at places x, y (N,), 0..1."""
    reach, end = ((each * height)[_JOINT, None].astype(np.float32) for each in (REACH, NEAR))
    strength = np.append(np.ones(COUNT), skirt)[_JOINT, None].astype(np.float32)
    from_x, from_y = x - _of(joints.x), y - _of(joints.y)  # (B, N)
    across = (from_x * _of(joints.out_x) + from_y * _of(joints.out_y)) * (_SIGN[:, None] / reach)
    near = 2 - np.sqrt(from_x * from_x + from_y * from_y) / end
    return strength * _smooth((0.5 + 0.5 * across).astype(np.float32)) * _smooth(near)


def _of(values: Reals) -> Floats:
    return values[_JOINT, None].astype(np.float32)


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


def _boxes(to_frame: Reals, outlines: Reals, margin: float, shape: Sequence[int]) -> NDArray[np.int64]:
    """(P, 4): x0, y0, x1, y1 of what each part covers in a picture of `shape` (h, w, ...), empty for one that
    is not drawn. to_frame (P, 2, 3), outlines (P, 8, 2), see `outline`."""
    (a, b), (c, d) = to_frame[:, 0, :2].T, to_frame[:, 1, :2].T
    determinant = a * d - b * c
    drawn = np.abs(determinant) > THIN
    scale = np.divide(1.0, determinant, out=np.zeros_like(determinant), where=drawn)
    x, y = (outlines - to_frame[:, None, :, 2]).transpose(2, 1, 0)  # (8, P) each
    placed = np.stack([(d * x - b * y) * scale, (a * y - c * x) * scale], axis=-1)  # (8, P, 2)
    limit = (shape[1], shape[0])
    low = np.clip(np.floor(placed.min(axis=0) - margin), 0, limit)
    high = np.clip(np.ceil(placed.max(axis=0) + margin) + 1, 0, limit)
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
