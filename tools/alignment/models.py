"""Fits maps between two pictures to points seen in both, with as much freedom as the points justify.

A map is a (3, 3) float64 matrix with 1 in its last corner; points are (P, 2) x, y in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MODELS = ("translation", "similarity", "affine", "homography")
"""From the stiffest to the freest model."""
NOISE_PX = 0.1
"""No point counts as found more exactly than this in one direction."""
FIRST_PX = 0.5
"""The assumed exactness of points before their own scatter tells it."""
ITERATIONS = 6
TUKEY = 4.685
"""Tukey's biweight loses 5 % of efficiency on normal errors with this constant (Holland and Welsch, 1977)."""
PERSPECTIVE, SHEAR, RIGID = 0.4, 0.1, 5e-4
"""A turning camera shifts and tilts the picture: for each shift by half a side, it tilts by the square of
half the picture's side over the focal length (0.33 for a phone's wide lens). A camera carried along shears
the picture of a slanting floor. PERSPECTIVE and SHEAR are expected for a shift, RIGID without one: one
standard deviation, in coordinates from -1 to 1."""
TELLING_PX = 0.3
"""A map is named by the simplest model that displaces no corner by more than this, or by more than its
uncertainty."""

_SHEARS = (
    np.array([[1, 0, 0, 0, -1, 0, 0, 0], [0, 1, 0, 1, 0, 0, 0, 0], [0] * 6 + [1, 0], [0] * 7 + [1]]) / 1.0
)
"""The combinations of a map's first eight entries beyond a similarity: two sums for shear, and two entries of
perspective."""


@dataclass(frozen=True)
class Fit:
    """A map fitted to points. residual_px: root of the mean squared distance of the trusted points.
    spread_px: uncertainty of the picture's worst corner, one standard deviation. weights (P,): how much each
    point was trusted, 0 to 1. covariance (8, 8): of the first eight entries of a small map after this one, in
    coordinates from -1 to 1 (`Frame`)."""

    matrix: Floats
    residual_px: float
    spread_px: float
    weights: Floats
    covariance: Floats


@dataclass(frozen=True)
class Frame:
    """The picture in which points are measured. Maps are solved in coordinates from about -1 to 1 in it."""

    width: int
    height: int

    @property
    def unit(self) -> float:
        return max(self.width, self.height) / 2

    @property
    def normal(self) -> Floats:
        """The map from pixels to coordinates."""
        u = self.unit
        return np.array([[1 / u, 0, -self.width / 2 / u], [0, 1 / u, -self.height / 2 / u], [0, 0, 1]])

    @property
    def corners(self) -> Floats:
        """(4, 2) pixels."""
        w, h = self.width, self.height
        return np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float64)


