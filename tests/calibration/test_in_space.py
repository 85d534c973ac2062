"""The fan in three dimensions: whatever he does, he teaches nothing false."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.body import MIRRORED, in_space, measure_body
from calibration.retarget import Retargeter
from calibration.source import FixedSource
from engines.body import Body, Stance
from engines.skeleton import Landmark as L
from tests.calibration.figures import player
from tools.coverage.mannequin import (
    FOREARM,
    HALF_HIPS,
    HALF_SHOULDERS,
    NECK,
    SHIN,
    THIGH,
    TORSO,
    UPPER_ARM,
    Mannequin,
    Segment,
)

FRAME, RATE = (1280, 720), 25
ARMS = (Segment(70), Segment(60))
BONES = {
    "torso": TORSO, "neck": NECK, "half shoulders": HALF_SHOULDERS, "half hips": HALF_HIPS,
    "upper arm": UPPER_ARM, "forearm": FOREARM, "thigh": THIGH, "shin": SHIN,
}  # fmt: skip
ENDS = {
    "upper arm": (L.LEFT_SHOULDER, L.LEFT_ELBOW), "forearm": (L.RIGHT_ELBOW, L.RIGHT_WRIST),
    "thigh": (L.LEFT_HIP, L.LEFT_KNEE), "shin": (L.RIGHT_KNEE, L.RIGHT_ANKLE),
}  # fmt: skip
SQUAT = (Segment(10, 85), Segment(0, -60))
POSTURES = {
    "side on": (Mannequin(turn=90), 20),
    "bowing": (Mannequin(bow=80), 5),
    "squatting": (Mannequin(left_leg=SQUAT, right_leg=SQUAT), 5),
    "sitting": (Mannequin(left_leg=(Segment(5, 88), Segment(0)), right_leg=(Segment(5, 88), Segment(0))), 5),
    "from behind": (Mannequin(turn=180), 5),
}


def dance(retarget: Retargeter, figure: Mannequin, seconds: float, start_s: float = 0) -> NDArray[np.float32]:
    """(frames, 33, 4): the player's."""
    found = [
        retarget(figure.landmarks(FRAME), FRAME, int((start_s + frame / RATE) * 1e9))
        for frame in range(max(1, round(seconds * RATE)))
    ]
    return np.stack(found)


def error_of(landmarks: NDArray[np.float32], body: Body, height: float) -> float:
    """How far the limbs' lengths in space are off the player's, at worst, as a share."""
    points = in_space(landmarks)
    lengths = {
        bone: np.linalg.norm(points[end] - points[start]) / height for bone, (start, end) in ENDS.items()
    }
    shoulders = np.linalg.norm(points[L.LEFT_SHOULDER] - points[L.RIGHT_SHOULDER]) / 2 / height
    lengths["half shoulders"] = shoulders
    return max(abs(length / body.bones[bone] - 1) for bone, length in lengths.items())


@pytest.mark.parametrize("posture", POSTURES)
def test_after_any_posture_the_lengths_are_right_at_once(posture: str) -> None:
    figure, seconds = POSTURES[posture]
    retarget = Retargeter(player())
    during = dance(retarget, figure, seconds)
    assert np.isfinite(during).all()
    after = dance(retarget, Mannequin(left_arm=ARMS, right_arm=ARMS), 0.04, seconds)[0]
    height = float(player().near.height + player().far.height) / 2
    assert error_of(after, player(), height) < 0.05


