"""Cuts a labelled picture of the player into sprites, one for each part of the paper doll."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.doll.cutting import (
    NOTHING,
    Bytes,
    Floats,
    Labels,
    Reals,
    View,
    joined,
    part_distances,
    reduced,
)
from engines.doll.parts import ARMS, CHILDREN, COUNT, HEAD, LEGS, PARENTS, TABLE, TORSO, WIDTHS, joints_of

OVERLAP = 1.3
"""The two parts at a joint share a disc of this radius, in half widths of the narrower part, so that a bent
joint does not open."""
NECK_OVERLAP = 0.6
TORSO_SHARE = 0.4
"""The torso's share of its discs with arms and legs is smaller by this factor. In a turn, hips or shoulders
come close together, and more of a thigh or a sleeve would stick out of the torso as a bulge."""
SHARPER = 0.08
"""The share of the difference to each neighbour that is added. Bilinear sampling, averaged over all places,
loses 42 % of detail two pixels wide and 18 % of detail four pixels wide; this adds 32 and 16 %."""
STRIP = 0.3
"""Legs in a skirt share the pixels whose distances to the two legs differ by at most this many half
widths."""
EDGE_PX = 2.0
"""Softness of the edge where a part is cut off, pixels."""


class Sprite(NamedTuple):
    """One part of one view: premultiplied BGRA (h, w, 4) uint8 and its corner (x, y) in the view."""

    pixels: Bytes
    corner: tuple[int, int]


def cut_up(
    view: View, labels: Labels, widths: Reals, skirt: Reals, body: Bytes | None = None
) -> list[Sprite]:
    """The sprite of each part. body (h, w, 3): the view's picture with the places hidden by arms filled in.

    A pixel belongs to its part; within the disc around a joint it belongs to both neighbours. A piece that is
    not connected with the part's own axis, such as fingers beside a thigh, belongs to no part.
    """
    alpha, landmarks, height = reduced(view)
    picture = sharper(view.picture, view.alpha)
    body = picture if body is None else sharper(body, view.alpha)
    relative = part_distances(landmarks, height, alpha.shape)
    joints = joints_of(landmarks.astype(float), TABLE)
    steep = view.height / height / EDGE_PX
    below = np.where(labels.under == NOTHING, labels.owner, labels.under)
    sprites = []
    for part in range(COUNT):
        owner = labels.owner if part in ARMS else below
        own = joined((owner == part) & (alpha > 0), relative[part] < 1)
        share = own.astype(np.float32)
        for other in (*CHILDREN[part], *([PARENTS[part]] if part != TORSO else [])):
            child = other if PARENTS[other] == part else part
            radius = _overlap(child, widths) * height
            if part == TORSO and child != HEAD:
                radius *= TORSO_SHARE
            _share_disc(share, owner == other, (joints.x[child], joints.y[child]), radius, steep)
        for one, other in ((0, 1), (1, 0)):  # in the middle of a skirt both legs have a strip
            if part in LEGS[one] and skirt[LEGS[one].index(part)] > 0:
                opposite = LEGS[other][LEGS[one].index(part)]
                strip = (owner == opposite) & (relative[part] - relative[opposite] < STRIP)
                strip &= _along(part, landmarks, alpha.shape) < skirt[LEGS[one].index(part)]
                share = np.maximum(share, strip.astype(np.float32))
        sprites.append(_sprite(picture if part in ARMS else body, view.alpha, share))
    return sprites


def _along(part: int, landmarks: Floats, shape: tuple[int, ...]) -> Reals:
    """(h, w): how far along a part's axis each pixel lies: 0 where it starts, 1 at its end."""
    start, end = (landmarks[rows[part], :2].mean(axis=0) for rows in (TABLE.starts, TABLE.ends))
    axis = end - start
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    return np.asarray(((x - start[0]) * axis[0] + (y - start[1]) * axis[1]) / (axis @ axis + 1e-6))


def sharper(picture: Bytes, alpha: Bytes) -> Bytes:
    """The picture (h, w, 3) sharpened within `alpha` (h, w), by as much as bilinear sampling will blur it:
    each pixel is pushed away from its neighbours on the person, along rows and columns."""
    weight = alpha.astype(np.float32) / 255
    weights, colours = cv2.merge([weight] * 3), picture.astype(np.float32)
    for kernel in (
        SHARPER * np.array([[1, 0, 1]], np.float32),
        SHARPER * np.array([[1], [0], [1]], np.float32),
    ):
        near = cv2.filter2D(weights, -1, kernel, borderType=cv2.BORDER_CONSTANT)
        around = cv2.filter2D(colours * weights, -1, kernel, borderType=cv2.BORDER_CONSTANT)
        colours += colours * near - around
    return np.asarray(cv2.convertScaleAbs(cv2.max(colours, 0.0)), np.uint8)


def _share_disc(
    share: Floats, where: NDArray[np.bool_], middle: tuple[float, float], radius: float, steep: float
) -> None:
    """Raises `share` (h, w) to 1 in a disc within `where` (h, w). steep: how fast it falls at the disc's
    edge, per pixel."""
    (x, y), reach = middle, radius + 1 / steep + 1
    height, width = share.shape
    rows, columns = (
        slice(int(np.clip(at - reach, 0, side)), int(np.clip(at + reach + 1, 0, side)))
        for at, side in ((y, height), (x, width))
    )
    across, down = np.arange(columns.start, columns.stop) - x, np.arange(rows.start, rows.stop) - y
    gap = np.hypot(across, down[:, None])
    disc = np.clip((radius - gap) * steep + 0.5, 0, 1).astype(np.float32) * where[rows, columns]
    np.maximum(share[rows, columns], disc, out=share[rows, columns])


def _overlap(child: int, widths: Reals) -> float:
    """The radius of the disc that a part shares with its parent, standing heights."""
    if child == HEAD:
        return float(NECK_OVERLAP * WIDTHS[HEAD])
    parent = PARENTS[child]
    return float(OVERLAP * (widths[child] if parent == TORSO else min(widths[child], widths[parent])))


def _sprite(colours: Bytes, alpha: Bytes, share: Floats) -> Sprite:
    """The sprite of `colours` (h, w, 3), premultiplied, where `share`, at the size of the labels, leaves
    anything of `alpha` (h, w). Where nothing is left it is one clear pixel."""
    down, across = share.shape[0] / alpha.shape[0], share.shape[1] / alpha.shape[1]
    rows, columns = (np.flatnonzero((share > 0.03).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return Sprite(np.zeros((1, 1, 4), np.uint8), (0, 0))
    top, left = max(0, int(rows[0] / down) - 1), max(0, int(columns[0] / across) - 1)
    bottom = min(alpha.shape[0], int((rows[-1] + 2) / down))
    right = min(alpha.shape[1], int((columns[-1] + 2) / across))
    to_share = np.array([[across, 0, (left + 0.5) * across - 0.5], [0, down, (top + 0.5) * down - 0.5]])
    whole = cv2.warpAffine(
        share, to_share, (right - left, bottom - top), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    there = np.multiply(alpha[top:bottom, left:right], whole)[..., None]
    pixels = np.concatenate([colours[top:bottom, left:right] * (there / 255), there], axis=2)
    return Sprite((pixels + 0.5).astype(np.uint8), (left, top))
