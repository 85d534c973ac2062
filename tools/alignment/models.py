"""Maps between two pictures from points that are seen in both: as simple a model as the points call for.

A map is a (3, 3) float64 matrix with 1 in its last corner; points are (P, 2) x, y in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MODELS = ("translation", "similarity", "affine", "homography")
"""From the stiffest to the freest."""
NOISE_PX = 0.1
"""No point is believed to be found more exactly than this in one direction."""
WORST_PX = 1.5
"""A model is refused where it leaves the picture's corners more uncertain than this (one standard
deviation)."""
ITERATIONS = 6
TUKEY = 4.685
"""Tukey's biweight loses 5 % of efficiency on normal errors with this constant (Holland and Welsch, 1977)."""

_BASES: dict[str, Floats] = {
    name: np.zeros((8, size)) for name, size in zip(MODELS, (2, 4, 6, 8), strict=True)
}
_BASES["translation"][[2, 5], [0, 1]] = 1
_BASES["similarity"][[0, 4, 1, 3, 2, 5], [0, 0, 1, 1, 2, 3]] = 1, 1, -1, 1, 1, 1
_BASES["affine"][range(6), range(6)] = 1
_BASES["homography"][range(8), range(8)] = 1


@dataclass(frozen=True)
class Fit:
    """A map found from points. residual_px: the root of the mean squared distance of the points that were
    believed; spread_px: how uncertain the map leaves the picture's worst corner, one standard deviation;
    weights (P,): how much each point was believed, 0 to 1; covariance (8, 8) of the matrix's first eight
    entries, in coordinates from -1 to 1 (`Frame`)."""

    matrix: Floats
    model: str
    residual_px: float
    spread_px: float
    weights: Floats
    covariance: Floats


@dataclass(frozen=True)
class Frame:
    """The picture that points are measured in: maps are solved in coordinates from about -1 to 1 in it."""

    width: int
    height: int

    @property
    def unit(self) -> float:
        return max(self.width, self.height) / 2

    @property
    def normal(self) -> Floats:
        """Pixels → coordinates."""
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


def apart(one: Floats, other: Floats, frame: Frame) -> float:
    """The furthest that two maps put a corner of the picture from each other, pixels."""
    return float(np.linalg.norm(apply(one, frame.corners) - apply(other, frame.corners), axis=1).max())


def magnification(matrix: Floats, frame: Frame) -> float:
    """How many times larger the map shows the middle of the picture, along a side; NaN where it is folded."""
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
    """(P, 2) points that a map has reached → (P, 2, 8): how they move with the first eight entries of a small
    map that follows it."""
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
    """(P,) pixels: how uncertain the map leaves points of the picture, one standard deviation."""
    rows = derivatives(apply(frame.normal @ matrix, points))
    return np.sqrt(np.einsum("pij,jk,pik->p", rows, covariance, rows).clip(0)) * frame.unit