@pytest.mark.parametrize("size", [0.25, 0.4, 0.6, 0.8])
@pytest.mark.parametrize("turn", [0, 40, 80])
def test_whoever_dances_bones_are_the_players_and_angles_the_fans(size: float, turn: float) -> None:
    figure = Mannequin(
        left_arm=(Segment(120, 20), Segment(60, 50)), right_arm=ARMS,
        left_leg=(Segment(30, 30), Segment(0, -20)),
        turn=turn, size=size,
    )  # fmt: skip
    retarget = Retargeter(replace(player(), facing=(-0.3, 0.3)))
    ours = dance(retarget, figure, 1.0)[-1]
    assert error_of(ours, player(), 310) < 0.05
    fan, moved = in_space(figure.landmarks(FRAME)), in_space(ours)
    joints = (
        (L.LEFT_SHOULDER, L.LEFT_ELBOW, L.LEFT_WRIST), (L.RIGHT_SHOULDER, L.RIGHT_ELBOW, L.RIGHT_WRIST),
        (L.LEFT_HIP, L.LEFT_KNEE, L.LEFT_ANKLE), (L.RIGHT_HIP, L.RIGHT_KNEE, L.RIGHT_ANKLE),
    )  # fmt: skip
    for start, joint, end in joints:
        angles = [
            angle(points[start] - points[joint], points[end] - points[joint]) for points in (fan, moved)
        ]
        assert angles[1] == pytest.approx(angles[0], abs=5)


