"""Percentage of correct keypoints: how many joints are near the true ones.

PCK@a after Yang and Ramanan, "Articulated Human Detection with Flexible Mixtures of Parts" (PAMI 2013), with
the torso as the unit: a joint is correct within a times the distance from the middle of the shoulders to the
middle of the hips.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

JOINTS = {
    "left_shoulder": 11,
    "right_shoulder": 12,
    "left_elbow": 13,
    "right_elbow": 14,
    "left_wrist": 15,
    "right_wrist": 16,
    "left_hip": 23,
    "right_hip": 24,
    "left_knee": 25,
    "right_knee": 26,
    "left_ankle": 27,
    "right_ankle": 28,
}
"""TABLE of the judged joints: name in a truth file → BlazePose landmark. Left is the person's own."""

Floats = NDArray[np.float32]


def load_truth(path: Path) -> NDArray[np.float32]:
    """(frames, 12, 2) true joints in pixels, in the order of JOINTS. Raises ValueError naming the file."""
    try:
        with np.load(path) as file:
            names = [str(name) for name in file["names"]]
            xy = np.asarray(file["xy"], np.float32)
        return xy[:, [names.index(name) for name in JOINTS]]
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is no file of true joints: {error}") from error


def joints(landmarks: Floats) -> Floats:
    """(..., 33, >=2) landmarks → (..., 12, 2) in the order of JOINTS."""
    return landmarks[..., list(JOINTS.values()), :2]


def torso_px(xy: Floats) -> Floats:
    """(..., 12, 2) joints in the order of JOINTS → (...) torso lengths."""
    return np.asarray(np.linalg.norm(xy[..., 0:2, :].mean(-2) - xy[..., 6:8, :].mean(-2), axis=-1))


def correct(found: Floats, true: Floats, share: float = 0.2) -> NDArray[np.bool_]:
    """(..., 12): whether each joint is within `share` of the true torso; a joint not found (NaN) is not."""
    distance = np.linalg.norm(found - true, axis=-1)
    return np.asarray(distance <= share * torso_px(true)[..., None])
