"""Picks the footage's frames for a bank: those that cover its poses best."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from engines.doll.bank import standing_px
from engines.doll.parts import HEAD, NAMES, TABLE, TORSO, directions, distance
from tools.footage.dataset import Footage

CANDIDATES = 900
"""Frames that are examined, spread over the footage."""
BLURRED = 30.0
"""Cost of a candidate's motion, for each standing height that a joint moves in a frame."""
UNSEEN = 1.0
"""Cost of a part with a landmark that is not visible at all."""
WEIGHT = np.where(np.arange(len(NAMES)) == TORSO, 3.0, np.where(np.arange(len(NAMES)) == HEAD, 2.0, 1.0))
"""The weight of each part: about its share of the picture."""


def pick(footage: Footage, positions: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most `count` of `positions`, in order of time.

    Greedy: each next frame is the one that most reduces the sum, over all candidates and parts, of the
    distance (`parts.distance`) to the nearest picked frame. A frame's gain can only fall as others are
    picked, so most gains need not be computed again (lazy evaluation: Minoux, 1978).
    """
    chosen = positions[np.linspace(0, len(positions) - 1, min(CANDIDATES, len(positions))).astype(int)]
    chosen = np.unique(chosen)
    if len(chosen) <= count:
        return chosen
    landmarks = footage.landmarks[chosen]
    turned = directions(landmarks.astype(np.float32), TABLE)
    bad = _bad(footage, chosen)
    worst = np.full(
        turned.shape[:2], 8.0, np.float32
    )  # (C, P): distance of each candidate from the nearest picked frame

    def gain(candidate: int) -> float:
        return float((WEIGHT * (worst - costs(candidate)).clip(0)).sum())

    def costs(candidate: int) -> NDArray[np.float32]:
        return np.asarray(distance(turned, turned[candidate]) + bad[candidate], np.float32)

    waiting = [(-gain(candidate), candidate) for candidate in range(len(chosen))]
    heapq.heapify(waiting)
    picked: list[int] = []
    while waiting and len(picked) < count:
        _, candidate = heapq.heappop(waiting)
        now = gain(candidate)
        if waiting and now < -waiting[0][0]:
            heapq.heappush(waiting, (-now, candidate))
            continue
        picked.append(candidate)
        worst = np.minimum(worst, costs(candidate))
    return chosen[np.sort(picked)]


def _bad(footage: Footage, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """(C, P): the cost of blur and hidden landmarks for each part of a frame, in units of
    `parts.distance`."""
    return np.asarray(
        BLURRED * _motion(footage, positions) + UNSEEN * (1 - _visible(footage.landmarks[positions]))
    )


def _motion(footage: Footage, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """(C, P): how far the end of each part moves about each frame, standing heights a frame."""
    last = len(footage.landmarks) - 1
    before, after = (footage.landmarks[np.clip(positions + by, 0, last), :, :2] for by in (-1, 1))
    step = np.linalg.norm(after - before, axis=-1)[:, TABLE.ends].mean(axis=-1) / 2
    return np.asarray(step / standing_px(footage.landmarks[positions], footage.body)[:, None])


def _visible(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(C, P): for each part, the visibility of its least visible landmark."""
    return np.asarray(landmarks[..., 3][..., TABLE.points].min(axis=-1))
