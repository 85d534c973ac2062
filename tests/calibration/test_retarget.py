from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.body import MIRRORED, ankle_line, measure_body
from calibration.retarget import FADE_S, HOLD_S, Retargeter
from calibration.source import FixedSource
from engines.body import Body, Stance
from engines.skeleton import Landmark as L
from tests.calibration.figures import ADULT, CHILD, length, person, player

FRAME = (1280, 720)
FRAME_NS = 40_000_000


def settle(retarget: Retargeter, landmarks: np.ndarray, frames: int = 200, start: int = 0) -> np.ndarray:
    for index in range(start, start + frames):
        result = retarget(landmarks, FRAME, index * FRAME_NS)
    return result


@pytest.mark.parametrize(("bones", "height"), [(ADULT, 500), (CHILD, 260), (CHILD, 600), (ADULT, 150)])
def test_whoever_dances_the_player_keeps_his_own_bones(bones: dict[str, float], height: float) -> None:
    fan = person(bones, height, 640, 690, left_arm=90, right_arm=40)
    result = settle(Retargeter(player()), fan)
    standing = 310  # half way between near and far
    for start, end, bone in (
        (L.LEFT_SHOULDER, L.LEFT_ELBOW, "upper arm"),
        (L.RIGHT_ELBOW, L.RIGHT_WRIST, "forearm"),
        (L.LEFT_HIP, L.LEFT_KNEE, "thigh"),
        (L.RIGHT_KNEE, L.RIGHT_ANKLE, "shin"),
    ):
        assert length(result, start, end) == pytest.approx(ADULT[bone] * standing, rel=0.04), bone


def test_angles_of_the_limbs_are_the_fans() -> None:
    result = settle(Retargeter(player()), person(CHILD, 300, 500, 650, left_arm=120, right_arm=30))
    for wrist, shoulder, degrees, sign in (
        (L.LEFT_WRIST, L.LEFT_SHOULDER, 120, 1),
        (L.RIGHT_WRIST, L.RIGHT_SHOULDER, 30, -1),
    ):
        x, y = result[wrist, :2] - result[shoulder, :2]
        assert np.degrees(np.arctan2(sign * x, y)) == pytest.approx(degrees, abs=1.0)


@pytest.mark.parametrize("knee", [0, 60, 100])
def test_the_lower_foot_stands_on_the_players_floor(knee: float) -> None:
    result = settle(Retargeter(player()), person(CHILD, 400, 640, 680, left_knee=knee))
    assert max(result[L.LEFT_ANKLE, 1], result[L.RIGHT_ANKLE, 1]) == pytest.approx(435, abs=1.0)


def test_a_jump_leaves_the_floor_by_as_much_of_the_height() -> None:
    retarget = Retargeter(player())
    settle(retarget, person(ADULT, 500, 640, 680))
    result = retarget(person(ADULT, 500, 640, 680 - 100), FRAME, 201 * FRAME_NS)
    # a fifth of the height, less what the floor follows in two frames
    assert 435 - result[L.LEFT_ANKLE, 1] == pytest.approx(0.2 * 310, rel=0.1)


def test_coming_nearer_moves_the_player_to_his_near_line() -> None:
    retarget = Retargeter(player())
    settle(retarget, person(ADULT, 400, 640, 640))
    result = settle(retarget, person(ADULT, 520, 640, 700), frames=50, start=201)
    assert result[L.LEFT_ANKLE, 1] > 445


def test_mirrored_the_right_arm_moves_on_the_other_side() -> None:
    fan = person(ADULT, 400, 640, 680, right_arm=90)
    plain, mirrored = settle(Retargeter(player()), fan), settle(Retargeter(player(), mirror=True), fan)
    assert plain[L.RIGHT_WRIST, 0] < plain[L.RIGHT_SHOULDER, 0] - 80
    assert mirrored[L.LEFT_WRIST, 0] > mirrored[L.LEFT_SHOULDER, 0] + 80
    assert mirrored[L.RIGHT_WRIST, 1] > mirrored[L.RIGHT_SHOULDER, 1] + 80


def test_a_missing_arm_is_held_then_hangs() -> None:
    retarget = Retargeter(player())
    fan = person(ADULT, 400, 640, 680, left_arm=90)
    raised = settle(retarget, fan)
    hidden = fan.copy()
    hidden[[L.LEFT_ELBOW, L.LEFT_WRIST], 3] = 0.0
    held = retarget(hidden, FRAME, 201 * FRAME_NS)
    assert np.allclose(held[L.LEFT_WRIST, :2], raised[L.LEFT_WRIST, :2], atol=1.0)
    frames = int((HOLD_S + FADE_S) * 1e9 / FRAME_NS) + 2
    resting = settle(retarget, hidden, frames=frames, start=202)
    assert resting[L.LEFT_WRIST, 1] > resting[L.LEFT_SHOULDER, 1] + 80
    assert resting[L.LEFT_WRIST, 3] == 1.0
    back = retarget(fan, FRAME, (202 + frames) * FRAME_NS)
    assert np.allclose(back[L.LEFT_WRIST, :2], raised[L.LEFT_WRIST, :2], atol=2.0)


