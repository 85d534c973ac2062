"""The parts that a player's paper doll is cut into, and the arithmetic that moves them onto a pose.

The functions run on numpy arrays (CPU, live) and on torch tensors (GPU, training) alike: each takes its
constants, a `Table`, in the kind of its landmarks. Leading dimensions, "...", are a batch or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from engines.skeleton import DEPTH
from engines.skeleton import Landmark as L

Array = TypeVar("Array", NDArray[Any], Tensor)


class Part(NamedTuple):
    """A piece of the body that moves as one.

    points: the landmarks that its map is fitted to. start, end: its axis, each the mean of one or two
    landmarks. width: its half width as a share of the standing height. slack: how readily the map gives up
    the fit for the player's own scale (`fit`), for parts whose points can fall on a line. nearer: added to
    the depth, heights towards the camera, where landmarks cannot decide. neighbours: parts that it is joined
    to.
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
WIDTHS = np.array([part.width for part in PARTS.values()])
NEIGHBOURS = np.array([[each in part.neighbours for each in NAMES] for part in PARTS.values()])  # (P, P)


@dataclass(frozen=True)
class Table(Generic[Array]):
    """The parts' numbers as arrays: landmark indices, with short rows filled up by repetition, and reals.

    points (P, K), weights (P, K) with rows that sum to 1 (0 for what fills up); starts, ends (P, 2): the
    axis; to, of (P, 2, 2): two vectors that tell how a part is turned lead from `of` to `to`; slack, nearer
    (P,), see `Part`; space (3,): what x, y and z are multiplied by to be of one scale.
    """

    points: Array
    weights: Array
    starts: Array
    ends: Array
    to: Array
    of: Array
    slack: Array
    nearer: Array
    space: Array


def _table() -> Table[NDArray[Any]]:
    parts = PARTS.values()
    most = max(len(part.points) for part in parts)
    starts, ends = ([(part.start * 2)[:2] for part in parts], [(part.end * 2)[:2] for part in parts])
    left, right = (L.LEFT_SHOULDER, L.LEFT_HIP), (L.RIGHT_SHOULDER, L.RIGHT_HIP)
    to, of = ([[end, left] for end in ends], [[start, right] for start in starts])
    to[HEAD], of[HEAD] = [(L.NOSE,) * 2, (_EARS[0],) * 2], [_EARS, (_EARS[1],) * 2]
    return Table(
        points=np.array([(*part.points, *([0] * (most - len(part.points)))) for part in parts]),
        weights=np.array(
            [[(k < len(part.points)) / len(part.points) for k in range(most)] for part in parts]
        ),
        starts=np.array(starts),
        ends=np.array(ends),
        to=np.array(to),
        of=np.array(of),
        slack=np.array([part.slack for part in parts]),
        nearer=np.array([part.nearer for part in parts]),
        space=np.array([1.0, 1.0, DEPTH]),
    )


TABLE = _table()


class Points(NamedTuple, Generic[Array]):
    """What `fit` looks at, pixels: each part's points, x and y (..., P, K), and its axis (..., P)."""

    x: Array
    y: Array
    axis_x: Array
    axis_y: Array


def points_of(landmarks: Array, table: Table[Array]) -> Points[Array]:
    """landmarks (..., 33, 4)."""
    x, y = landmarks[..., 0], landmarks[..., 1]
    return Points(
        x[..., table.points],
        y[..., table.points],
        x[..., table.ends].mean(-1) - x[..., table.starts].mean(-1),
        y[..., table.ends].mean(-1) - y[..., table.starts].mean(-1),
    )


def fit(
    driven: Points[Array], view: Points[Array], driven_height: Array, view_height: Array, table: Table[Array]
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Each part's affine map from the driven picture to its view, row by row: six arrays (..., P).

    view: the points of each part's own view. driven_height (..., 1) and view_height (..., P): standing
    heights, pixels. The least squares fit to the part's points, drawn towards the similarity that turns its
    axis and keeps the player's own scale (ridge regression, weight `slack` in squared heights): across a
    limb, or in a torso seen from the side, the points say nothing, and that is what remains. It is finite
    whatever the landmarks: an axis without a length is taken as not turned.
    """
    weights, slack = table.weights, table.slack * driven_height**2
    q_x, q_y = (weights * driven.x).sum(-1), (weights * driven.y).sum(-1)  # means, (..., P)
    p_x, p_y = (weights * view.x).sum(-1), (weights * view.y).sum(-1)
    x, y = driven.x - q_x[..., None], driven.y - q_y[..., None]
    left, up = weights * (view.x - p_x[..., None]), weights * (view.y - p_y[..., None])
    dot = driven.axis_x * view.axis_x + driven.axis_y * view.axis_y + 1e-6
    cross = driven.axis_x * view.axis_y - driven.axis_y * view.axis_x
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
    return x_x, x_y, p_x - x_x * q_x - x_y * q_y, y_x, y_y, p_y - y_x * q_x - y_y * q_y


def directions(landmarks: Array, table: Table[Array]) -> Array:
    """(..., 33, 4) → (..., P, 2, 3): how each part is turned: two unit vectors in the camera's space.

    A limb: its axis and the body's left-right axis, which stands for how it is rolled. Torso: up and
    left-right. Head: from the middle of the ears to the nose and ear to ear.
    """
    xyz = landmarks[..., :3] * table.space
    both = xyz[..., table.to, :].mean(-2) - xyz[..., table.of, :].mean(-2)
    return both / ((both * both).sum(-1) ** 0.5 + 1e-6)[..., None]


def distance(one: Array, other: Array) -> Array:
    """(..., P, 2, 3) directions → (..., P): 0 for equal ones, up to 8."""
    return ((one - other) ** 2).sum(-1).sum(-1)


def depths(landmarks: Array, height: Array, table: Table[Array]) -> Array:
    """(..., 33, 4) and standing heights (..., 1) → (..., P): the larger, the farther from the camera."""
    z = landmarks[..., 2]
    return (z[..., table.starts].mean(-1) + z[..., table.ends].mean(-1)) / (2 * height) - table.nearer
