"""A dance whose joints are known in space, as other fans before the same camera would have danced it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.skeleton import DEPTH
from engines.skeleton import Landmark as L

Floats = NDArray[np.float64]

TRUTH = Path(__file__).resolve().parents[3] / "shared/data/demo720/player_train_720.truth.npz"
"""Names of 21 joints, xyz (frames, 21, 3) in metres, VP the camera's matrix, in decimetres; not committed."""
SIZE = (1280, 720)
RATE = 30
_EARS = (0.075, 0.0, -0.02)
"""Half their distance, and where they lie to the head's joint, metres."""


@dataclass(frozen=True)
class Filmed:
    """joints: (frames, 33, 3) metres: right, up, towards the camera; finite. camera: (4, 4), for metres."""

    joints: Floats
    camera: Floats

    def landmarks(self, size: float = 1.0, away_m: float = 0.0) -> NDArray[np.float32]:
        """(frames, 33, 4) as the pose net gives them, of somebody `size` times as large who stands `away_m`
        farther from the camera."""
        placed = self.joints * size - np.array([0, 0, away_m])
        homogeneous = np.concatenate([placed, np.ones_like(placed[..., :1])], axis=-1) @ self.camera.T
        depth = homogeneous[..., 3]
        found = np.ones((*placed.shape[:2], 4), np.float32)
        found[..., 0] = (homogeneous[..., 0] / depth + 1) / 2 * SIZE[0]
        found[..., 1] = (1 - homogeneous[..., 1] / depth) / 2 * SIZE[1]
        hips = depth[:, [L.LEFT_HIP, L.RIGHT_HIP]].mean(axis=1, keepdims=True)
        px_a_metre = self.camera[0, 0] * SIZE[0] / 2 / hips
        found[..., 2] = (depth - hips) * px_a_metre / DEPTH
        return found


def load_filmed() -> Filmed:
    with np.load(TRUTH) as file:
        names, there = [str(name) for name in file["names"]], file["present"]
        xyz, camera = file["xyz"][there].astype(float), file["VP"].astype(float)
    joints = np.zeros((len(xyz), 33, 3))

    def of(name: str) -> Floats:
        return np.asarray(xyz[:, names.index(name)])

    across = of("left_eye") - of("right_eye")
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    joints[:, :11] = of("nose")[:, None]
    for side, sign in (("left", 1), ("right", -1)):
        up = side.upper()
        for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "index", "toe", "eye"):
            joints[:, L[f"{up}_{name.upper()}"]] = of(f"{side}_{name}")
        for name in ("PINKY", "THUMB"):
            joints[:, L[f"{up}_{name}"]] = of(f"{side}_index")
        joints[:, L[f"{up}_HEEL"]] = of(f"{side}_ankle") - (0, 0.06, 0)
        joints[:, L[f"{up}_EAR"]] = of("head") + sign * _EARS[0] * across
    metres = camera.copy()
    metres[:, 3] /= 10
    return Filmed(joints, metres)