def test_a_fan_seen_from_the_waist_up_stands_on_resting_legs() -> None:
    fan = person(ADULT, 900, 640, 1150)
    legs = [*range(L.LEFT_KNEE, L.RIGHT_TOE + 1)]
    fan[legs, 3] = 0.02
    result = settle(Retargeter(player()), fan)
    assert np.isfinite(result).all()
    assert result[L.LEFT_KNEE, 1] > result[L.LEFT_HIP, 1] + 60
    assert result[L.LEFT_ANKLE, 1] == pytest.approx(435, abs=2)
    torso = length(result, L.LEFT_SHOULDER, L.LEFT_HIP)
    assert torso == pytest.approx(ADULT["torso"] * 310, rel=0.1)


def test_what_is_not_a_number_never_reaches_the_player() -> None:
    retarget = Retargeter(player())
    fan = person(ADULT, 400, 640, 680)
    good = settle(retarget, fan)
    broken = fan.copy()
    broken[L.LEFT_WRIST] = np.nan
    assert np.isfinite(retarget(broken, FRAME, 201 * FRAME_NS)).all()
    broken[L.LEFT_HIP] = np.inf
    held = retarget(broken, FRAME, 202 * FRAME_NS)
    assert np.allclose(held, good, atol=1.0)
    with pytest.raises(ValueError, match="torso"):
        Retargeter(player())(broken, FRAME, 0)


def test_wherever_the_fan_goes_the_player_stays_near_where_he_was_filmed() -> None:
    retarget = Retargeter(player())
    settle(retarget, person(ADULT, 300, 640, 680), frames=20)
    for index, x in enumerate(np.linspace(640, 1250, 40)):
        result = retarget(person(ADULT, 300, x, 680), FRAME, (20 + index) * FRAME_NS)
    assert 330 < result[[L.LEFT_HIP, L.RIGHT_HIP], 0].mean() < 330 + 320 / 3


def test_reset_forgets_the_last_fans_proportions() -> None:
    retarget = Retargeter(player())
    settle(retarget, person(CHILD, 200, 640, 680))
    retarget.reset()
    fan = person(ADULT, 600, 700, 700, left_arm=90)
    fresh = Retargeter(player())(fan, FRAME, 10**12)
    assert np.allclose(retarget(fan, FRAME, 10**12), fresh)


def test_a_measured_fan_is_normalized_between_his_near_and_far() -> None:
    """Everybody Dance Now, section 3.4: the ankle line and the height go linearly from source to target."""
    fan = Body(
        bones=CHILD,
        near=Stance(700, 420),
        far=Stance(600, 340),
        x_range=(500, 780),
        reach=(1, 1, 1, 1),
        facing=(-0.2, 0.2),
    )
    for ankle_y, height, expected_y, expected_height in (
        (700, 420, 450, 320), (600, 340, 420, 300), (650, 380, 435, 310),
    ):  # fmt: skip
        retarget = Retargeter(player(), FixedSource(fan, player()))
        result = settle(retarget, person(CHILD, height, 640, ankle_y), frames=3)
        assert result[L.LEFT_ANKLE, 1] == pytest.approx(expected_y, abs=0.5)
        shin = length(result, L.LEFT_KNEE, L.LEFT_ANKLE)
        assert shin == pytest.approx(ADULT["shin"] * expected_height, rel=0.01)


def test_a_player_never_filmed_from_behind_faces_the_camera() -> None:
    back = person(ADULT, 400, 640, 680, right_arm=90)[MIRRORED]  # the fan's back: his left is at the left
    assert back[L.LEFT_SHOULDER, 0] < back[L.RIGHT_SHOULDER, 0]
    front_only = settle(Retargeter(player()), back)
    assert front_only[L.LEFT_SHOULDER, 0] > front_only[L.RIGHT_SHOULDER, 0] + 40
    assert front_only[:, 0].min() < front_only[L.RIGHT_SHOULDER, 0] - 80  # the arm on the same side
    all_round = replace(player(), facing=(-0.2, 0.2))
    turned = settle(Retargeter(all_round), back)
    assert turned[L.LEFT_SHOULDER, 0] < turned[L.RIGHT_SHOULDER, 0] - 40


def test_a_fan_who_stands_still_does_not_hop() -> None:
    """Half a pixel of noise must not be stretched to the player's whole depth."""
    random = np.random.default_rng(0)
    still = person(ADULT, 400, 640, 680)
    noisy = np.repeat(still[None], 90, axis=0)
    noisy[..., :2] += random.normal(0, 0.5, noisy[..., :2].shape)
    retarget = Retargeter(player(), FixedSource(measure_body(noisy), player()))
    lines = [ankle_line(retarget(pose, FRAME, i * FRAME_NS)) for i, pose in enumerate(noisy)]
    assert np.ptp(lines) < 3.0
