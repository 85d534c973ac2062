"""Makes the reference views of a player from his footage."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engines.body_parts import NAMES, TABLE, directions, distance
from engines.reference import VIEWS, Floats, References, View, part_distances, standing_px
from engines.skeleton import Landmark
from tools.footage import Footage
from tools.registration import register
from tools.views import cut_view, piece

CANDIDATES, JUDGED = 200, 96
"""Frames that may become a view, and frames that the views are tried on."""
TRIED = 40
"""In a judged frame each part is tried from so many views, those that are turned most alike."""
STILL = 0.006
"""A candidate moves less than this between frames, in standing heights: its picture is not blurred."""


def reference_views(footage: Footage, positions: NDArray[np.int64], count: int = VIEWS) -> list[View]:
    """At most `count` views from the frames of `positions`, picked and registered."""
    return register(pick_views(footage, positions, count), footage, positions)


def pick_views(footage: Footage, positions: NDArray[np.int64], count: int = VIEWS) -> list[View]:
    """At most `count` views, by which frames of `positions` are drawn best.

    Greedy: each next view is the one with which the judged frames, each part drawn from the view that the
    doll would choose, differ least from the recording; none that makes it worse. What a view's landmarks
    hide (a blurred hand, a matte with a piece of the scene, a joint misread) shows in what is drawn from it.
    Only still frames in which the whole player is seen are candidates.
    """
    candidates, judged = _spread(_still(footage, positions), CANDIDATES), _spread(positions, JUDGED)
    doll = References([cut_view(footage, int(position)) for position in candidates], footage.body)
    own = directions(footage.landmarks[judged].astype(float), TABLE)
    costs = distance(own[:, None], doll.directions[None]) + doll.penalty  # (F, C, P)
    errors = np.stack(
        [
            _errors(footage, int(position), doll, cost)
            for position, cost in zip(tqdm(judged, unit="frame", desc="reference views"), costs, strict=True)
        ]
    )  # (F, C, P)
    chosen: list[int] = []
    cost, error = np.full(own.shape[:2], np.inf), np.full(own.shape[:2], np.inf)  # (F, P)
    while len(chosen) < min(count, len(candidates)):
        totals = np.where(costs < cost[:, None], errors, error[:, None]).sum(axis=(0, 2))  # (C,)
        best = int(totals.argmin())
        if totals[best] >= error.sum():
            break
        chosen.append(best)
        nearer = costs[:, best] < cost
        cost, error = np.where(nearer, costs[:, best], cost), np.where(nearer, errors[:, best], error)
    return [doll.views[each] for each in chosen]


def _errors(footage: Footage, position: int, doll: References, costs: NDArray[np.float64]) -> Floats:
    """(C, P): what is wrong with each part of one frame when it is drawn from each view: the sum of absolute
    differences where the player is, or the doll, levels by squared standing heights. costs (C, P): how much
    a part is turned otherwise; views that are not tried count as the worst that is."""
    window, landmarks = piece(footage, position)
    corner = (window[1].start, window[0].start)
    truth, plate = footage.frame(position)[window], footage.plate[window]
    there, height = footage.mask(position)[window] > 127, float(standing_px(landmarks, footage.body))
    owner = part_distances(landmarks - np.array([*corner, 0, 0], np.float32), height, there.shape)
    labels, parts = owner.argmin(axis=0).ravel(), np.arange(len(NAMES))
    bgra, found = np.empty((*there.shape, 4), np.uint8), np.full(costs.shape, -1, np.float32)
    for tried in costs.argsort(axis=0)[:TRIED]:  # (P,)
        doll.paint(landmarks, tried, bgra, corner)
        alpha = cv2.extractChannel(bgra, 3)
        behind = cv2.multiply(plate, cv2.merge([cv2.bitwise_not(alpha)] * 3), scale=1 / 255)
        wrong = cv2.absdiff(cv2.add(cv2.cvtColor(bgra, cv2.COLOR_BGRA2BGR), behind), truth)
        level = cv2.transform(wrong, np.full((1, 3), 1 / 3)) * (there | (alpha > 127))
        found[tried, parts] = np.bincount(labels, level.ravel(), len(parts)) / height**2
    return np.where(found < 0, found.max(axis=0), found)


def _still(footage: Footage, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """The calmer positions: below STILL, or the calmest fifth where too few are."""
    landmarks = footage.landmarks[positions]
    joints = landmarks[:, Landmark.LEFT_SHOULDER :, :2]
    step = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=-1)
    motion = np.maximum(np.append(step, step[-1]), np.insert(step, 0, step[0])) / standing_px(
        landmarks, footage.body
    )
    whole = landmarks[:, Landmark.LEFT_SHOULDER :, 3].min(axis=1) > 0.3
    calm = whole & (motion < max(STILL, float(np.quantile(motion, 0.2))))
    return positions[calm] if calm.any() else positions


def _spread(positions: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return positions[np.linspace(0, len(positions) - 1, min(count, len(positions))).astype(int)]
