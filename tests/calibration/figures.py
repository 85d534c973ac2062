"""Drawn people: landmarks of a standing body with known proportions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.body import BONES, Body, Stance
from engines.skeleton import Landmark as L

# Shares of the height from ears to ankles. The legs, torso and neck add up to 1.
ADULT = {
    "torso": 0.34, "half shoulders": 0.11, "half hips": 0.06, "neck": 0.12, "half ears": 0.04,
    "upper arm": 0.19, "forearm": 0.17, "hand": 0.06, "thigh": 0.28, "shin": 0.26, "foot": 0.12,
}  # fmt: skip
CHILD = ADULT | {
    "torso": 0.38, "neck": 0.16, "half ears": 0.06, "thigh": 0.24, "shin": 0.22, "upper arm": 0.15,
    "forearm": 0.14,
}  # fmt: skip


def person(
    bones: dict[str, float],
    height: float,
    x: float,
    ankle_y: float,
    *,
    left_arm: float = 0.0,
    right_arm: float = 0.0,
    left_knee: float = 0.0,
) -> NDArray[np.float32]:
    """(33, 4) landmarks of somebody who stands facing the camera, every one visible.

    left_arm, right_arm: how far the straight arm is raised sideways, degrees: 0 hangs, 180 is straight up.
    left_knee: how far the left thigh is raised sideways, degrees; the shin hangs.
    """
    size = {name: share * height for name, share in bones.items()}
    assert set(size) == set(BONES)
    points = np.zeros((33, 4), np.float32)
    points[:, 3] = 1
    hip_y = ankle_y - size["thigh"] - size["shin"]
    shoulder_y, ear_y = hip_y - size["torso"], hip_y - size["torso"] - size["neck"]
    points[:11, :2] = x, ear_y
    points[L.NOSE, 1] += size["half ears"] * 0.5
    arms, knees = (left_arm, right_arm), (left_knee, 0.0)
    for side, sign in ((0, 1), (1, -1)):  # the person's left is at the picture's right
        points[L.LEFT_EAR + side, :2] = x + sign * size["half ears"], ear_y
        shoulder = np.array([x + sign * size["half shoulders"], shoulder_y])
        angle = np.radians(arms[side])
        arm = np.array([sign * np.sin(angle), np.cos(angle)])
        elbow = shoulder + arm * size["upper arm"]
        wrist = elbow + arm * size["forearm"]
        points[L.LEFT_SHOULDER + side, :2] = shoulder
        points[L.LEFT_ELBOW + side, :2] = elbow
        points[L.LEFT_WRIST + side, :2] = wrist
        for finger in (L.LEFT_PINKY, L.LEFT_INDEX, L.LEFT_THUMB):
            points[finger + side, :2] = wrist + arm * size["hand"]
        hip = np.array([x + sign * size["half hips"], hip_y])
        angle = np.radians(knees[side])
        knee = hip + np.array([sign * np.sin(angle), np.cos(angle)]) * size["thigh"]
        ankle = knee + np.array([0, size["shin"]])
        points[L.LEFT_HIP + side, :2], points[L.LEFT_KNEE + side, :2] = hip, knee
        points[L.LEFT_ANKLE + side, :2] = ankle
        points[L.LEFT_HEEL + side, :2] = ankle + np.array([0, 0.02 * height])
        points[L.LEFT_TOE + side, :2] = ankle + np.array([sign * size["foot"], 0.02 * height])
    return points


def player() -> Body:
    """A grown player in a picture of 512x512, filmed between two distances."""
    return Body(
        bones=ADULT,
        near=Stance(450, 320),
        far=Stance(420, 300),
        x_range=(180, 330),
        reach=(0.6, 0.6, 0.9, 0.7),
        facing=(0.02, 0.2),
    )


def length(landmarks: NDArray[np.float32], start: L, end: L) -> float:
    return float(np.linalg.norm(landmarks[end, :2] - landmarks[start, :2]))