def apply(matrix: Floats, points: NDArray[np.floating[Any]]) -> Floats:
    """(P, 2) → (P, 2)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = points @ matrix[:, :2].T + matrix[:, 2]
        return found[:, :2] / found[:, 2:]


def unscaled(matrix: Floats) -> Floats:
    """The same map with 1 in its last corner."""
    return matrix / matrix[2, 2]


def apart(one: Floats, other: Floats, frame: Frame) -> float:
    """The largest distance between the two images of a corner of the picture, pixels."""
    return float(np.linalg.norm(apply(one, frame.corners) - apply(other, frame.corners), axis=1).max())


def magnification(matrix: Floats, frame: Frame) -> float:
    """How many times the map magnifies the middle of the picture, along a side; NaN where it is folded."""
    jacobian = _jacobian_at(matrix, frame)
    determinant = float(np.linalg.det(jacobian))
    return float(np.sqrt(determinant)) if determinant > 0 else float("nan")


def roll(matrix: Floats, frame: Frame) -> float:
    """By how many degrees the map turns the middle of the picture, clockwise on the screen."""
    jacobian = _jacobian_at(matrix, frame)
    return float(np.degrees(np.arctan2(jacobian[1, 0] - jacobian[0, 1], jacobian[0, 0] + jacobian[1, 1])))


def _jacobian_at(matrix: Floats, frame: Frame) -> Floats:
    middle = np.array([frame.width / 2, frame.height / 2])
    x, y, w = matrix @ [*middle, 1]
    return (matrix[:2, :2] - np.outer([x / w, y / w], matrix[2, :2])) / w


def derivatives(points: Floats) -> Floats:
    """Points (P, 2) that a map has reached → (P, 2, 8): their derivatives by the first eight entries of a
    small map after it."""
    x, y = points.T
    one, none = np.ones_like(x), np.zeros_like(x)
    return np.stack(
        [
            np.stack([x, y, one, none, none, none, -x * x, -x * y], axis=1),
            np.stack([none, none, none, x, y, one, -x * y, -y * y], axis=1),
        ],
        axis=1,
    )


def spread(covariance: Floats, matrix: Floats, points: NDArray[np.floating[Any]], frame: Frame) -> Floats:
    """(P,): uncertainty of the map at points of the picture, one standard deviation, pixels."""
    rows = derivatives(apply(frame.normal @ matrix, points))
    return np.sqrt(np.einsum("pij,jk,pik->p", rows, covariance, rows).clip(0)) * frame.unit


def fit(
    source: NDArray[np.floating[Any]],
    target: NDArray[np.floating[Any]],
    trust: NDArray[np.floating[Any]],
    frame: Frame,
    turns: int = ITERATIONS,
) -> Fit:
    """The map that best takes source (P, 2) to target (P, 2).

    trust (P, 2, 2): how well each target is known in which direction, as in `patches.Seen`: 1 across an edge,
    0 along it. The fit is robust: points far from where the others say do not count (Tukey's biweight, least
    squares reweighted in `turns` rounds).

    The map is a homography, but its perspective and shear are expected to be as small as its shift allows
    (`PERSPECTIVE`). So few or crowded points give a similarity, and never a wild map; what they leave open is
    in the covariance.
    """
    normal, unit = frame.normal, frame.unit
    here, goal, roots = apply(normal, source), apply(normal, target), root(trust)
    constraints = np.trace(trust, axis1=1, axis2=2)  # each point's, at most 2
    entries, weights = np.eye(3).ravel()[:8], np.ones(len(here))
    variance, mean_square, information = (FIRST_PX / unit) ** 2, 0.0, np.eye(8)
    for turn in range(turns):
        matrix = np.append(entries, 1).reshape(3, 3)
        reached = apply(matrix, here)
        gap = (roots @ (goal - reached)[..., None])[..., 0]
        squared = (gap**2).sum(axis=1)
        if turn:
            usual = max(np.sqrt(np.median(squared) / 1.386), NOISE_PX / unit)  # of one coordinate
            weights = (1 - (squared / (TUKEY * usual) ** 2).clip(0, 1)) ** 2
            believed = max(float((weights * constraints).sum()), 1e-9)
            mean_square = float((weights * squared).sum() / believed)
            variance = mean_square / max(1 - 8 / believed, 0.1) + (NOISE_PX / unit) ** 2
        rows = roots @ _by_entry(here, reached, matrix)  # (P, 2, 8)
        flat = rows.reshape(-1, 8)
        weighted = (rows * weights[:, None, None]).reshape(-1, 8)
        expected = _expected(float(np.hypot(*apply(matrix, np.zeros((1, 2)))[0])))
        information = weighted.T @ flat / variance + expected + 1e-6 * np.eye(8)
        step = np.linalg.solve(information, weighted.T @ gap.ravel() / variance - expected @ entries)
        entries = entries + step
        if turn > 1 and np.abs(step).max() < NOISE_PX / 5 / unit:
            break
    matrix = np.append(entries, 1).reshape(3, 3)
    after = _after(matrix)
    covariance = after @ np.linalg.inv(information) @ after.T
    result = unscaled(np.linalg.inv(normal) @ matrix @ normal)
    worst = float(spread(covariance, result, frame.corners, frame).max())
    return Fit(result, float(np.sqrt(2 * mean_square)) * unit, worst, weights, covariance)


def _by_entry(here: Floats, reached: Floats, matrix: Floats) -> Floats:
    """(P, 2, 8): derivatives of the points that `matrix` takes from `here` to `reached`, by its first eight
    entries."""
    x, y = here.T
    w = here @ matrix[2, :2] + matrix[2, 2]
    rows = np.zeros((len(here), 2, 8))
    rows[:, 0, 0] = rows[:, 1, 3] = x / w
    rows[:, 0, 1] = rows[:, 1, 4] = y / w
    rows[:, 0, 2] = rows[:, 1, 5] = 1 / w
    rows[:, :, 6] = -reached * (x / w)[:, None]
    rows[:, :, 7] = -reached * (y / w)[:, None]
    return rows


def _expected(shift: float) -> Floats:
    """(8, 8): how strongly a map's entries are held to those of a similarity, as an information matrix.
    shift: how far it moves the middle, in coordinates from -1 to 1."""
    deviations = np.hypot(RIGID, np.array([SHEAR, SHEAR, PERSPECTIVE, PERSPECTIVE]) * shift)
    return np.asarray(_SHEARS.T @ np.diag(deviations**-2) @ _SHEARS)


def _after(matrix: Floats) -> Floats:
    """(8, 8): changes of a map's entries → entries of the small map after it that does the same."""
    inverse, columns = np.linalg.inv(matrix), []
    for entry in range(8):
        change = np.zeros(9)
        change[entry] = 1
        small = change.reshape(3, 3) @ inverse
        columns.append((small - small[2, 2] * np.eye(3)).ravel()[:8])
    return np.array(columns).T