def fit(
    model: str,
    source: NDArray[np.floating[Any]],
    target: NDArray[np.floating[Any]],
    trust: NDArray[np.floating[Any]],
    frame: Frame,
    start: Floats | None = None,
    turns: int = ITERATIONS,
) -> Fit:
    """The map of this kind that takes source (P, 2) to target (P, 2) best.

    trust (P, 2, 2): how well each target is known in which direction, as `patches.Seen`: 1 across an edge, 0
    along it. start: where to begin; a homography needs a similar one. Robust: points far from where the
    others say do not count (Tukey's biweight, least squares reweighted so many `turns`).
    """
    normal = frame.normal
    back, basis = np.linalg.inv(normal), _BASES[model]
    goal, roots = apply(normal, target), root(trust)
    matrix = normal if start is None else normal @ start  # source in pixels → coordinates
    weights = np.ones(len(source))
    constraints = np.trace(trust, axis1=1, axis2=2)  # each point's, at most 2
    squared = np.zeros(len(source))
    information = np.eye(basis.shape[1])
    for turn in range(turns):
        reached = apply(matrix, source)
        gap = (roots @ (goal - reached)[..., None])[..., 0]
        squared = (gap**2).sum(axis=1)
        if turn:
            usual = max(np.sqrt(np.median(squared) / 1.386), NOISE_PX / frame.unit)  # of one coordinate
            weights = (1 - (squared / (TUKEY * usual) ** 2).clip(0, 1)) ** 2
        rows = roots @ (derivatives(reached) @ basis)  # (P, 2, k)
        flat = rows.reshape(-1, rows.shape[2])
        weighted = (rows * weights[:, None, None]).reshape(flat.shape)
        information = weighted.T @ flat + 1e-9 * np.eye(basis.shape[1])
        step = np.linalg.solve(information, weighted.T @ gap.ravel())
        matrix = (np.eye(3) + np.append(basis @ step, 0).reshape(3, 3)) @ matrix
        matrix /= matrix[2, 2]
        if turn > 1 and np.abs(step).max() < NOISE_PX / 5 / frame.unit:
            break
    believed = max(float((weights * constraints).sum()), 1e-9)
    freedom = max(1 - basis.shape[1] / believed, 0.05)
    mean_square = float((weights * squared).sum() / believed)  # of one coordinate
    variance = mean_square / freedom + (NOISE_PX / frame.unit) ** 2
    covariance = basis @ np.linalg.inv(information) @ basis.T * variance
    result = back @ matrix
    result /= result[2, 2]
    return Fit(
        result,
        model,
        float(np.sqrt(2 * mean_square)) * frame.unit,
        float(spread(covariance, result, frame.corners, frame).max()),
        weights,
        covariance,
    )


def choose(
    source: NDArray[np.floating[Any]],
    target: NDArray[np.floating[Any]],
    trust: NDArray[np.floating[Any]],
    frame: Frame,
    worst_px: float = WORST_PX,
) -> Fit | None:
    """The map that the points speak for; None where not even a shift is certain to `worst_px` at the corners.

    A freer model is taken where it explains so much more of the points' motion that its further parameters
    are paid for (Schwarz, "Estimating the dimension of a model", 1978), and only if the points are many and
    wide enough apart to hold its corners.
    """
    best: tuple[float, Fit] | None = None
    found: Fit | None = None
    constraints = float(np.trace(trust, axis1=1, axis2=2).sum())
    for size, model in zip((2, 4, 6, 8), MODELS, strict=True):
        if constraints < size + 2:
            break
        found = fit(model, source, target, trust, frame, None if found is None else found.matrix)
        if not found.spread_px <= worst_px:
            break
        misses = float(
            ((1 - found.weights) * 9).sum()
        )  # one that does not count is as bad as three deviations
        error = found.residual_px**2 / 2 + NOISE_PX**2
        cost = constraints * np.log(error) + size * np.log(constraints) + misses
        if best is None or cost < best[0]:
            best = cost, found
    return None if best is None else best[1]


HYPOTHESES, SAMPLE = 100, 3
"""So many similarities are tried, each through so many points."""


def agree(
    source: NDArray[np.floating[Any]],
    target: NDArray[np.floating[Any]],
    trust: NDArray[np.floating[Any]],
    frame: Frame,
    within_px: float,
) -> NDArray[np.bool_]:
    """(P,): the points that go with the small similarity which most of them agree on (random sample
    consensus; Fischler and Bolles, 1981)."""
    chance = np.random.default_rng(len(source))
    here, roots = apply(frame.normal, source), root(trust)
    gap = (roots @ (apply(frame.normal, target) - here)[..., None])[..., 0]  # (P, 2)
    rows = roots @ (derivatives(here) @ _BASES["similarity"])  # (P, 2, 4)
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
    """(P, 2, 2) → (P, 2, 2) symmetric, whose squares they are."""
    determinant = trust[:, 0, 0] * trust[:, 1, 1] - trust[:, 0, 1] * trust[:, 1, 0]
    half = np.sqrt(determinant.clip(0))
    length = np.sqrt((trust[:, 0, 0] + trust[:, 1, 1] + 2 * half).clip(1e-12))
    return (trust + half[:, None, None] * np.eye(2)) / length[:, None, None]
