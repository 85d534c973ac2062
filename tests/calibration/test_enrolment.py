"""A fan steps before the camera: he is known within a second, and nothing that is learned makes the player
jump."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.body import in_space
from calibration.retarget import Retargeter
from calibration.source import AdaptiveSource, Eased, FixedSource, Knowledge
from engines.skeleton import Landmark as L
from tests.calibration.figures import CHILD, person, player
from tools.coverage.mannequin import Mannequin, Segment

FRAME, RATE = (1280, 720), 30
HEIGHT = 310
"""Of `player`, half way between near and far."""


class Take:
    """A retargeter that is fed picture after picture."""

    def __init__(self) -> None:
        self.retarget = Retargeter(player())
        self.frame = 0

    def __call__(self, landmarks: NDArray[np.float32], seconds: float = 1 / RATE) -> NDArray[np.float32]:
        """(frames, 33, 4) of the player."""
        found = []
        for _ in range(round(seconds * RATE)):
            found.append(self.retarget(landmarks, FRAME, int(self.frame / RATE * 1e9)))
            self.frame += 1
        return np.stack(found)


def hips_x(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    return landmarks[..., [L.LEFT_HIP, L.RIGHT_HIP], 0].mean(axis=-1)


def steps(landmarks: NDArray[np.float32]) -> NDArray[np.floating]:
    """How far the joint that moves most does from picture to picture, player heights."""
    return np.linalg.norm(np.diff(landmarks[..., :2], axis=0), axis=-1).max(axis=-1) / HEIGHT


@pytest.mark.parametrize("x", [250, 640, 1000])
def test_on_his_mark_he_is_known_within_a_second(x: float) -> None:
    take = Take()
    fan = person(CHILD, 300, x, 650, left_arm=70)
    during = take(fan, 1.0)
    assert take.retarget.known is Knowledge.SOUND
    after = take(fan, 4.0)
    assert hips_x(during[-1]) == pytest.approx((180 + 330) / 2, abs=0.01 * HEIGHT), "he stands in the middle"
    assert np.abs(during[-1] - after[-1])[:, :2].max() < 0.03 * HEIGHT
    assert steps(during[1:]).max() < 0.02


def test_who_walks_to_his_mark_is_known_a_second_after_he_stands_there() -> None:
    take = Take()
    for x in np.linspace(100, 600, 2 * RATE):  # 0.8 heights a second
        take(person(CHILD, 300, x, 650))
        assert take.retarget.known is Knowledge.LEARNING
    take(person(CHILD, 300, 600, 650), 1.2)
    assert take.retarget.known is Knowledge.SOUND
    stands = take(person(CHILD, 300, 600, 650))[-1]
    assert hips_x(stands) == pytest.approx(255, abs=0.1 * HEIGHT)


def test_who_never_stands_is_known_after_some_seconds() -> None:
    take = Take()
    for frame in range(6 * RATE):
        take(person(CHILD, 300, 640 + 200 * np.sin(frame / RATE * 4), 650))
    assert take.retarget.known is Knowledge.SOUND


def test_a_redo_makes_nothing_jump_and_learns_anew() -> None:
    take = Take()
    wrong = person(CHILD, 300, 640, 650)
    wrong[:, 0] += (wrong[:, 0] - 640) * 0.3  # broader and longer-armed than he is
    take(wrong, 20)
    fan = person(CHILD, 300, 760, 650, left_arm=80)
    before = take(fan, 0.5)
    take.retarget.redo()
    assert take.retarget.known is Knowledge.LEARNING
    after = take(fan, 2.0)
    assert steps(np.concatenate([before[-1:], after])).max() < 0.035, "at once it were ten times as much"
    assert take.retarget.known is Knowledge.SOUND
    fresh = Take()(fan, 2.0)[-1]
    np.testing.assert_allclose(after[-1][:, :2], fresh[:, :2], atol=0.01 * HEIGHT)


def test_what_is_locked_stays_whatever_he_does() -> None:
    take, free = Take(), Take()
    fan = person(CHILD, 300, 640, 650, left_arm=80)
    for each in (take, free):
        each(fan, 3.0)
    take.retarget.locked = True
    assert take.retarget.known is Knowledge.LOCKED
    odd = fan.copy()
    odd[L.LEFT_ELBOW :: 2, 0] += 40  # as with something in his hand, and off his mark
    for each in (take, free):
        before = each(fan)[-1]
        each(odd, 30.0)
        after = each(fan, 1.0)[-1]
        moved = np.abs(after - before)[:, :2].max() / HEIGHT
        assert moved < 0.01 if each is take else moved > 0.01
    take.retarget.locked = False
    assert take.retarget.known is Knowledge.SOUND


def test_locked_a_new_fan_is_learned_until_he_is_known() -> None:
    take = Take()
    take.retarget.locked = True
    take(person(CHILD, 300, 640, 650), 3.0)
    assert take.retarget.known is Knowledge.LOCKED
    take.retarget.reset()
    tall = person(CHILD, 500, 400, 700, left_arm=80)
    ours = take(tall, 0.5)
    assert take.retarget.known is Knowledge.LEARNING
    ours = take(tall, 1.0)[-1]
    assert take.retarget.known is Knowledge.LOCKED
    assert hips_x(ours) == pytest.approx(255, abs=0.01 * HEIGHT)


def test_locked_he_may_still_come_nearer() -> None:
    take = Take()
    take(person(CHILD, 300, 640, 650), 3.0)
    take.retarget.locked = True
    nearer = take(person(CHILD, 380, 640, 690), 5.0)[-1]
    torso = np.linalg.norm(nearer[L.LEFT_SHOULDER, :2] - nearer[L.LEFT_HIP, :2])
    assert torso == pytest.approx(0.34 * 320, rel=0.06), "he is as large as at the player's near line"


def test_a_fan_who_was_measured_is_known_at_once() -> None:
    body = player()
    source = FixedSource(body, body)
    assert source.known is Knowledge.SOUND
    retarget = Retargeter(body, source)
    fan = person(CHILD, 300, 640, 650)
    before = retarget(fan, FRAME, 0)
    retarget.redo()
    np.testing.assert_array_equal(retarget(fan, FRAME, 10**7), before)


@pytest.mark.parametrize("dt_s", [0.001, 0.01, 0.04, 0.5, 3.0])
def test_what_is_eased_arrives_without_overshoot_at_any_rate(dt_s: float) -> None:
    eased = Eased()
    assert eased.step(np.array([0.0]), 0.0) == 0
    found = [float(eased.step(np.array([1.0]), dt_s)[0]) for _ in range(round(3 / dt_s) + 1)]
    assert found == sorted(found) and found[0] >= 0 and found[-1] == pytest.approx(1, abs=1e-3)
    fine = Eased()
    fine.step(np.array([0.0]), 0.0)
    for _ in range(round(dt_s / 0.0005)):
        expected = float(fine.step(np.array([1.0]), 0.0005)[0])
    assert found[0] == pytest.approx(expected, abs=1e-6), "the rate of the pictures makes no difference"


def test_bones_are_those_of_the_fan_within_a_second_while_he_dances() -> None:
    source = AdaptiveSource(player())
    retarget = Retargeter(player(), source)
    for frame in range(RATE):
        swing = 60 * np.sin(frame / 5)
        arm = (Segment(70 + swing, 20), Segment(40 + swing, 40))
        figure = Mannequin(left_arm=arm, right_arm=arm, turn=20 * np.sin(frame / 7), size=0.6)
        ours = retarget(figure.landmarks(FRAME), FRAME, int(frame / RATE * 1e9))
    points = in_space(ours)
    for bone, start, end in (
        ("upper arm", L.LEFT_SHOULDER, L.LEFT_ELBOW), ("forearm", L.RIGHT_ELBOW, L.RIGHT_WRIST),
        ("thigh", L.LEFT_HIP, L.LEFT_KNEE), ("shin", L.RIGHT_KNEE, L.RIGHT_ANKLE),
    ):  # fmt: skip
        length = np.linalg.norm(points[end] - points[start]) / HEIGHT
        assert length == pytest.approx(player().bones[bone], rel=0.05)


def test_a_fan_in_another_place_has_a_mark_of_his_own() -> None:
    take = Take()
    first = take(person(CHILD, 300, 300, 650), 2.0)[-1]
    take.retarget.reset()
    second = take(person(CHILD, 300, 1000, 650), 2.0)[-1]
    assert hips_x(first) == pytest.approx(hips_x(second), abs=1)
    assert replace(player()).x_range == (180, 330)
