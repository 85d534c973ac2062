"""The parts that a player's paper doll is cut into, and the arithmetic that moves them onto a pose.

The functions run on numpy arrays (CPU, live) and on torch tensors (GPU, training) alike: each takes its
constants, a `Table`, in the kind of its landmarks. Leading dimensions, "...", are a batch or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.skeleton import DEPTH
from engines.skeleton import Landmark as L

Array = TypeVar("Array", NDArray[Any], Tensor)


class Part(NamedTuple):
    """A piece of the body that moves as one.

    points: the landmarks that its map is fitted to. start, end: its axis; each end is the mean of one or two
    landmarks. width: its half width as a share of the standing height. slack: how readily the map falls back
    to the player's own scale (`fit`), for parts whose points can fall on one line. nearer: added to the depth
    where landmarks cannot decide, standing heights towards the camera. parent: the part that it hangs on,
    joined at `start`. inward: the landmarks in the direction from the joint into the parent.
    """

    points: tuple[L, ...]
    start: tuple[L, ...]
    end: tuple[L, ...]
    width: float
    slack: float
    nearer: float
    parent: str
    inward: tuple[L, ...]


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
    other_shoulder = L.RIGHT_SHOULDER if side == "left" else L.LEFT_SHOULDER
    rows = {
        "thigh": ((hip,), (knee,), 0.085, 0.01, "torso", _SHOULDERS),
        "shin": ((knee,), (ankle,), 0.055, 0.012, "thigh", (hip,)),
        "foot": ((ankle, heel), (toe,), 0.045, 0.014, "shin", (knee,)),
        "upper arm": ((shoulder,), (elbow,), 0.05, 0.03, "torso", (other_shoulder,)),
        "forearm": ((elbow,), (wrist,), 0.042, 0.035, "upper arm", (shoulder,)),
        "hand": ((wrist,), (index, pinky), 0.05, 0.04, "forearm", (elbow,)),
    }
    return {
        f"{side} {name}": Part(
            points=(*start, *end), start=start, end=end, width=width, slack=0.0008, nearer=nearer,
            parent=parent if parent == "torso" else f"{side} {parent}", inward=inward,
        )
        for name, (start, end, width, nearer, parent, inward) in rows.items()
    }  # fmt: skip


PARTS: dict[str, Part] = {
    "torso": Part((*_SHOULDERS, *_HIPS), _HIPS, _SHOULDERS, 0.12, 0.004, 0.0, "", ()),
    **_limbs("left"),
    **_limbs("right"),
    "head": Part(_FACE, _SHOULDERS, _EARS, 0.1, 0.003, 0.02, "torso", _HIPS),
}
"""TABLE of the parts: a tree, parents before their children."""
NAMES = tuple(PARTS)
COUNT = len(NAMES)
TORSO, HEAD = NAMES.index("torso"), NAMES.index("head")
ARMS = tuple(row for row, name in enumerate(NAMES) if name.endswith(("arm", "hand")))
HANDS = tuple(row for row, name in enumerate(NAMES) if name.endswith("hand"))
CORE = tuple(row for row in range(COUNT) if row not in ARMS)
"""All but the arms: what an arm can hide."""
PARENTS = tuple(NAMES.index(part.parent) if part.parent else -1 for part in PARTS.values())
CHILDREN = tuple(tuple(row for row in range(COUNT) if PARENTS[row] == part) for part in range(COUNT))
LEGS = tuple(tuple(NAMES.index(f"{side} {name}") for name in ("thigh", "shin")) for side in ("left", "right"))
WIDTHS = np.array([part.width for part in PARTS.values()])
LONG = tuple(name for name in PARTS if name.endswith(("thigh", "shin", "arm")))
LEAST_SCALE = 0.6
"""For all but the `LONG` parts, a map shrinks nothing by more than this factor, compared with the player's
own scale: torso, head, hands and feet are stretched by at most 1.7, and never mirrored."""
NECK = 0.4
"""The head begins this share of the way from the shoulders to the ears."""
IN_PLANE = 0.4
"""How much a turn within the picture counts when parts are compared: a picture of a part can be turned, but
cloth hangs down and light falls from above."""


@dataclass(frozen=True)
class Table(Generic[Array]):
    """The parts' numbers as arrays: landmark indices, with short rows filled up by repetition, and reals.

    points (P, K), weights (P, K): rows of weights sum to 1, fillers weigh 0. starts, ends, inwards (P, 2):
    the axis, and the direction of the parent. of, to (P, 2, 2): two vectors, from `of` to `to`, that tell how
    a part is turned. slack, nearer (P,): see `Part`. least (P,): the least singular value of the part's map,
    see `LEAST_SCALE`. begin (P,): where along the axis the part begins. legs (2, 2): thigh and shin, left and
    right. space (3,): factors that bring x, y and z to one scale.
    """

    points: Array
    weights: Array
    starts: Array
    ends: Array
    inwards: Array
    to: Array
    of: Array
    slack: Array
    least: Array
    nearer: Array
    begin: Array
    legs: Array
    space: Array


def _table() -> Table[NDArray[Any]]:
    parts = PARTS.values()
    most = max(len(part.points) for part in parts)
    starts, ends = ([(part.start * 2)[:2] for part in parts], [(part.end * 2)[:2] for part in parts])
    left, right = (L.LEFT_SHOULDER, L.LEFT_HIP), (L.RIGHT_SHOULDER, L.RIGHT_HIP)
    to, of = ([[end, left] for end in ends], [[start, right] for start in starts])
    to[HEAD], of[HEAD] = [(L.NOSE,) * 2, (_EARS[0],) * 2], [_EARS, (_EARS[1],) * 2]
    for side in ("left", "right"):  # a hand is turned as its palm is
        hand = NAMES.index(f"{side} hand")
        to[hand][1], of[hand][1] = (L[f"{side.upper()}_INDEX"],) * 2, (L[f"{side.upper()}_PINKY"],) * 2
    return Table(
        points=np.array([(*part.points, *([0] * (most - len(part.points)))) for part in parts]),
        weights=np.array(
            [[(k < len(part.points)) / len(part.points) for k in range(most)] for part in parts]
        ),
        starts=np.array(starts),
        ends=np.array(ends),
        inwards=np.array([((part.inward or part.end) * 2)[:2] for part in parts]),
        to=np.array(to),
        of=np.array(of),
        slack=np.array([part.slack for part in parts]),
        least=np.array([-1e3 if name in LONG else LEAST_SCALE for name in PARTS]),
        nearer=np.array([part.nearer for part in parts]),
        begin=np.array([NECK if name == "head" else 0.0 for name in PARTS]),
        legs=np.array(LEGS),
        space=np.array([1.0, 1.0, DEPTH]),
    )


TABLE = _table()


class Points(NamedTuple, Generic[Array]):
    """The points that `fit` uses: x and y of each part's points (..., P, K), pixels."""

    x: Array
    y: Array


