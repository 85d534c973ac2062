from __future__ import annotations

import numpy as np
import pytest

from calibration.body import MIRRORED
from calibration.extras import retarget_extras
from calibration.retarget import Retargeter
from engines.extras import FACE_PART, LEFT_HAND, PARTS, POINTS, RIGHT_HAND
from engines.skeleton import Landmark as L
from tests.calibration.figures import ADULT, CHILD, person, player

FRAME = (1280, 720)


def spread(part: slice, place: np.ndarray, size: float, seed: int = 0) -> np.ndarray:
    """(POINTS, 4): one part seen, its points about `place`."""
    extras = np.zeros((POINTS, 4), np.float32)
    random = np.random.default_rng(seed)
    count = part.stop - part.start
    extras[part, :2] = place[:2] + random.uniform(-size, size, (count, 2))
    extras[part, 2] = random.uniform(-size, size, count)
    extras[part, 3] = 0.8
    return extras


def fan(**options: float) -> np.ndarray:
    pose = person(CHILD, 400, 640, 680, **options)
    pose[L.LEFT_INDEX, 0] += 6  # a hand as wide as it should be
    pose[L.RIGHT_INDEX, 0] -= 6
    pose[L.LEFT_MOUTH] = pose[L.NOSE] + (5, 8, 0, 0)
    pose[L.RIGHT_MOUTH] = pose[L.NOSE] + (-5, 8, 0, 0)
    return pose


def moved(pose: np.ndarray, scale: float, degrees: float, shift: tuple[float, float]) -> np.ndarray:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    result = pose.copy()
    result[:, :2] = pose[:, :2] @ turn * scale + shift
    result[:, 2] *= scale
    return result


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_a_similar_player_gets_the_similar_part(part: slice) -> None:
    pose = fan(left_arm=70, right_arm=20)
    place = {0: pose[L.LEFT_INDEX], 21: pose[L.RIGHT_INDEX], 42: pose[L.NOSE]}[part.start]
    extras = spread(part, place, 15)
    result = retarget_extras(extras, pose, moved(pose, 0.6, 25, (40, -70)))
    expected = moved(extras, 0.6, 25, (40, -70))
    np.testing.assert_allclose(result[part], expected[part], atol=0.01)
    others = np.ones(POINTS, bool)
    others[part] = False
    assert not result[others].any()


def test_a_hand_hangs_on_the_players_wrist_as_large_as_his_own() -> None:
    pose = fan(left_arm=100)
    extras = spread(LEFT_HAND, pose[L.LEFT_WRIST], 10)
    extras[0, :2] = pose[L.LEFT_WRIST, :2]
    result_pose = Retargeter(player())(pose, FRAME, 0)
    result = retarget_extras(extras, pose, result_pose)
    np.testing.assert_allclose(result[0, :2], result_pose[L.LEFT_WRIST, :2], atol=1e-2)
    scale = np.linalg.norm(result_pose[L.LEFT_PINKY, :2] - result_pose[L.LEFT_WRIST, :2]) / np.linalg.norm(
        pose[L.LEFT_PINKY, :2] - pose[L.LEFT_WRIST, :2]
    )
    assert np.ptp(result[LEFT_HAND, 0]) == pytest.approx(np.ptp(extras[LEFT_HAND, 0]) * scale, rel=0.02)


def test_mirrored_the_right_hand_becomes_the_left() -> None:
    pose = fan(right_arm=90)
    extras = spread(RIGHT_HAND, pose[L.RIGHT_INDEX], 10)
    result_pose = Retargeter(player(), mirror=True)(pose, FRAME, 0)
    result = retarget_extras(extras, pose, result_pose, mirror_width=FRAME[0])
    assert not result[RIGHT_HAND].any()
    assert (result[LEFT_HAND, 3] == np.float32(0.8)).all()
    middle = result[LEFT_HAND, :2].mean(axis=0)
    assert np.linalg.norm(middle - result_pose[L.LEFT_INDEX, :2]) < 8


def test_where_left_and_right_were_exchanged_so_are_the_hands() -> None:
    """A fan seen from behind, a player never filmed so: the hand stays on its side of the picture."""
    behind = fan(left_arm=90)[MIRRORED]
    retargeter = Retargeter(player())
    assert not retargeter.exchanged
    result_pose = retargeter(behind, FRAME, 0)
    assert retargeter.exchanged
    extras = spread(RIGHT_HAND, behind[L.RIGHT_INDEX], 10)
    result = retarget_extras(extras, behind, result_pose, exchanged=retargeter.exchanged)
    assert not result[RIGHT_HAND].any()
    middle = result[LEFT_HAND, :2].mean(axis=0)
    assert np.linalg.norm(middle - result_pose[L.LEFT_INDEX, :2]) < 8


def test_what_is_not_a_number_or_has_no_extent_is_left_out() -> None:
    pose = fan()
    extras = spread(LEFT_HAND, pose[L.LEFT_INDEX], 10) + spread(FACE_PART, pose[L.NOSE], 10)
    extras[RIGHT_HAND] = spread(RIGHT_HAND, pose[L.RIGHT_INDEX], 10)[RIGHT_HAND]
    extras[5, 0] = np.nan
    pose[[L.RIGHT_WRIST, L.RIGHT_PINKY, L.RIGHT_INDEX, L.RIGHT_THUMB], :2] = 300
    target = pose.copy()
    target[L.LEFT_EAR, 1] = np.inf
    result = retarget_extras(extras, pose, target)
    assert not result.any()
    assert not retarget_extras(np.zeros((POINTS, 4), np.float32), pose, pose).any()
    target[:] = np.nan
    assert not retarget_extras(extras, target, target).any()


def test_inputs_are_left_as_they_are() -> None:
    pose = fan()
    extras = spread(LEFT_HAND, pose[L.LEFT_INDEX], 10)
    before = extras.copy(), pose.copy()
    retarget_extras(extras, pose, person(ADULT, 300, 200, 400), mirror_width=1280)
    assert np.array_equal(extras, before[0]) and np.array_equal(pose, before[1])
