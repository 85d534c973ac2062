from __future__ import annotations

import numpy as np
import pytest

from calibration.body import MIRRORED
from engines.skeleton import Landmark as L
from tests.packs import standing
from tools.coverage.mannequin import Mannequin, portrait
from tools.coverage.pose_space import AXES, NEEDED, Axis, Bin
from tools.coverage.posture import DEPTH, Posture, fault

SIZE = (1280, 720)
BINS = [pytest.param(axis, one, id=f"{axis.name}: {one.name}") for axis in AXES for one in axis.bins]


def axis_named(name: str) -> Axis:
    return next(axis for axis in AXES if axis.name == name)


def found(name: str, landmarks: np.ndarray) -> str | None:
    one = axis_named(name).find(Posture(landmarks, SIZE))
    return one.name if one is not None else None


@pytest.mark.parametrize(("axis", "one"), BINS)
def test_the_figure_of_each_bin_falls_into_it(axis: Axis, one: Bin) -> None:
    landmarks = one.figure.landmarks(SIZE)
    assert axis.find(Posture(landmarks, SIZE, airborne=one.figure.hop > 0)) is one
    assert fault(landmarks, SIZE) is None


def test_the_table_is_well_formed() -> None:
    assert len({axis.name for axis in AXES}) == len(AXES)
    for axis in AXES:
        assert len({one.name for one in axis.bins}) == len(axis.bins)
        assert all(one.low < one.high for one in axis.bins)
        assert all(left.high <= right.low for left, right in zip(axis.bins, axis.bins[1:], strict=False))
    prompts = [one.film for axis in AXES for one in axis.bins]
    assert len(set(prompts)) == len(prompts)


def test_left_and_right_are_treated_alike() -> None:
    left, right = (
        {
            (axis.name.removeprefix(side), one.name, one.low, one.high, one.weight)
            for axis in AXES
            if axis.name.startswith(side)
            for one in axis.bins
        }
        for side in ("left", "right")
    )
    assert left == right
    assert len(left) > 10


def test_somebody_else_s_drawing_of_a_standing_person_stands() -> None:
    landmarks = standing(640, 640, 450)
    needed = {axis.name: found(axis.name, landmarks) for axis in AXES}
    expected = {
        "turn": "front",
        "lean": "upright",
        "head": "front",
        "hips": "standing",
        "left arm": "hanging",
    }
    assert {name: needed[name] for name in expected} == expected
    for degrees, name in ((90, "level"), (170, "overhead"), (45, "low")):
        raised = standing(640, 640, 450, arms=np.radians(degrees))
        assert (found("left arm", raised), found("right arm", raised)) == (name, name)


def test_from_behind_an_arm_out_to_the_side_is_still_out() -> None:
    behind = Mannequin(turn=180, left_arm=Mannequin().left_arm).landmarks(SIZE)
    assert found("turn", behind) == "back"
    assert found("left arm", behind) == "hanging"
    out = standing(640, 640, 450, arms=np.pi / 2)[MIRRORED]
    out[:, 2] *= -1
    assert found("left arm", out) == "level"


def test_what_cannot_be_seen_is_in_no_bin() -> None:
    landmarks = Mannequin().landmarks(SIZE)
    landmarks[[L.LEFT_ELBOW, L.LEFT_KNEE, L.LEFT_ANKLE, L.LEFT_WRIST], 3] = 0.1
    for name in ("left arm", "left reach", "left elbow", "left thigh", "left knee", "feet"):
        assert found(name, landmarks) is None
    assert found("right arm", landmarks) == "hanging"


def test_the_height_stays_when_the_person_squats_and_bows() -> None:
    squat = next(one.figure for one in axis_named("hips").bins if one.name == "squat")
    heights = [
        Posture(figure.landmarks(SIZE), SIZE).height_px for figure in (Mannequin(), squat, Mannequin(bow=50))
    ]
    assert heights == pytest.approx([heights[0]] * 3, rel=0.03)
    assert heights[0] == pytest.approx(0.5 * SIZE[1], rel=0.03)


def test_depth_comes_in_the_net_s_own_scale() -> None:
    landmarks = Mannequin(turn=90).landmarks(SIZE)
    across = abs(landmarks[L.LEFT_SHOULDER, 2] - landmarks[L.RIGHT_SHOULDER, 2]) * DEPTH
    facing = Mannequin().landmarks(SIZE)
    assert across == pytest.approx(facing[L.LEFT_SHOULDER, 0] - facing[L.RIGHT_SHOULDER, 0], rel=1e-4)


@pytest.mark.parametrize("broken", ["hidden", "left", "below", "nan"])
def test_a_frame_of_no_use_is_told_why(broken: str) -> None:
    landmarks = Mannequin().landmarks(SIZE)
    if broken == "hidden":
        landmarks[:, 3] = 0.2
    elif broken == "nan":
        landmarks[L.LEFT_HIP, 0] = np.nan
    else:
        landmarks[L.LEFT_TOE, :2] = (-1, 400) if broken == "left" else (400, 720)
    expected = "mostly hidden" if broken in ("hidden", "nan") else "cut off by the frame"
    assert fault(landmarks, SIZE) == expected


def test_portraits_differ_from_one_another() -> None:
    drawn = [portrait(one.figure, (96, 96)) for axis in AXES for one in axis.bins if one.weight == NEEDED]
    assert all(picture.shape == (96, 96, 3) and np.ptp(picture) > 100 for picture in drawn)
    assert (portrait(Mannequin(turn=45), (96, 96)) != portrait(Mannequin(turn=-45), (96, 96))).any()
