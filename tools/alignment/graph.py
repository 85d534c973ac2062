"""Solves for all keyframes of a scene at once: the places that fit best to the measurements between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve

from tools.alignment.models import Floats, Frame, apply, derivatives, spread, unscaled

GRID = 4
"""A measurement is represented by this many points along each side of the picture, each with the certainty
known there."""
FLOOR_PX = 0.15
"""Nothing counts as known more exactly than this."""
ROUNDS, LEAST_STEP = 8, 3e-5
TURNS = 8
"""Times that wrong measurements are removed."""
HUBER = 2.0
"""A measurement off by more than this many deviations counts less (Huber, 1964)."""
WRONG_PX, WRONG = 3.0, 5.0
"""A measurement off by more than both, pixels and deviations, is wrong and removed."""


@dataclass(frozen=True)
class Edge:
    """A measurement between two keyframes, by number. matrix: one → other. covariance (8, 8): as in `Fit`."""

    one: int
    other: int
    matrix: Floats
    covariance: NDArray[np.floating[Any]]


@dataclass(frozen=True)
class _Held:
    """A measurement as points: places (P, 2) of one picture lie at `there` in the other, in coordinates from
    -1 to 1, with standard deviations sigma (P,), in the same."""

    one: int
    other: int
    places: Floats
    there: Floats
    sigma: Floats


def solve(
    poses: Sequence[Floats], edges: Sequence[Edge], frame: Frame
) -> tuple[list[Floats], NDArray[np.int64]]:
    """First guesses (keyframe → group) and measurements → poses, and the group of each keyframe, (K,).

    Each group's first keyframe stays in place. Measurements that contradict the rest are removed, which may
    split a group.
    """
    unit = np.linalg.inv(frame.normal)
    found = [frame.normal @ pose @ unit for pose in poses]  # in coordinates from -1 to 1
    left = [_held(edge, frame) for edge in edges]
    for turn in range(TURNS):
        groups = _groups(len(found), left)
        found = _settle(found, left, groups)
        off = [_errors(found, held) for held in left]
        wrong = [
            deviations if units * frame.unit > WRONG_PX and deviations > WRONG else 0
            for units, deviations in off
        ]
        if not any(wrong) or turn == TURNS - 1:
            break
        worst = max(wrong)  # also remove those half as bad: they are rarely bad because of it
        bar = worst / 2 if turn < TURNS - 2 else 0
        left = [held for held, bad in zip(left, wrong, strict=True) if bad <= bar]
    return [unscaled(unit @ pose @ frame.normal) for pose in found], groups


def _groups(count: int, held: Sequence[_Held]) -> NDArray[np.int64]:
    ends = np.array([(each.one, each.other) for each in held], np.int64).reshape(-1, 2)
    links = coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def _settle(poses: list[Floats], held: Sequence[_Held], groups: NDArray[np.int64]) -> list[Floats]:
    """The Gauss-Newton method on the entries of all poses."""
    fixed = {int(np.flatnonzero(groups == group)[0]) for group in np.unique(groups)}
    free = {node: place for place, node in enumerate(n for n in range(len(poses)) if n not in fixed)}
    if not free or not held:
        return poses
    poses = list(poses)
    for _ in range(ROUNDS):
        rows, columns, values, right = [], [], [], []
        count = 0
        for each in held:
            one, other = apply(poses[each.one], each.places), apply(poses[each.other], each.there)
            weights = _weights(one - other, each.sigma * _scale(poses[each.other]))
            for node, reached, sign in ((each.one, one, 1.0), (each.other, other, -1.0)):
                if node in free:
                    block = sign * (derivatives(reached) * weights[:, None, None]).reshape(-1, 8)
                    rows.append(np.repeat(np.arange(count, count + len(block)), 8))
                    columns.append(np.tile(np.arange(8) + 8 * free[node], len(block)))
                    values.append(block.ravel())
            right.append(-((one - other) * weights[:, None]).ravel())
            count += 2 * len(one)
        shape = (count, 8 * len(free))
        places = (np.concatenate(rows), np.concatenate(columns))
        jacobian = coo_matrix((np.concatenate(values), places), shape=shape).tocsr()
        ridge = coo_matrix((np.full(shape[1], 1e-9), (np.arange(shape[1]),) * 2))
        step = spsolve((jacobian.T @ jacobian + ridge).tocsc(), jacobian.T @ np.concatenate(right))
        for node, place in free.items():
            change = np.append(step[8 * place : 8 * place + 8], 0).reshape(3, 3)
            poses[node] = unscaled((np.eye(3) + change) @ poses[node])
        if np.abs(step).max() < LEAST_STEP:
            break
    return poses


def _weights(gaps: Floats, sigma: Floats) -> Floats:
    """(P,): factors on gaps (P, 2)."""
    far = float(np.sqrt(np.mean((gaps / sigma[:, None]) ** 2)))
    return np.sqrt(min(1.0, HUBER / max(far, 1e-9))) / sigma


def _errors(poses: Sequence[Floats], held: _Held) -> tuple[float, float]:
    """The error of a measurement: in coordinates, and in deviations (root of the mean square)."""
    way = np.linalg.inv(poses[held.other]) @ poses[held.one]
    off = np.linalg.norm(apply(way, held.places) - held.there, axis=1)
    return float(np.sqrt((off**2).mean())), float(np.sqrt(((off / held.sigma) ** 2).mean()))


def _held(edge: Edge, frame: Frame) -> _Held:
    x, y = np.meshgrid(np.linspace(0, frame.width, GRID), np.linspace(0, frame.height, GRID))
    places = np.stack([x.ravel(), y.ravel()], axis=1)
    there = apply(edge.matrix, places)
    inside = ((there >= 0) & (there <= [frame.width, frame.height])).all(axis=1)
    if inside.sum() >= 6:
        places, there = places[inside], there[inside]
    sigma = spread(np.asarray(edge.covariance, np.float64), edge.matrix, places, frame)
    sigma = np.sqrt(sigma**2 + FLOOR_PX**2) / frame.unit
    return _Held(edge.one, edge.other, apply(frame.normal, places), apply(frame.normal, there), sigma)


def _scale(matrix: Floats) -> float:
    """How much a map in coordinates from -1 to 1 magnifies their middle."""
    return float(np.sqrt(abs(np.linalg.det(matrix)) / abs(matrix[2, 2]) ** 3))
