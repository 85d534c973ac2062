"""Draws the paper doll on a CPU: each part bent onto the pose, back to front.

A part moves by its own affine map, and near a joint by its neighbour's: the two maps are blended across the
plane that halves the joint's angle (as in smooth skinning), so that parts from one frame stay in one piece
and cloth bends softly. The maps lead from the pose to the frame, so that a part is one look-up for each
pixel. `engines.doll.drawing_torch` draws the same picture as differentiable torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.doll.bank import Bank, standing_px
from engines.doll.choice import Drawing
from engines.doll.cutting import Bytes, Floats, Reals, Sprite
from engines.doll.parts import (
    CHILDREN,
    COUNT,
    PARENTS,
    TABLE,
    TORSO,
    WIDTHS,
    Joints,
    Points,
    depths,
    fit,
    joints_of,
    points_of,
)

BLEND = 1.0
"""About a joint the maps are blended over so many half widths of the part that begins there, either way."""
STEP = 0.022
"""Maps are blended on a grid of this step, standing heights, and interpolated."""
THIN = 1e-3
"""A part is not drawn where its map shrinks areas to less than this: it is seen edge on, or is not finite."""
MARGIN = 0.015
"""A bent part may reach this far beyond where its own map alone would put it, standing heights."""


class Doll:
    """Draws the dolls of one player, in any thread."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self._outlines = [[outline(sprite) for sprite in each] for each in bank.sprites]  # F, P, (8, 2)

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
        frames, rows = np.unique(np.concatenate([drawing.frames, drawing.before]), return_inverse=True)
        maps = self._maps(pose, height, frames)  # (U, P, 2, 3)
        joints = joints_of(pose, TABLE)
        for part in np.argsort(-depths(pose, np.array([height]), TABLE), kind="stable").tolist():
            if part not in parts:
                continue
            share = float(drawing.share[part])
            layer = self._layer(part, int(drawing.frames[part]), maps[rows[part]], joints, height, out.shape)
            if share < 1:
                before = self._layer(
                    part, int(drawing.before[part]), maps[rows[COUNT + part]], joints, height, out.shape
                )
                layer = _mixed(before, layer, share)
            if layer is not None:
                _over(*layer, out)

    def _maps(self, pose: Reals, height: float, frames: NDArray[np.int64]) -> Reals:
        """(U, P, 2, 3): each part's affine map from pixels of the window to pixels of each of `frames`
        (U,)."""
        bank = self.bank
        recorded = Points(*(each[frames] for each in bank.points))
        rows = fit(points_of(pose, TABLE), recorded, np.array([height]), bank.heights[frames, None], TABLE)
        return np.stack(rows, axis=-1).reshape(len(frames), COUNT, 2, 3)

    def _layer(
        self,
        part: int,
        frame: int,
        maps: Reals,
        joints: Joints[NDArray[Any]],
        height: float,
        shape: Sequence[int],
    ) -> tuple[Bytes, list[int]] | None:  # fmt: skip
        """A part of a frame as it is drawn, premultiplied BGRA, and its box x0, y0, x1, y1 in the window."""
        sprite = self.bank.sprites[frame][part]
        box = _box(maps[part], self._outlines[frame][part], MARGIN * height, shape)
        if box is None:
            return None
        x0, y0, x1, y1 = box
        step = max(2.0, STEP * height)
        across, down = int(np.ceil((x1 - x0) / step)) + 1, int(np.ceil((y1 - y0) / step)) + 1
        x, y = x0 + step * np.arange(across), y0 + step * np.arange(down)
        places = np.stack([np.tile(x, down), np.repeat(y, across), np.ones(across * down)], axis=1)  # (N, 3)
        own = places @ maps[part].T  # (N, 2)
        weights, other = [], []
        for child, sign in ((part, -1), *((each, 1) for each in CHILDREN[part])):
            if child == TORSO:
                continue
            neighbour = child if sign == 1 else PARENTS[part]
            weight = blend(places[:, 0], places[:, 1], joints, child, sign, height)
            if weight.any():
                weights.append(weight)
                other.append(places @ maps[neighbour].T - own)
        if weights:
            scale = 1 / np.maximum(np.sum(weights, axis=0), 1)
            for weight, away in zip(weights, other, strict=True):
                own = own + (weight * scale)[:, None] * away
        field = (own - sprite.corner).astype(np.float32).reshape(down, across, 2)
        every = cv2.warpAffine(
            field, np.array([[1 / step, 0, 0], [0, 1 / step, 0]]), (x1 - x0, y1 - y0),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        moved = cv2.remap(sprite.pixels, every, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return np.asarray(moved, np.uint8).reshape(y1 - y0, x1 - x0, 4), box


def blend(x: Reals, y: Reals, joints: Joints[NDArray[Any]], child: int, sign: int, height: float) -> Reals:
    """How much of the neighbour's map is taken at places x, y (N,), 0..1, about the joint of `child` and its
    parent. sign: 1 within the parent, -1 within the child."""
    reach = BLEND * WIDTHS[child] * height
    from_x, from_y = x - joints.x[child], y - joints.y[child]
    across = (from_x * joints.out_x[child] + from_y * joints.out_y[child]) * (sign / reach)
    near = 2 - np.hypot(from_x, from_y) / (1.5 * reach)
    return _smooth(0.5 + 0.5 * across) * _smooth(near)


def _smooth(share: Reals) -> Reals:
    share = np.clip(share, 0, 1)
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


def _box(to_frame: Reals, corners: Reals, margin: float, shape: Sequence[int]) -> list[int] | None:
    """x0, y0, x1, y1 of what a part covers in a picture of `shape` (h, w, ...); None where that is nothing.
    to_frame (2, 3), corners (8, 2), see `outline`."""
    (a, b, x), (c, d, y) = to_frame
    determinant = a * d - b * c
    if not abs(determinant) > THIN:
        return None
    u, v = (corners[:, 0] - x) / determinant, (corners[:, 1] - y) / determinant
    across, down = d * u - b * v, a * v - c * u
    x0, y0 = max(0, int(across.min() - margin)), max(0, int(down.min() - margin))
    x1, y1 = min(shape[1], int(across.max() + margin) + 2), min(shape[0], int(down.max() + margin) + 2)
    return [x0, y0, x1, y1] if x0 < x1 and y0 < y1 else None


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
