"""Picks the frames of a bank from the footage: those that cover its poses best."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from engines.doll.bank import standing_px
from engines.doll.parts import HEAD, NAMES, TABLE, TORSO, directions, distance
from tools.footage.dataset import Footage

CANDIDATES = 900
"""Frames that are looked at, spread over the footage."""
BLURRED = 30.0
"""What a candidate's motion costs, for each standing height that a joint moves in a frame."""
UNSEEN = 1.0
"""What it costs where a landmark of the part is not visible at all."""
WEIGHT = np.where(np.arange(len(NAMES)) == TORSO, 3.0, np.where(np.arange(len(NAMES)) == HEAD, 2.0, 1.0))
"""How much each part counts: about its share of the picture."""


def pick(footage: Footage, positions: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most `count` of `positions`, in order of time.

    Greedy: each next frame is the one that brings all candidates' parts nearest to a picked frame's, in
    `parts.distance`, together. The gain of a frame only falls as others are picked, so most of them need not
    be counted anew (lazy evaluation: Minoux, 1978).
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
    )  # (C, P): how far each candidate is from a picked frame

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
    """(C, P): what speaks against a part of a frame, in units of `parts.distance`: it is blurred, or
    hidden."""
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
    """(C, P): of each part, the visibility of the landmark that is seen least."""
    return np.asarray(landmarks[..., 3][..., TABLE.points].min(axis=-1))
