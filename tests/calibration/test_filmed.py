"""A whole dance whose joints are known in space, danced by fans of several sizes at several distances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.body import in_space
from calibration.retarget import Retargeter
from engines.body import Stance
from engines.skeleton import Landmark as L
from tests.calibration.figures import player
from tests.calibration.filmed import RATE, SIZE, TRUTH, Filmed, load_filmed

HEIGHT, FLOOR = 310.0, 435.0
BONES = {
    "upper arm": ((L.LEFT_SHOULDER, L.LEFT_ELBOW), (L.RIGHT_SHOULDER, L.RIGHT_ELBOW)),
    "forearm": ((L.LEFT_ELBOW, L.LEFT_WRIST), (L.RIGHT_ELBOW, L.RIGHT_WRIST)),
    "thigh": ((L.LEFT_HIP, L.LEFT_KNEE), (L.RIGHT_HIP, L.RIGHT_KNEE)),
    "shin": ((L.LEFT_KNEE, L.LEFT_ANKLE), (L.RIGHT_KNEE, L.RIGHT_ANKLE)),
}
JOINTS = (
    (L.LEFT_SHOULDER, L.LEFT_ELBOW, L.LEFT_WRIST), (L.RIGHT_SHOULDER, L.RIGHT_ELBOW, L.RIGHT_WRIST),
    (L.LEFT_HIP, L.LEFT_KNEE, L.LEFT_ANKLE), (L.RIGHT_HIP, L.RIGHT_KNEE, L.RIGHT_ANKLE),
)  # fmt: skip
ANKLES = [L.LEFT_ANKLE, L.RIGHT_ANKLE]
STANDS_M, STILL_M_S = 0.115, 0.05
"""How high an ankle of a foot that stands is at most, and how fast."""


@pytest.fixture(scope="module")
def filmed() -> Filmed:
    if not TRUTH.is_file():
        pytest.skip("the dance is not here")
    dance = load_filmed()
    return Filmed(dance.joints[:1500], dance.camera)


def angles(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(frames, 33, 3) → (frames, 4): at elbows and knees, degrees."""
    found = []
    for start, joint, end in JOINTS:
        one, other = points[:, start] - points[:, joint], points[:, end] - points[:, joint]
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        found.append(np.degrees(np.arccos(np.clip((one * other).sum(axis=1) / lengths, -1, 1))))
    return np.stack(found, axis=1)


@pytest.mark.parametrize(("size", "away_m"), [(0.6, 0), (1.0, 2), (1.4, 1)])
def test_bones_are_the_players_angles_the_fans_and_feet_stand(
    filmed: Filmed, size: float, away_m: float
) -> None:
    stance = Stance(FLOOR, HEIGHT)
    body = replace(player(), near=stance, far=stance, facing=(-0.3, 0.3))
    retarget = Retargeter(body)
    fan = filmed.landmarks(size, away_m)
    ours = np.stack([retarget(pose, SIZE, int(n / RATE * 1e9)) for n, pose in enumerate(fan)])[RATE:]
    points, joints = in_space(ours), filmed.joints[RATE:]

    for bone, sides in BONES.items():
        lengths = [np.linalg.norm(points[:, start] - points[:, end], axis=1) for start, end in sides]
        assert np.median(lengths) / HEIGHT == pytest.approx(body.bones[bone], rel=0.05), bone
    assert np.quantile(np.abs(angles(points) - angles(joints)), 0.95) < 5

    speed = np.linalg.norm(np.diff(joints[:, ANKLES], axis=0, prepend=joints[:1, ANKLES]), axis=-1) * RATE
    stands = (joints[:, ANKLES, 1] < STANDS_M) & (speed < STILL_M_S)
    assert stands.any(axis=1).mean() > 0.3
    off = np.abs(ours[:, ANKLES, 1].max(axis=1) - FLOOR)[stands.any(axis=1)]
    assert np.quantile(off, 0.95) < 0.02 * HEIGHT
    slides = [
        abs(ours[n + RATE, foot, 0] - ours[n, foot, 0])
        for side, foot in enumerate(ANKLES)
        for n in range(len(ours) - RATE)
        if stands[n : n + RATE + 1, side].all()
    ]
    assert len(slides) > 100
    assert np.quantile(slides, 0.95) < 0.01 * HEIGHT