def points_of(landmarks: Array, table: Table[Array]) -> Points[Array]:
    """landmarks (..., 33, 4)."""
    return Points(landmarks[..., 0][..., table.points], landmarks[..., 1][..., table.points])


def fit(
    driven: Points[Array], view: Points[Array], driven_height: Array, view_height: Array, table: Table[Array]
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """The affine map of each part from the driven picture to a recorded one, row by row: six arrays (..., P).

    driven_height and view_height (..., 1) or (..., P): standing heights, pixels. The map is the least squares
    fit to the part's points, drawn towards the similarity with the same turn and the player's own scale
    (ridge regression, weight `slack` in squared heights). The similarity decides where the points say
    nothing: across a limb, or in a torso seen from the side. The map is finite for all landmarks: points that
    coincide count as not turned. Wrong landmarks, or a body as no frame shows it, would pull a torso into a
    sheet and a foot into a flag; so the smaller singular value is held at `least`.
    """
    weights, slack = table.weights, table.slack * driven_height**2
    q_x, q_y = (weights * driven.x).sum(-1), (weights * driven.y).sum(-1)  # means, (..., P)
    p_x, p_y = (weights * view.x).sum(-1), (weights * view.y).sum(-1)
    x, y = driven.x - q_x[..., None], driven.y - q_y[..., None]
    left, up = weights * (view.x - p_x[..., None]), weights * (view.y - p_y[..., None])
    dot = (left * x + up * y).sum(-1) + 1e-6  # of the rotation that fits best
    cross = (up * x - left * y).sum(-1)
    pull = slack * (view_height / driven_height) / (dot**2 + cross**2) ** 0.5
    # linear · [[xx, xy], [xy, yy]] = [[a, b], [c, d]]
    xx, xy, yy = (
        (weights * x * x).sum(-1) + slack,
        (weights * x * y).sum(-1),
        (weights * y * y).sum(-1) + slack,
    )
    a, b = (left * x).sum(-1) + pull * dot, (left * y).sum(-1) - pull * cross
    c, d = (up * x).sum(-1) + pull * cross, (up * y).sum(-1) + pull * dot
    determinant = xx * yy - xy * xy
    x_x, x_y = (a * yy - b * xy) / determinant, (b * xx - a * xy) / determinant
    y_x, y_y = (c * yy - d * xy) / determinant, (d * xx - c * xy) / determinant
    least = table.least * view_height / driven_height
    x_x, x_y, y_x, y_y = _not_flattened(x_x, x_y, y_x, y_y, least)
    return x_x, x_y, p_x - x_x * q_x - x_y * q_y, y_x, y_y, p_y - y_x * q_x - y_y * q_y


def _not_flattened(a: Array, b: Array, c: Array, d: Array, least: Array) -> tuple[Array, Array, Array, Array]:
    """Linear maps [[a, b], [c, d]] with their smaller singular value raised to `least`; it counts as negative
    in a map that mirrors. All (..., P).

    A linear map is the sum of a scaled rotation of size r and a scaled, mirrored rotation of size s. Its
    singular values are r + s and r - s.
    """
    turn, cross, stretch, shear = (a + d) / 2, (c - b) / 2, (a - d) / 2, (c + b) / 2
    r, s = (turn**2 + cross**2 + 1e-12) ** 0.5, (stretch**2 + shear**2 + 1e-12) ** 0.5
    small = _larger(r - s, least)
    large = _larger(r + s, small)
    turned, mirrored = (large + small) / (2 * r), (large - small) / (2 * s)
    turn, cross, stretch, shear = turn * turned, cross * turned, stretch * mirrored, shear * mirrored
    return turn + stretch, shear - cross, cross + shear, turn - stretch


def _larger(one: Array, other: Array) -> Array:
    if isinstance(one, Tensor):
        return torch.maximum(one, other)
    return np.maximum(one, other)


def agreement(one: Array, other: Array) -> Array:
    """Two affine maps (..., 2, 3) → (...): the cosine of the turn between them, -1..1."""
    a, b, c, d = one[..., 0, 0], one[..., 0, 1], one[..., 1, 0], one[..., 1, 1]
    e, f, g, h = other[..., 0, 0], other[..., 0, 1], other[..., 1, 0], other[..., 1, 1]
    dot, cross = a * e + b * f + c * g + d * h, a * g + b * h - c * e - d * f
    return dot / (dot**2 + cross**2 + 1e-12) ** 0.5


class Joints(NamedTuple, Generic[Array]):
    """Where each part joins its parent. x, y (..., P + 2): the joint, pixels. out_x, out_y (..., P + 2): the
    unit vector from the parent into the part, normal to the plane that halves their angle. The torso's row
    has no meaning. The last two rows lie between the thighs and between the shins, and point towards the left
    leg."""

    x: Array
    y: Array
    out_x: Array
    out_y: Array


def joints_of(landmarks: Array, table: Table[Array]) -> Joints[Array]:
    """landmarks (..., 33, 4)."""

    def middles(axis: int, rows: Array) -> Array:
        return landmarks[..., axis][..., rows].mean(-1)

    (start_x, start_y), (end_x, end_y), (in_x, in_y) = (
        (middles(0, rows), middles(1, rows)) for rows in (table.starts, table.ends, table.inwards)
    )
    x, y = start_x + table.begin * (end_x - start_x), start_y + table.begin * (end_y - start_y)
    out_x, out_y = _unit(end_x - x, end_y - y)
    in_x, in_y = _unit(in_x - start_x, in_y - start_y)
    out_x, out_y = _unit(out_x - in_x, out_y - in_y)
    left, right = table.legs[0], table.legs[1]
    middle_x, middle_y = (
        (start[..., left] + start[..., right] + end[..., left] + end[..., right]) / 4
        for start, end in ((start_x, end_x), (start_y, end_y))
    )
    down_x, down_y = (
        end[..., left] + end[..., right] - start[..., left] - start[..., right]
        for start, end in ((start_x, end_x), (start_y, end_y))
    )
    over_x, over_y = (
        start[..., left] + end[..., left] - start[..., right] - end[..., right]
        for start, end in ((start_x, end_x), (start_y, end_y))
    )
    side = over_y * down_x - over_x * down_y
    side = side / (abs(side) + 1e-6)
    across_x, across_y = _unit(-down_y * side, down_x * side)
    return Joints(
        _joined(x, middle_x), _joined(y, middle_y), _joined(out_x, across_x), _joined(out_y, across_y)
    )


def _joined(one: Array, other: Array) -> Array:
    if isinstance(one, Tensor):
        return torch.cat([one, other], dim=-1)
    return np.concatenate([one, other], axis=-1)


def _unit(x: Array, y: Array) -> tuple[Array, Array]:
    length = (x * x + y * y + 1e-12) ** 0.5  # within the root, or where both are 0 it has no gradient
    return x / length, y / length


def directions(landmarks: Array, table: Table[Array]) -> Array:
    """(..., 33, 4) → (..., P, 2, 3): how each part is turned, as two unit vectors in the camera's space.

    A limb: its axis, and the body's left-right axis in place of its roll. A hand: its axis, and pinky to
    index. Torso: up, and left-right. Head: from the middle of the ears to the nose, and ear to ear.
    """
    xyz = landmarks[..., :3] * table.space
    both = xyz[..., table.to, :].mean(-2) - xyz[..., table.of, :].mean(-2)
    return both / (((both * both).sum(-1) + 1e-12) ** 0.5)[..., None]


def distance(one: Array, other: Array) -> Array:
    """(..., P, 2, 3) directions → (..., P): 0 for equal ones, up to 8.

    A turn within the picture is weighed by `IN_PLANE`. The rest is the difference left once one part is
    turned within the picture to agree best with the other (the angle by least squares, in closed form).
    """
    x, y, z = one[..., 0], one[..., 1], one[..., 2]  # (..., P, 2) each
    other_x, other_y, other_z = other[..., 0], other[..., 1], other[..., 2]
    dot, cross = _both(x * other_x + y * other_y), _both(x * other_y - y * other_x)
    deep = _both(z * other_z)
    lengths = _both(x * x + y * y + z * z) + _both(other_x * other_x + other_y * other_y + other_z * other_z)
    turned = lengths - 2 * ((dot * dot + cross * cross) ** 0.5 + deep)
    return turned + IN_PLANE * (lengths - 2 * (dot + deep) - turned)


def _both(pair: Array) -> Array:
    """(..., 2) → (...): the sum of two values; NumPy's `sum` is slow for so few."""
    return pair[..., 0] + pair[..., 1]


def depths(landmarks: Array, height: Array, table: Table[Array]) -> Array:
    """(..., 33, 4) and standing heights (..., 1) → (..., P): depths; larger is farther from the camera."""
    z = landmarks[..., 2]
    return (z[..., table.starts].mean(-1) + z[..., table.ends].mean(-1)) / (2 * height) - table.nearer
