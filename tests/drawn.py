"""A drawn player's body, and a generator that knows nothing of it. Needs no more than torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from engines.painting.generator import Generator
from engines.skeleton import Landmark

BONES = {
    "torso": 0.33, "half shoulders": 0.12, "half hips": 0.08, "neck": 0.15, "half ears": 0.04,
    "upper arm": 0.18, "forearm": 0.16, "hand": 0.05, "thigh": 0.27, "shin": 0.25, "foot": 0.1,
}  # fmt: skip
"""The lengths of `standing`'s bones in heights from ears to ankles."""


def standing(x: float, ankle_y: float, height: float, *, arms: float = 0.0) -> NDArray[np.float32]:
    """(33, 4): a visible person who faces the camera, all bones in the picture's plane.

    x: the middle of the hips; height: from ears to ankles; arms: their angle from hanging, radians.
    """
    b = BONES
    shoulders, hips, knees = -(1 - b["neck"]), -(b["thigh"] + b["shin"]), -b["shin"]
    places: dict[Landmark, tuple[float, float]] = {Landmark.NOSE: (0.0, -0.99)}
    for name, side in (("LEFT", 1), ("RIGHT", -1)):
        shoulder = np.array([side * b["half shoulders"], shoulders])
        along = np.array([side * np.sin(arms), np.cos(arms)])
        elbow = shoulder + b["upper arm"] * along
        wrist = elbow + b["forearm"] * along
        hip = side * b["half hips"]
        for joint, place in {
            "EYE": (side * 0.02, -1.01), "EAR": (side * b["half ears"], -1.0), "MOUTH": (side * 0.015, -0.96),
            "SHOULDER": shoulder, "ELBOW": elbow, "WRIST": wrist, "INDEX": wrist + b["hand"] * along,
            "PINKY": wrist + b["hand"] * along, "THUMB": wrist + 0.5 * b["hand"] * along, "HIP": (hip, hips),
            "KNEE": (hip, knees), "ANKLE": (hip, 0.0), "HEEL": (hip, 0.01),
            "TOE": (hip + side * b["foot"], 0.01),
        }.items():  # fmt: skip
            places[Landmark[f"{name}_{joint}"]] = (float(place[0]), float(place[1]))
    for inner, outer, eye in ((1, 3, Landmark.LEFT_EYE), (4, 6, Landmark.RIGHT_EYE)):
        places[inner] = places[outer] = places[eye]  # type: ignore[index]
    landmarks = np.ones((33, 4), np.float32)
    landmarks[:, 2] = 0
    for index, (right, down) in places.items():
        landmarks[index, :2] = x + right * height, ankle_y + down * height
    return landmarks


def untrained_generator(body_px: float, *, seed: int = 0) -> Generator:
    """nano, with weights large enough that its output depends on each of its inputs."""
    torch.manual_seed(seed)
    generator = Generator("nano", body_px)
    with torch.no_grad():
        generator.head.weight.normal_(std=0.5)
        generator.fields.weight[3].normal_(std=0.5)  # the outline
    return generator
