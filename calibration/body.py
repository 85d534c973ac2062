"""Measures a person's body from the landmarks of many frames. `tools` measures players and dancers with
it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.body import BONES, Body, Stance, height_at
from engines.skeleton import DEPTH
from engines.skeleton import Landmark as L

SPACE = np.array([1.0, 1.0, DEPTH])
"""Factors on a landmark's x, y and z that bring them to one scale."""
MIRRORED = np.array([0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(i + 1 if i % 2 else i - 1 for i in range(11, 33))])
"""The index of each landmark's counterpart on the other side of the body."""

_CHAIN_STARTS = np.array([
    (L.LEFT_SHOULDER, L.RIGHT_SHOULDER), (L.LEFT_HIP, L.RIGHT_HIP), (L.LEFT_HIP,) * 2, (L.LEFT_KNEE,) * 2,
    (L.RIGHT_HIP,) * 2, (L.RIGHT_KNEE,) * 2,
])  # fmt: skip
_CHAIN_ENDS = np.array([
    (L.LEFT_EAR, L.RIGHT_EAR), (L.LEFT_SHOULDER, L.RIGHT_SHOULDER), (L.LEFT_KNEE,) * 2, (L.LEFT_ANKLE,) * 2,
    (L.RIGHT_KNEE,) * 2, (L.RIGHT_ANKLE,) * 2,
])  # fmt: skip
"""Neck, torso, and thigh and shin of both sides. Each end is the middle of two landmarks."""


def joint(landmarks: NDArray[np.float32], of: tuple[L, ...]) -> NDArray[np.float32]:
    """(..., 33, 4) → (..., 4): the mean of the landmarks `of`."""
    mean: NDArray[np.float32] = landmarks[..., list(of), :].mean(axis=-2)
    return mean


def in_space(landmarks: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """(..., N, 4) → (..., N, 3): landmarks, with z scaled to match x and y."""
    return np.asarray(landmarks[..., :3] * SPACE, float)


def standing_height(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Length of the chain ears - shoulders - hips - knees - ankles in space, pixels.

    (..., 33, 4) → (...). A chain in space, rather than a height in the picture, stays about the same when the
    person bends, squats, sits or turns.
    """
    points = in_space(landmarks)
    offsets = points[..., _CHAIN_ENDS, :].mean(axis=-2) - points[..., _CHAIN_STARTS, :].mean(axis=-2)
    neck, torso, *legs = np.moveaxis(np.linalg.norm(offsets, axis=-1), -1, 0)  # (...) each
    return np.asarray(neck + torso + (legs[0] + legs[1] + legs[2] + legs[3]) / 2)


def ankle_line(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """(..., 33, 4) → (...): y of the lower ankle, pixels."""
    line: NDArray[np.float64] = landmarks[..., [L.LEFT_ANKLE, L.RIGHT_ANKLE], 1].max(axis=-1).astype(float)
    return line


def facing(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """(..., 33, 4) → (...): how far the left shoulder and hip lie to the right of the right ones in the
    picture, pixels: positive where the person faces the camera, negative where their back shows."""
    left, right = (
        landmarks[..., [L.LEFT_SHOULDER, L.LEFT_HIP], 0],
        landmarks[..., [L.RIGHT_SHOULDER, L.RIGHT_HIP], 0],
    )
    return (left - right).mean(axis=-1).astype(float)


def measure_body(landmarks: NDArray[np.float32]) -> Body:
    """(N, 33, 4) landmarks of one person, pixels → Body. N >= 30.

    A bone's length is the median of its length in space over the frame's standing height. The near and the
    far stance are the 95th and the 5th percentile of the ankle line, each with the median height of the
    frames around it.
    """
    if len(landmarks) < 30:
        raise ValueError(f"a body needs 30 frames of landmarks at least, not {len(landmarks)}")
    chain = standing_height(landmarks)
    lines = ankle_line(landmarks)
    stances = []
    for percentile in (95, 5):
        line = float(np.percentile(lines, percentile))
        about = np.abs(lines - line) <= max(np.ptp(lines) * 0.1, 1.0)
        stances.append(Stance(line, float(np.median(chain[about]))))
    near, far = stances
    if near.height < far.height:  # the camera looks up, or nobody walked: use one stance
        height = (near.height + far.height) / 2
        near, far = Stance(near.ankle_y, height), Stance(far.ankle_y, height)
    heights = height_at(near, far, lines)
    mirrored = landmarks[:, MIRRORED]
    bones = {
        name: float(
            np.percentile(
                np.concatenate([_distance(side, *ends) / heights for side in (landmarks, mirrored)]), 50
            )
        )
        for name, ends in BONES.items()
    }
    hips = joint(landmarks, (L.LEFT_HIP, L.RIGHT_HIP))
    offsets = (landmarks[..., :2] - hips[:, None, :2]) / heights[:, None, None]
    turns = facing(landmarks) / heights
    reach = (-offsets[..., 0].min(), offsets[..., 0].max(), -offsets[..., 1].min(), offsets[..., 1].max())
    return Body(
        bones=bones,
        near=near,
        far=far,
        x_range=(float(np.percentile(hips[:, 0], 1)), float(np.percentile(hips[:, 0], 99))),
        reach=tuple(float(value) for value in reach),  # type: ignore[arg-type]
        facing=(float(np.percentile(turns, 1)), float(np.percentile(turns, 99))),
    )


def _distance(landmarks: NDArray[np.float32], near: tuple[L, ...], far: tuple[L, ...]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(in_space(joint(landmarks, far) - joint(landmarks, near)), axis=-1))