def angle(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    cosine = one @ other / (np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def test_hands_before_the_chest_of_a_fan_who_shows_his_back_are_before_the_players() -> None:
    hands = (Segment(20, 40), Segment(-30, 100))
    figure = Mannequin(left_arm=hands, right_arm=hands, turn=180)
    fan = figure.landmarks(FRAME)
    assert fan[L.LEFT_WRIST, 2] > fan[[L.LEFT_SHOULDER, L.RIGHT_SHOULDER], 2].mean(), (
        "behind his trunk, seen so"
    )
    ours = dance(Retargeter(player()), figure, 1.0)[-1]
    assert ours[L.LEFT_SHOULDER, 0] > ours[L.RIGHT_SHOULDER, 0], "he faces the camera"
    trunk = ours[[L.LEFT_SHOULDER, L.RIGHT_SHOULDER, L.LEFT_HIP, L.RIGHT_HIP], 2].mean()
    assert (ours[[L.LEFT_WRIST, L.RIGHT_WRIST], 2] < trunk - 20).all()
    all_round = Retargeter(replace(player(), facing=(-0.3, 0.3)))
    as_filmed = dance(all_round, figure, 1.0)[-1]
    assert (as_filmed[[L.LEFT_WRIST, L.RIGHT_WRIST], 2] > 0).all()


def test_feet_that_stand_do_not_slide_while_the_hips_sway() -> None:
    """Of a fan whose legs are much longer than the player's, with half a pixel of noise."""
    random, retarget = np.random.default_rng(0), Retargeter(player())
    feet = []
    for frame in range(10 * RATE):
        sway = 6 * np.sin(2 * np.pi * frame / RATE)  # once a second
        figure = Mannequin(left_leg=(Segment(14 + sway), Segment(14 + sway)), size=0.6, x=0.5,
                           right_leg=(Segment(14 - sway), Segment(14 - sway)))  # fmt: skip
        landmarks = figure.landmarks(FRAME)
        landmarks[:, 0] -= landmarks[[L.LEFT_ANKLE, L.RIGHT_ANKLE], 0].mean() - 640
        landmarks[:, :2] += random.normal(0, 0.5, (33, 2))
        ours = retarget(landmarks.astype(np.float32), FRAME, int(frame / RATE * 1e9))
        feet.append(ours[[L.LEFT_ANKLE, L.RIGHT_ANKLE], :2])
    settled = np.stack(feet)[5 * RATE :]  # (frames, 2, 2)
    moved = settled[RATE:, :, 0] - settled[:-RATE, :, 0]  # in a second
    assert np.abs(moved).max() < 0.01 * 310
    assert np.abs(settled[..., 1].max(axis=1) - 435).max() < 0.02 * 310


def test_feet_in_the_air_of_a_handstand_hold_nothing() -> None:
    """Hands stand there: the body goes where the hips go."""
    retarget = Retargeter(player())
    landmarks = Mannequin(
        left_arm=(Segment(175), Segment(175)), right_arm=(Segment(175), Segment(175))
    ).landmarks(FRAME)
    middle = landmarks[[L.LEFT_HIP, L.RIGHT_HIP], :2].mean(axis=0)
    landmarks[:, :2] = 2 * middle - landmarks[:, :2]
    places = []
    for swing in (-60, 60):  # the legs tip over, the hips stay
        tipped = landmarks.copy()
        tipped[L.LEFT_KNEE :, 0] += swing
        for frame in range(RATE):
            ours = retarget(tipped, FRAME, int((len(places) * RATE + frame) / RATE * 1e9))
        places.append(ours[[L.LEFT_HIP, L.RIGHT_HIP], 0].mean())
    assert places[1] == pytest.approx(places[0], abs=0.01 * 310)


@pytest.mark.parametrize("x", [560, 640, 700])
def test_who_drives_himself_before_the_same_camera_stays_where_he_was(x: float) -> None:
    figures = [
        Mannequin(left_arm=(Segment(20 + 3 * frame % 90), Segment(30)), x=(x + 40 * np.sin(frame / 9)) / 1280)
        for frame in range(120)
    ]
    poses = np.stack([figure.landmarks(FRAME) for figure in figures])
    body = measure_body(poses)
    retarget = Retargeter(body, FixedSource(body, body))
    ours = np.stack([retarget(pose, FRAME, int(frame / RATE * 1e9)) for frame, pose in enumerate(poses)])
    height = body.near.height
    assert np.abs(ours - poses)[..., :2].max() < 0.01 * height
    sizes = [np.ptp(each[:, 1]) for each in (ours[-1], poses[-1])]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)


@pytest.mark.parametrize("posture", ["handstand", "lying"])
def test_the_lowest_part_touches_the_floor(posture: str) -> None:
    figure = Mannequin(left_arm=(Segment(175), Segment(175)), right_arm=(Segment(175), Segment(175)))
    landmarks = figure.landmarks(FRAME)
    middle = landmarks[[L.LEFT_HIP, L.RIGHT_HIP], :2].mean(axis=0)
    turned = np.radians({"handstand": 180, "lying": 90}[posture])
    turn = np.array([[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]])
    landmarks[:, :2] = (landmarks[:, :2] - middle) @ turn.T + middle
    retarget = Retargeter(player())
    for frame in range(2 * RATE):
        ours = retarget(landmarks, FRAME, int(frame / RATE * 1e9))
    low = {"handstand": [L.LEFT_WRIST, L.RIGHT_WRIST], "lying": [L.LEFT_HIP, L.RIGHT_HIP, L.LEFT_SHOULDER]}
    assert ours[low[posture], 1].max() == pytest.approx(435, abs=0.06 * 310)
    assert ours[:, 1].max() < 435 + 0.1 * 310, "nothing is below the floor"


def test_a_turn_of_sides_leaves_the_feet_where_they_stood() -> None:
    retarget = Retargeter(player())
    front = Mannequin(size=0.6).landmarks(FRAME)
    for frame in range(RATE):
        before = retarget(front, FRAME, int(frame / RATE * 1e9))
    back = Mannequin(size=0.6, turn=180).landmarks(FRAME)
    for frame in range(RATE, 2 * RATE):
        after = retarget(back, FRAME, int(frame / RATE * 1e9))
    feet = [L.LEFT_ANKLE, L.RIGHT_ANKLE]
    np.testing.assert_allclose(after[feet, 0], before[feet, 0], atol=0.02 * 310)


def test_the_mannequin_is_what_it_is_taken_for() -> None:
    points = in_space(Mannequin(turn=70, bow=30).landmarks(FRAME)) / 360
    for bone, (start, end) in ENDS.items():
        assert np.linalg.norm(points[end] - points[start]) == pytest.approx(BONES[bone], rel=1e-3)
    assert MIRRORED[L.LEFT_ANKLE] == L.RIGHT_ANKLE and Stance(1, 2).height == 2
