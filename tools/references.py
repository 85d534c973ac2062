"""Picks the reference views of a player from his footage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engines.body_parts import TABLE, directions, distance
from engines.reference import MIN_SEEN, VIEWS, View, standing_px, visible_areas
from engines.skeleton import Landmark
from tools.footage import Footage

CANDIDATES, JUDGED = 240, 600
"""Frames that may become a view, and frames whose poses the views must serve."""
STILL = 0.006
"""A candidate moves less than this between frames, in standing heights: its picture is not blurred."""
MARGIN = 0.3
"""Kept around the player's landmarks, in standing heights."""


def pick_views(footage: Footage, positions: NDArray[np.int64], count: int = VIEWS) -> list[View]:
    """The `count` views by which the poses of `positions` are served best.

    Greedy: each next view is the one that lowers most the mean distance of every part, in every judged
    frame, to the view that it would be taken from. Only still frames in which the whole player is seen are
    candidates.
    """
    candidates = _spread(_still(footage, positions), CANDIDATES)
    own, heights = footage.landmarks[candidates], standing_px(footage.landmarks[candidates], footage.body)
    areas = np.stack(
        [
            visible_areas(footage.mask(int(position)), landmarks, float(height))
            for position, landmarks, height in zip(
                tqdm(candidates, unit="frame", desc="reference views"), own, heights, strict=True
            )
        ]
    )
    hidden = np.where(areas >= MIN_SEEN * np.percentile(areas, 95, axis=0), 0.0, 8.0)  # (C, P)
    judged = directions(footage.landmarks[_spread(positions, JUDGED)], TABLE)
    cost = distance(judged[:, None], directions(own, TABLE)[None]) + hidden  # (F, C, P)
    chosen: list[int] = []
    best = np.full(cost.shape[::2], 16.0)  # (F, P)
    for _ in range(min(count, len(candidates))):
        gain = np.minimum(best[:, None], cost).mean(axis=(0, 2))  # (C,)
        gain[chosen] = np.inf
        chosen.append(int(gain.argmin()))
        best = np.minimum(best, cost[:, chosen[-1]])
    return [cut_view(footage, int(position)) for position in candidates[chosen]]


def cut_view(footage: Footage, position: int) -> View:
    """The piece of one frame that holds the player."""
    landmarks = footage.landmarks[position]
    height = float(standing_px(landmarks, footage.body))
    low, high = landmarks[:, :2].min(axis=0) - MARGIN * height, landmarks[:, :2].max(axis=0) + MARGIN * height
    x0, y0 = (int(value) for value in np.maximum(low, 0))
    x1, y1 = (int(value) for value in np.minimum(high, footage.size))
    piece = (slice(y0, y1), slice(x0, x1))
    alpha = footage.mask(position)[piece]
    return View(
        _own_colours(footage.frame(position)[piece], footage.plate[piece], alpha),
        np.ascontiguousarray(alpha),
        landmarks - np.array([x0, y0, 0, 0], np.float32),
        height,
    )


def _own_colours(
    frame: NDArray[np.uint8], plate: NDArray[np.uint8], alpha: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """The player's colours, also where `frame` mixes them with the known plate at his soft edge; black where
    he is not."""
    share = alpha[..., None].astype(np.float32) / 255
    own = (frame - plate * (1 - share)) / np.maximum(share, 0.25)
    colours = np.where(share > 0.25, own, frame) * (share > 0)
    return np.asarray(colours.clip(0, 255).round(), np.uint8)


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
