"""Reference views: a few sharp pictures of the player, cut into body parts that are moved onto a pose.

What landmarks cannot tell (a shirt's number, a face, fingers) a net trained on them averages away. A
picture of it does not: each part of the nearest view is moved by its own affine map onto the driven
landmarks and drawn back to front. The result is a paper doll, sharp and with seams, that the generator
bends, blends and completes. `References.paint` draws it by part rectangles, for CPUs;
`engines.reference_torch` draws the same picture as differentiable torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.body import Body, height_at
from engines.body_parts import (
    HEAD,
    NAMES,
    NEIGHBOURS,
    TABLE,
    TORSO,
    WIDTHS,
    Points,
    depths,
    directions,
    distance,
    fit,
    points_of,
)
from engines.skeleton import Landmark as L

Floats = NDArray[np.float32]

VIEWS = 8
"""So many views of a player are kept."""
CAP = 0.75
"""A part ends in a disc about its joint, of this share of its half width: a bent joint does not open."""
EDGE_PX = 2.0
"""Where a part is cut off, its edge is this soft, pixels."""
SWITCH = 0.4
"""A part stays with its view unless another is nearer by this (`body_parts.distance`): no flicker."""
MIN_SEEN = 0.55
"""A part is not taken from a view that shows less of it than this share of what the best view shows."""
REDUCED_PX = 90.0
"""Visible areas are counted in a picture in which the player is about so high, pixels."""
HIDDEN = 1e3
"""Added to the distance of a view that hides a part: no direction is so wrong."""
SHARPEN, SHARPEN_PX = 0.5, 0.8
"""Unsharp masking of the views, amount and sigma in pixels: what bilinear sampling, of the part onto the pose
and in training of the doll along the flow, will take of the finest detail is given beforehand."""
THIN = 1e-3
"""A part is not drawn where its map shrinks areas to less than this: it is seen edge on, or is not finite."""


@dataclass(frozen=True)
class View:
    """One picture of the player. picture (h, w, 3) uint8 BGR and alpha (h, w) uint8, a piece of the frame;
    landmarks (33, 4) in pixels of that piece; height: his standing height there, pixels."""

    picture: NDArray[np.uint8]
    alpha: NDArray[np.uint8]
    landmarks: Floats
    height: float


class Sprite(NamedTuple):
    """One part of one view: premultiplied BGRA (h, w, 4) uint8 and its corner (x, y) in the view."""

    pixels: NDArray[np.uint8]
    corner: tuple[int, int]


def standing_px(landmarks: Floats, body: Body) -> NDArray[np.float64]:
    """(..., 33, 4) → (...): the player's standing height where he stands, pixels."""
    ankles = landmarks[..., [L.LEFT_ANKLE, L.RIGHT_ANKLE], 1].max(axis=-1)
    return height_at(body.near, body.far, ankles)


