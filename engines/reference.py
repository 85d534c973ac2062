"""Reference views: a few sharp pictures of the player, cut into body parts that are moved onto a pose.

What landmarks cannot tell (a shirt's number, a face, fingers) a net trained on them averages away. A
picture of it does not: each part of the nearest view is moved by its own affine map onto the driven
landmarks and drawn back to front. The result is a paper doll, sharp and with seams, that the generator
bends, blends and completes. `paint` draws it by part rectangles, for CPUs; `engines.reference_torch` draws
the same picture as differentiable torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.body import Body, height_at
from engines.skeleton import Landmark as L

Floats = NDArray[np.float32]

VIEWS = 8
"""So many views of a player are kept."""


class Part(NamedTuple):
    """A piece of the body that moves as one.

    points: the landmarks that its map is fitted to. start, end: its axis, each the mean of some landmarks.
    width: its half width as a share of the standing height. slack: how readily the map gives up the fit for
    the player's own scale (`fit`), for parts whose points can fall on a line. nearer: added to the depth,
    heights towards the camera, where landmarks cannot decide. neighbours: parts that it is joined to.
    """

    points: tuple[L, ...]
    start: tuple[L, ...]
    end: tuple[L, ...]
    width: float
    slack: float
    nearer: float
    neighbours: tuple[str, ...]


_HIPS, _SHOULDERS, _EARS = (
    (L.LEFT_HIP, L.RIGHT_HIP),
    (L.LEFT_SHOULDER, L.RIGHT_SHOULDER),
    (L.LEFT_EAR, L.RIGHT_EAR),
)
_FACE = (L.NOSE, L.LEFT_EYE, L.RIGHT_EYE, *_EARS, L.LEFT_MOUTH, L.RIGHT_MOUTH)


def _limbs(side: str) -> dict[str, Part]:
    shoulder, elbow, wrist, index, pinky, hip, knee, ankle, heel, toe = (
        L[f"{side.upper()}_{joint}"]
        for joint in ("SHOULDER", "ELBOW", "WRIST", "INDEX", "PINKY", "HIP", "KNEE", "ANKLE", "HEEL", "TOE")
    )
    hand = (index, pinky)
    rows = {
        "thigh": ((hip,), (knee,), 0.085, 0.01, ("torso", "shin")),
        "shin": ((knee,), (ankle,), 0.055, 0.012, ("thigh", "foot")),
        "foot": ((ankle, heel), (toe,), 0.045, 0.014, ("shin",)),
        "upper arm": ((shoulder,), (elbow,), 0.05, 0.03, ("torso", "forearm")),
        "forearm": ((elbow,), (wrist,), 0.042, 0.035, ("upper arm", "hand")),
        "hand": ((wrist,), hand, 0.05, 0.04, ("forearm",)),
    }
    named = {
        name: Part(
            points=(*start, *end), start=start, end=end, width=width, slack=0.0008, nearer=nearer,
            neighbours=tuple(each if each == "torso" else f"{side} {each}" for each in neighbours),
        )
        for name, (start, end, width, nearer, neighbours) in rows.items()
    }  # fmt: skip
    return {f"{side} {name}": part for name, part in named.items()}


PARTS: dict[str, Part] = {
    "torso": Part(
        (*_SHOULDERS, *_HIPS), _HIPS, _SHOULDERS, 0.12, 0.004, 0.0,
        ("head", "left upper arm", "right upper arm", "left thigh", "right thigh"),
    ),
    **_limbs("left"),
    **_limbs("right"),
    "head": Part(_FACE, _SHOULDERS, _EARS, 0.1, 0.003, 0.02, ("torso",)),
}  # fmt: skip
"""TABLE of the parts."""
NAMES = tuple(PARTS)
TORSO, HEAD = NAMES.index("torso"), NAMES.index("head")
JOINT = 0.05
"""A part takes in this much of its neighbours (heights), so that a bent joint does not open."""
SWITCH = 0.06
"""A part stays with its view unless another is nearer by this (`Directions.distance`): no flicker."""
MIN_SEEN = 0.55
"""A part is not taken from a view that shows less of it than this share of what the best view shows."""


def _means(of: Sequence[tuple[L, ...]]) -> NDArray[np.float64]:
    """(P, 33) rows that average some landmarks each."""
    rows = np.zeros((len(of), 33))
    for row, landmarks in zip(rows, of, strict=True):
        row[list(landmarks)] = 1 / len(landmarks)
    return rows


_MOST = max(len(part.points) for part in PARTS.values())
_POINTS = np.array([(*part.points, *([0] * (_MOST - len(part.points)))) for part in PARTS.values()])  # (P, K)
_POINT_WEIGHTS = np.array([[float(k < len(part.points)) for k in range(_MOST)] for part in PARTS.values()])
_STARTS, _ENDS = (_means([getattr(part, name) for part in PARTS.values()]) for name in ("start", "end"))
_SLACK = np.array([part.slack for part in PARTS.values()])
_WIDTHS = np.array([part.width for part in PARTS.values()])
_NEARER = np.array([part.nearer for part in PARTS.values()])
_NEIGHBOURS = np.array([[each in part.neighbours for each in NAMES] for part in PARTS.values()])


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

    Raises ValueError where there is no view.
    """

    def __init__(self, views: Sequence[View], body: Body) -> None:
        if not views:
            raise ValueError("a player's references need one view at least")
        self.views, self.body = tuple(views), body
        cut = [cut_up(view) for view in views]
        self.sprites = [[sprite for sprite, _ in parts] for parts in cut]  # view → part → sprite
        areas = np.array([[area for _, area in parts] for parts in cut])  # (V, P), shares of heights squared
        self.landmarks = np.stack([view.landmarks for view in views])  # (V, 33, 4)
        self.heights = np.array([view.height for view in views])
        self.directions = directions(self.landmarks)
        seen = areas >= MIN_SEEN * areas.max(axis=0).clip(1e-9)
        self.penalty = np.where(seen, 0.0, 1e3)  # (V, P)

    def choose(self, landmarks: Floats, current: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """(33, 4) → (P,): for each part the view that shows it most alike; `current` is kept where it is
        about as good."""
        cost = distance(self.directions, directions(landmarks)[None]) + self.penalty  # (V, P)
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
        """Draws the doll of `landmarks` (33, 4), pixels of the player's picture, into `out` (h, w, 4):
        premultiplied BGRA, a window of the picture with its upper left corner at `corner` (x, y)."""
        out.fill(0)
        maps = self.maps(landmarks, chosen)
        maps[..., 2] += maps[..., :2] @ np.array(corner, float)
        for part in draw_order(landmarks, float(standing_px(landmarks, self.body))):
            _place(self.sprites[chosen[part]][part], maps[part], out)

    def maps(self, landmarks: Floats, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """(P, 2, 3): each part's affine map from pixels of the picture to pixels of its view."""
        height = float(standing_px(landmarks, self.body))
        return fit(landmarks, self.landmarks[chosen], height, self.heights[chosen])


def fit(
    driven: Floats, view: Floats, driven_height: float, view_heights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each part's affine map from the driven picture to its view: (P, 2, 3).

    driven (33, 4); view (P, 33, 4): the landmarks of each part's own view. The least squares fit to the
    part's points, drawn towards the similarity that turns its axis and keeps the player's own scale
    (ridge regression, weight `slack` in squared heights): across a limb, or in a torso seen from the side,
    the points say nothing, and that is what remains.
    """
    rows = np.arange(len(NAMES))[:, None]
    q, p = driven[_POINTS, :2].astype(float), view[rows, _POINTS, :2].astype(float)  # (P, K, 2)
    weights = _POINT_WEIGHTS / _POINT_WEIGHTS.sum(axis=1, keepdims=True)
    q_mean, p_mean = ((weights[..., None] * each).sum(axis=1) for each in (q, p))  # (P, 2)
    q, p = (
        (q - q_mean[:, None]) * weights[..., None] ** 0.5,
        (p - p_mean[:, None]) * weights[..., None] ** 0.5,
    )
    q_axis = (_ENDS - _STARTS) @ driven[:, :2]
    p_axis = np.einsum("pj,pjc->pc", _ENDS - _STARTS, view[..., :2])
    scale = view_heights / driven_height  # (P,)
    similarity = _turn(q_axis, p_axis) * scale[:, None, None]
    slack = (_SLACK * driven_height**2)[:, None, None]
    covariance = np.einsum("pki,pkj->pij", q, q) + slack * np.eye(2)
    linear = (np.einsum("pki,pkj->pij", p, q) + slack * similarity) @ _inverse(covariance)
    offset = p_mean - np.einsum("pij,pj->pi", linear, q_mean)
    return np.concatenate([linear, offset[..., None]], axis=2)


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 2, 2) → its inverse, infinite where there is none; LAPACK would wake threads for it."""
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    adjugate = np.stack([np.stack([d, -b], axis=-1), np.stack([-c, a], axis=-1)], axis=-2)
    return np.asarray(adjugate / (a * d - b * c)[..., None, None])


def _turn(q: NDArray[np.float64], p: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P, 2) and (P, 2) → (P, 2, 2): the rotations that take the directions q to p."""
    length = np.hypot(*q.T) * np.hypot(*p.T) + 1e-6
    cos, sin = (q * p).sum(axis=1) / length, (q[:, 0] * p[:, 1] - q[:, 1] * p[:, 0]) / length
    return np.stack([np.stack([cos, -sin], 1), np.stack([sin, cos], 1)], 1)


def directions(landmarks: Floats) -> NDArray[np.float64]:
    """(..., 33, 4) → (..., P, 2, 3): how each part is turned: two unit vectors in the camera's space.

    A limb: its axis and the body's left-right axis, which stands for how it is rolled. Torso: up and
    left-right. Head: from the middle of the ears to the nose and ear to ear.
    """
    xyz = landmarks[..., :3].astype(float)
    across = xyz[..., L.LEFT_SHOULDER, :] - xyz[..., L.RIGHT_SHOULDER, :]
    across = across + xyz[..., L.LEFT_HIP, :] - xyz[..., L.RIGHT_HIP, :]
    first = (_ENDS - _STARTS) @ xyz  # (..., P, 3)
    second = np.repeat(across[..., None, :], len(NAMES), axis=-2).copy()
    ears = (xyz[..., L.LEFT_EAR, :], xyz[..., L.RIGHT_EAR, :])
    first[..., HEAD, :] = xyz[..., L.NOSE, :] - (ears[0] + ears[1]) / 2
    second[..., HEAD, :] = ears[0] - ears[1]
    both = np.stack([first, second], axis=-2)
    return both / (np.linalg.norm(both, axis=-1, keepdims=True) + 1e-6)


def distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., P, 2, 3) directions → (..., P): 0 for equal ones, up to 8."""
    return np.square(one - other).sum(axis=(-1, -2))


def draw_order(landmarks: Floats, height: float) -> NDArray[np.int64]:
    """(P,): the parts from the farthest to the nearest."""
    depth = ((_STARTS + _ENDS) / 2 @ landmarks[:, 2].astype(float)) / height - _NEARER
    return np.argsort(-depth, kind="stable")


def cut_up(view: View) -> list[tuple[Sprite, float]]:
    """Each part's sprite, and its visible area in squared heights.

    Every pixel of the player belongs to the part whose axis is nearest, counted in the part's widths; near
    a joint it belongs to both neighbours, with a soft edge.
    """
    shape = view.alpha.shape
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    distances = np.stack([_distance(part, view, x, y) for part in range(len(NAMES))])  # (P, h, w), heights
    relative = distances / _WIDTHS[:, None, None].astype(np.float32)
    owner = relative.argmin(axis=0)
    sprites = []
    for part in range(len(NAMES)):
        nearest = np.take_along_axis(distances, owner[None], 0)[0]
        beyond = (distances[part] - np.maximum(nearest, _WIDTHS[part] * 0.6)) / JOINT
        shared = np.clip(1.5 - beyond * 1.5, 0, 1) * (distances[part] < _WIDTHS[part] * 1.3)
        weight = np.where(owner == part, 1.0, np.where(_NEIGHBOURS[part][owner], shared, 0.0))
        alpha = (view.alpha * weight).astype(np.float32)
        area = float((alpha * (owner == part)).sum()) / 255 / view.height**2
        sprites.append((_sprite(view.picture, alpha), area))
    return sprites


def _distance(part: int, view: View, x: Floats, y: Floats) -> Floats:
    """(h, w): how far each pixel is from the part's axis, or from the torso's quadrilateral, in heights."""
    points = view.landmarks[:, :2].astype(np.float64)
    if part == TORSO:
        corners = [L.LEFT_SHOULDER, L.RIGHT_SHOULDER, L.RIGHT_HIP, L.LEFT_HIP]
        outside = np.full(x.shape, 255, np.uint8)
        cv2.fillConvexPoly(outside, cv2.convexHull(points[corners].round().astype(np.int32)), 0)
        return np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, 5) / view.height, np.float32)
    start, end = _STARTS[part] @ points, _ENDS[part] @ points
    if part == HEAD:  # from the chin to the crown rather than from the shoulders to the ears
        start, end = start + 0.75 * (end - start), start + 1.35 * (end - start)
    axis = end - start
    along = ((x - start[0]) * axis[0] + (y - start[1]) * axis[1]) / (axis @ axis + 1e-6)
    along = np.clip(along, 0, 1)
    gap = np.hypot(x - start[0] - along * axis[0], y - start[1] - along * axis[1])
    return np.asarray(gap / view.height, np.float32)


def _sprite(picture: NDArray[np.uint8], alpha: Floats) -> Sprite:
    rows, columns = (np.flatnonzero((alpha > 8).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return Sprite(np.zeros((1, 1, 4), np.uint8), (0, 0))
    y0, y1, x0, x1 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    share = alpha[y0:y1, x0:x1, None]
    pixels = np.concatenate([picture[y0:y1, x0:x1] * (share / 255), share], axis=2)
    return Sprite((pixels + 0.5).astype(np.uint8), (int(x0), int(y0)))


def _place(sprite: Sprite, to_view: NDArray[np.float64], out: NDArray[np.uint8]) -> None:
    """Draws one part over `out` (h, w, 4), touching only the rectangle that it covers."""
    height, width = sprite.pixels.shape[:2]
    x, y = sprite.corner
    corners = np.array([[x - 1, x + width, x + width, x - 1], [y - 1, y - 1, y + height, y + height]], float)
    linear = to_view[:, :2]
    if abs(linear[0, 0] * linear[1, 1] - linear[0, 1] * linear[1, 0]) < 1e-3:  # seen edge on
        return
    placed = _inverse(linear) @ (corners - to_view[:, 2:])
    low, high = np.floor(placed.min(axis=1)), np.ceil(placed.max(axis=1)) + 1
    x0, y0 = (int(value) for value in np.clip(low, 0, (out.shape[1], out.shape[0])))
    x1, y1 = (int(value) for value in np.clip(high, 0, (out.shape[1], out.shape[0])))
    if x0 >= x1 or y0 >= y1:
        return
    to_sprite = to_view.copy()
    to_sprite[:, 2] += to_view[:, :2] @ (x0, y0) - (x, y)
    moved = cv2.warpAffine(
        sprite.pixels, to_sprite, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    under = out[y0:y1, x0:x1]
    keep = cv2.merge([255 - moved[..., 3]] * 4)
    under[:] = cv2.add(moved, cv2.multiply(under, keep, scale=1 / 255))