def model_of(found: Fit, frame: Frame) -> str:
    """The simplest of `MODELS` that fits as well, within the map's uncertainty."""
    corners, unit = frame.corners, np.ones(4)
    there, enough = apply(found.matrix, corners), max(TELLING_PX, found.spread_px)
    shift = there.mean(axis=0) - corners.mean(axis=0)
    if np.linalg.norm(there - corners - shift, axis=1).max() < enough:
        return "translation"
    x, y = corners.T
    none = np.zeros(4)
    similar = np.concatenate([np.stack([x, -y, unit, none], axis=1), np.stack([y, x, none, unit], axis=1)])
    affine = np.concatenate(
        [np.stack([x, y, unit, none, none, none], axis=1), np.stack([none, none, none, x, y, unit], axis=1)]
    )
    for name, rows in (("similarity", similar), ("affine", affine)):
        left = there.T.ravel() - rows @ np.linalg.lstsq(rows, there.T.ravel(), rcond=None)[0]
        if np.hypot(left[:4], left[4:]).max() < enough:
            return name
    return "homography"


_SIMILAR = np.zeros((8, 4))
_SIMILAR[[0, 4, 1, 3, 2, 5], [0, 0, 1, 1, 2, 3]] = 1, 1, -1, 1, 1, 1
HYPOTHESES, SAMPLE = 100, 3
"""Similarities that are tried, and the points through which each goes."""


def agree(
    source: NDArray[np.floating[Any]],
    target: NDArray[np.floating[Any]],
    trust: NDArray[np.floating[Any]],
    frame: Frame,
    within_px: float,
) -> NDArray[np.bool_]:
    """(P,): the points that agree with the small similarity on which most points agree (random sample
    consensus; Fischler and Bolles, 1981)."""
    chance = np.random.default_rng(len(source))
    here, roots = apply(frame.normal, source), root(trust)
    gap = (roots @ (apply(frame.normal, target) - here)[..., None])[..., 0]  # (P, 2)
    rows = roots @ (derivatives(here) @ _SIMILAR)  # (P, 2, 4)
    squares = rows.transpose(0, 2, 1) @ rows  # (P, 4, 4)
    sides = (rows.transpose(0, 2, 1) @ gap[..., None])[..., 0]
    sample = chance.integers(len(source), size=(HYPOTHESES, SAMPLE))
    steps = np.linalg.solve(
        squares[sample].sum(axis=1) + 1e-4 * np.eye(4), sides[sample].sum(axis=1)[..., None]
    )
    steps = np.concatenate([np.zeros((1, 4)), steps[..., 0]])  # (H + 1, 4)
    left = gap.ravel() - steps @ rows.reshape(-1, 4).T  # (H + 1, 2 P)
    near = (left**2).reshape(len(steps), -1, 2).sum(axis=2) < (within_px / frame.unit) ** 2
    return np.asarray(near[(near @ np.trace(trust, axis1=1, axis2=2)).argmax()])


def root(trust: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """(P, 2, 2) → their symmetric square roots (P, 2, 2)."""
    determinant = trust[:, 0, 0] * trust[:, 1, 1] - trust[:, 0, 1] * trust[:, 1, 0]
    half = np.sqrt(determinant.clip(0))
    length = np.sqrt((trust[:, 0, 0] + trust[:, 1, 1] + 2 * half).clip(1e-12))
    return (trust + half[:, None, None] * np.eye(2)) / length[:, None, None]