class References:
    """The views of a player, cut up, and what is needed to choose among them.

    Raises ValueError where there is no view, or one whose landmarks or height are not finite.
    """

    def __init__(self, views: Sequence[View], body: Body) -> None:
        if not views:
            raise ValueError("a player's references need one view at least")
        self.landmarks = np.stack([view.landmarks for view in views]).astype(float)  # (V, 33, 4)
        self.heights = np.array([view.height for view in views], float)
        if not (
            np.isfinite(self.landmarks).all() and np.isfinite(self.heights).all() and (self.heights > 0).all()
        ):
            raise ValueError("a reference view's landmarks or height are no numbers")
        self.views, self.body = tuple(views), body
        self.points = points_of(self.landmarks, TABLE)
        self.directions = directions(self.landmarks, TABLE)
        areas = np.stack([visible_areas(view.alpha, view.landmarks, view.height) for view in views])  # (V, P)
        self.penalty = np.where(areas >= MIN_SEEN * areas.max(axis=0).clip(1e-9), 0.0, HIDDEN)
        self.sprites = [cut_up(view) for view in views]  # view → part → sprite
        self.corners, self.outlines = (  # (V, P, 2), (V, P, 8, 2)
            np.array([[of(sprite) for sprite in each] for each in self.sprites])
            for of in (attrgetter("corner"), outline)
        )

    def choose(self, landmarks: Floats, current: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """(33, 4) → (P,): for each part the view that shows it most alike; `current` is kept where it is
        about as good."""
        cost = distance(self.directions, directions(landmarks.astype(float), TABLE)) + self.penalty  # (V, P)
        if current is not None:
            cost[current, np.arange(len(NAMES))] -= SWITCH
        return cost.argmin(axis=0)

    def paint(
        self,
        landmarks: Floats,
        chosen: NDArray[np.int64],
        out: NDArray[np.uint8],
        corner: tuple[int, int] = (0, 0),
    ) -> None:
        """Draws the doll of `landmarks` (33, 4), finite, pixels of the player's picture, into `out` (h, w,
        4): premultiplied BGRA, a window of the picture with its upper left corner at `corner` (x, y)."""
        out.fill(0)
        height = standing_px(landmarks, self.body)
        maps = self.maps(landmarks, height, chosen)
        maps[..., 2] += maps[..., :2] @ np.array(corner, float)
        order = np.argsort(-depths(landmarks.astype(float), height, TABLE), kind="stable")
        parts = np.arange(len(NAMES))
        boxes = _boxes(maps, self.outlines[chosen, parts], out.shape)  # (P, 4)
        maps[..., 2] += (maps[..., :2] @ boxes[:, :2, None])[..., 0] - self.corners[chosen, parts]
        for part in order.tolist():
            _place(self.sprites[chosen[part]][part].pixels, maps[part], boxes[part].tolist(), out)

    def maps(
        self, landmarks: Floats, height: NDArray[np.float64], chosen: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """(P, 2, 3): each part's affine map from pixels of the picture to pixels of its view."""
        parts = np.arange(len(NAMES))
        view = Points(*(each[chosen, parts] for each in self.points))
        driven = points_of(landmarks.astype(float), TABLE)
        rows = fit(driven, view, height, self.heights[chosen], TABLE)
        return np.stack(rows, axis=-1).reshape(len(NAMES), 2, 3)


def visible_areas(alpha: NDArray[np.uint8], landmarks: Floats, height: float) -> NDArray[np.float64]:
    """(P,): how much is seen of each part in a view, in squared standing heights. See `View`."""
    share = min(1.0, REDUCED_PX / height)
    small = cv2.resize(alpha, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    owner = part_distances(landmarks * np.float32(share), height * share, small.shape).argmin(axis=0)
    counted = np.bincount(owner.ravel(), small.ravel() / 255, len(NAMES))
    return np.asarray(counted / (height * share) ** 2)


def cut_up(view: View) -> list[Sprite]:
    """Each part's sprite.

    Every pixel of the player belongs to the part whose axis is nearest, counted in the part's widths; about
    a joint it belongs to both neighbours, as far as a disc of their width reaches. What is cut off from the
    part's own axis, fingers beside a thigh, is nobody's.
    """
    relative = part_distances(view.landmarks, view.height, view.alpha.shape)  # (P, h, w)
    owner = relative.argmin(axis=0)
    colours = sharpened(view.picture, view.alpha)
    sprites = []
    for part in range(len(NAMES)):
        inside = (CAP - relative[part]) * np.float32(WIDTHS[part] * view.height / EDGE_PX) + 0.5
        shared = np.where(NEIGHBOURS[part][owner], np.clip(inside, 0, 1), 0)
        own = _joined((owner == part) & (view.alpha > 0), relative[part] < 1)
        alpha = view.alpha * np.where(own, np.float32(1), shared)
        sprites.append(_crop(colours, alpha))
    return sprites


def _joined(pixels: NDArray[np.bool_], core: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The connected pieces of `pixels` (h, w) that reach into `core` (h, w)."""
    count, labels = cv2.connectedComponents(pixels.astype(np.uint8), connectivity=4)
    kept = np.zeros(count, np.bool_)
    kept[labels[pixels & core]] = True
    return kept[labels]


def sharpened(picture: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> Floats:
    """`picture` (h, w, 3) with its fine detail raised, 0..255; nothing outside `alpha` (h, w) enters."""
    share = alpha[..., None].astype(np.float32) / 255
    colours = picture.astype(np.float32)
    blurred = cv2.GaussianBlur(colours * share, (0, 0), SHARPEN_PX)
    weight = cv2.GaussianBlur(share, (0, 0), SHARPEN_PX)[..., None]
    smooth = np.where(share > 0, blurred / np.maximum(weight, 1e-3), colours)
    return np.asarray((colours + SHARPEN * (colours - smooth)).clip(0, 255), np.float32)


def part_distances(landmarks: Floats, height: float, shape: tuple[int, ...]) -> Floats:
    """(P, h, w): how far each pixel is from each part's axis, or from the torso's quadrilateral, in the
    part's half widths."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    points = landmarks[:, :2].astype(np.float64)
    starts, ends = points[TABLE.starts].mean(axis=1), points[TABLE.ends].mean(axis=1)  # (P, 2)
    neck_to_ears = ends[HEAD] - starts[HEAD]  # the head goes from the chin to the crown instead
    starts[HEAD], ends[HEAD] = starts[HEAD] + 0.75 * neck_to_ears, starts[HEAD] + 1.35 * neck_to_ears
    gaps = np.empty((len(NAMES), *shape), np.float32)
    for part, (start, axis) in enumerate(zip(starts, ends - starts, strict=True)):
        along = ((x - start[0]) * axis[0] + (y - start[1]) * axis[1]) / (axis @ axis + 1e-6)
        along = np.clip(along, 0, 1)
        gaps[part] = cv2.magnitude(x - start[0] - along * axis[0], y - start[1] - along * axis[1])
    corners = points[[L.LEFT_SHOULDER, L.RIGHT_SHOULDER, L.RIGHT_HIP, L.LEFT_HIP]]
    outside = np.full(shape, 255, np.uint8)
    cv2.fillConvexPoly(outside, cv2.convexHull(corners.round().astype(np.int32)), 0)
    gaps[TORSO] = cv2.distanceTransform(outside, cv2.DIST_L2, 5)
    return np.asarray(gaps / (WIDTHS[:, None, None] * height), np.float32)


def _crop(colours: Floats, alpha: Floats) -> Sprite:
    """Where `alpha` (h, w) is not next to nothing: `colours` (h, w, 3), premultiplied, and alpha, all 0..255;
    one clear pixel where that is nowhere."""
    rows, columns = (np.flatnonzero((alpha >= 8.5).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return Sprite(np.zeros((1, 1, 4), np.uint8), (0, 0))
    piece = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    share = alpha[piece][..., None]
    pixels = np.concatenate([colours[piece] * (share / 255), share], axis=2)
    return Sprite((pixels + 0.5).astype(np.uint8), (int(columns[0]), int(rows[0])))


def outline(sprite: Sprite) -> NDArray[np.float64]:
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


def _boxes(
    to_view: NDArray[np.float64], outlines: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """(P, 4): x0, y0, x1, y1 of the rectangle that each part covers in a picture of `shape` (h, w, ...),
    empty for one that is not drawn. to_view (P, 2, 3), see `References.maps`; outlines (P, 8, 2)."""
    (a, b), (c, d) = to_view[:, 0, :2].T, to_view[:, 1, :2].T
    determinant = a * d - b * c
    drawn = np.abs(determinant) > THIN
    scale = np.divide(1.0, determinant, out=np.zeros_like(determinant), where=drawn)
    x, y = (outlines - to_view[:, None, :, 2]).transpose(2, 1, 0)  # (8, P) each
    placed = np.stack([(d * x - b * y) * scale, (a * y - c * x) * scale], axis=-1)  # (8, P, 2)
    limit = (shape[1], shape[0])
    low = np.clip(np.floor(placed.min(axis=0)), 0, limit)
    high = np.clip(np.ceil(placed.max(axis=0)) + 1, 0, limit)
    high[~drawn] = low[~drawn]
    return np.hstack([low, high]).astype(np.int64)


def _place(
    sprite: NDArray[np.uint8], to_sprite: NDArray[np.float64], box: Sequence[int], out: NDArray[np.uint8]
) -> None:
    """Draws a part's pixels over the box x0, y0, x1, y1 of `out` (h, w, 4). to_sprite (2, 3): from pixels of
    the box to the sprite's."""
    x0, y0, x1, y1 = box
    if x0 >= x1 or y0 >= y1:
        return
    moved = cv2.warpAffine(
        sprite, to_sprite, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    under = out[y0:y1, x0:x1]
    keep = cv2.merge([cv2.bitwise_not(cv2.extractChannel(moved, 3))] * 4)
    cv2.multiply(under, keep, dst=under, scale=1 / 255)
    cv2.add(moved, under, dst=under)
