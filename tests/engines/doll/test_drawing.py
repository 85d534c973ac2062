"""The paper doll on a CPU."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from engines.doll.bank import Bank
from engines.doll.bending import BENDS, BLEND, Reach, joint_table, reach_of, softness
from engines.doll.choice import Drawing, in_order
from engines.doll.drawing import Doll, outline
from engines.doll.nodes import Nodes
from engines.doll.parts import COUNT, HEAD, NAMES, PARENTS, TABLE, TORSO, agreement, joints_of
from engines.skeleton import Landmark as L
from tests.engines.doll.dolls import (
    FACE,
    FRONT,
    HEIGHT,
    OWN_WIDTHS,
    SIZE,
    WIDE,
    arm_before_chest,
    bank_of,
    body_of,
    drawn,
    frame_of,
    moved,
    standing,
    turned,
    view_of,
)

ONE, BOTH = bank_of(FRONT), bank_of(FRONT, WIDE)
EVERY = range(33)
REACH = reach_of(OWN_WIDTHS, np.zeros(2))
MIDDLE = np.array([80, 80], np.float32)
JOINTS = {
    "upper arm": ("SHOULDER", ("ELBOW", "WRIST", "INDEX", "PINKY", "THUMB")),
    "forearm": ("ELBOW", ("WRIST", "INDEX", "PINKY", "THUMB")),
    "hand": ("WRIST", ("INDEX", "PINKY", "THUMB")),
    "thigh": ("HIP", ("KNEE", "ANKLE", "HEEL", "TOE")),
    "shin": ("KNEE", ("ANKLE", "HEEL", "TOE")),
    "foot": ("ANKLE", ("HEEL", "TOE")),
}
"""By the part's name: the joint that it turns about, and what turns with it."""


def lying(landmarks: NDArray[np.float32], degrees: float) -> NDArray[np.float32]:
    return turned(landmarks, EVERY, MIDDLE, degrees)


# --- a frame in its own pose ---


@pytest.mark.parametrize("pose", [FRONT, WIDE, arm_before_chest(FRONT)], ids=["front", "wide", "crossed"])
def test_a_frame_in_its_own_pose_is_that_frame(pose: NDArray[np.float32]) -> None:
    bank = bank_of(pose, standing(80, 140, HEIGHT, arms=2.8))
    view = bank.frames[0].view
    out = drawn(bank, pose).astype(int)  # of the chosen frames
    assert np.abs(out[..., :3] - view.picture * (view.alpha[..., None] / 255)).mean() < 0.2
    np.testing.assert_allclose(out[..., 3], view.alpha, atol=2)


def test_the_table_of_bends_leads_from_part_to_neighbour() -> None:
    for bend in BENDS:
        assert bend.neighbour in (PARENTS[bend.part], *np.flatnonzero(np.array(PARENTS) == bend.part)) or (
            bend.joint >= COUNT and NAMES[bend.part][-5:] == NAMES[bend.neighbour][-5:]
        )
        assert any(other[:2] == (bend.neighbour, bend.part) and other.sign == -bend.sign for other in BENDS)


# --- places, sizes, windows ---


@settings(max_examples=15)
@given(x=st.integers(-60, 60), y=st.integers(-60, 60))
def test_the_doll_moves_with_the_landmarks(x: int, y: int) -> None:
    out, still = drawn(BOTH, moved(FRONT, x, y), size=(320, 320), corner=(-80, -80)), drawn(BOTH, FRONT)
    there = out[80 + y : 240 + y, 80 + x : 240 + x]
    assert np.abs(there.astype(int) - still).mean() < 0.1
    assert out.sum() == there.sum(), "something is left behind"


def test_a_player_twice_as_tall_is_twice_as_large() -> None:
    bank = Bank([frame_of(view_of(FRONT))], OWN_WIDTHS, body_of(FRONT, 2 * HEIGHT))
    out = drawn(bank, FRONT * np.array([2, 2, 2, 1], np.float32), size=(320, 320))
    small = out[::2, ::2].astype(int)  # pixel 2 x of the large picture is pixel x of the frame
    assert np.abs(small - drawn(ONE, FRONT)).mean() < 0.2


@settings(max_examples=15)
@given(x=st.integers(-40, 120), y=st.integers(-40, 120), degrees=st.floats(0, 360))
def test_a_window_shows_what_the_whole_shows_there(x: int, y: int, degrees: float) -> None:
    landmarks = lying(FRONT, degrees)
    whole = drawn(BOTH, landmarks, size=(320, 320), corner=(-80, -80))
    window = drawn(BOTH, landmarks, size=(64, 48), corner=(x, y))
    difference = np.abs(window.astype(int) - whole[y + 80 : y + 128, x + 80 : x + 144])
    assert difference.mean() < 2  # coordinates are rounded to a 32nd of a pixel, bends to a grid


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_a_player_who_lies_or_stands_on_his_head_is_turned(degrees: int) -> None:
    out, upright = drawn(ONE, lying(FRONT, degrees)), drawn(ONE, FRONT)
    back = cv2.warpAffine(out, cv2.getRotationMatrix2D((80, 80), degrees, 1), SIZE)
    assert np.abs(back.astype(int) - upright).mean() < 1


def test_parts_that_are_not_asked_for_are_not_drawn() -> None:
    out = np.empty((*SIZE[::-1], 4), np.uint8)
    Doll(ONE).paint(FRONT, Drawing.of(np.zeros(COUNT, np.int64)), out, parts=[HEAD])
    head = FRONT[L.NOSE, :2].round().astype(int)
    assert out[head[1], head[0], 3] == 255 and not out[80:].any()


# --- bent parts ---


def roll_of(out: NDArray[np.uint8], middle: NDArray[np.float32]) -> int:
    """By how many degrees the head of `ONE` is turned in `out` about `middle`: that at which its picture is
    most alike, over its whole disc."""
    view, found = ONE.frames[0].view, []
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    ears = FRONT[[L.LEFT_EAR, L.RIGHT_EAR], :2].mean(axis=0)
    disc = (np.hypot(x - ears[0], y - ears[1]) < 0.08 * HEIGHT - 1).astype(np.uint8)
    for degrees in range(-60, 61):
        turn = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), -degrees, 1)
        true, there = (cv2.warpAffine(each, turn, SIZE) for each in (view.picture, 255 * disc))
        found.append((float(np.abs(out[..., :3] - true.astype(int))[there > 200].mean()), degrees))
    return min(found)[1]


@pytest.mark.parametrize("degrees", [-40, -30, 0, 15, 30, 40])
def test_a_head_that_is_rolled_is_drawn_rolled(degrees: int) -> None:
    middle = FRONT[FACE].mean(axis=0)[:2]
    out = drawn(ONE, turned(FRONT, FACE, middle, degrees))
    assert roll_of(out, middle) == pytest.approx(degrees, abs=3)
    still = drawn(ONE, FRONT)
    assert np.abs(out[80:].astype(int) - still[80:]).max() <= 2, "the body stays"


@pytest.mark.parametrize("part", JOINTS)
@pytest.mark.parametrize("degrees", [-40, 40])
def test_a_bent_joint_shows_no_gap(part: str, degrees: float) -> None:
    joint, ends = L[f"LEFT_{JOINTS[part][0]}"], [L[f"LEFT_{end}"] for end in JOINTS[part][1]]
    pose = turned(FRONT, ends, FRONT[joint], degrees)
    alpha = drawn(ONE, pose, frames=0)[..., 3]
    row = NAMES.index(f"left {part}")
    into = {TORSO: MIDDLE}.get(PARENTS[row], FRONT[joint, :2])
    if PARENTS[row] != TORSO:  # from the middle of its parent, over the joint, to the middle of the part
        above = NAMES[PARENTS[row]].removeprefix("left ")
        into = (FRONT[L[f"LEFT_{JOINTS[above][0]}"], :2] + FRONT[joint, :2]) / 2
    out_of = (pose[joint, :2] + pose[ends[-1 if part == "foot" else 0], :2]) / 2
    line, middle = np.zeros(SIZE[::-1], np.uint8), pose[joint, :2].round().astype(int).tolist()
    for end in (into, out_of):
        cv2.line(line, np.round(end).astype(int).tolist(), middle, 255, 3)
    assert alpha[line > 0].min() > 120 and alpha[line > 0].mean() > 252


def blended(row: int, x: float, y: float, reach: Reach = REACH) -> float:
    """How much of the neighbour's map is taken at a place, by a row of `BENDS`."""
    table = joint_table(joints_of(FRONT.astype(float), TABLE), HEIGHT, reach)[[row]]
    table[0, :2] -= [x, y]
    nodes = Nodes(np.array([[0, 0]]), np.array([[1, 1]]), 1)  # a node, in the place
    right = np.array([[0, 0, 1, 0, 0, 0]], np.float32)  # everything goes to (1, 0)
    return float(nodes.placed(np.zeros_like(right), np.array([0, 1]), right, table)[0, 0])


def test_about_a_joint_both_parts_move_alike() -> None:
    """Each takes the other's map by what the other keeps of its own: they stay in one piece."""
    joints, elbow = joints_of(FRONT.astype(float), TABLE), NAMES.index("left forearm")
    rows = [bend.part for bend in BENDS].index(elbow), [bend.joint for bend in BENDS].index(elbow)
    inner, outer = sorted(rows, key=lambda row: -BENDS[row].sign)  # the upper arm's, the forearm's
    assert BENDS[inner][:2] == BENDS[outer][1::-1] == (NAMES.index("left upper arm"), elbow)
    steps = HEIGHT * BLEND * OWN_WIDTHS[elbow] * np.array([-1, -0.5, 0, 0.5, 1])
    x, y = (at[elbow] + steps * out[elbow] for at, out in ((joints[0], joints[2]), (joints[1], joints[3])))
    at_inner, at_outer = (
        np.array([blended(row, *place) for place in zip(x, y, strict=True)]) for row in (inner, outer)
    )
    np.testing.assert_allclose(at_inner + at_outer, 1, atol=1e-3)
    np.testing.assert_allclose(at_inner, [0, 0.156, 0.5, 0.844, 1], atol=0.01)
    assert blended(inner, x[-1] + 50, y[-1]) == blended(outer, x[-1] + 50, y[-1]) == 0


def test_legs_bend_into_each_other_as_much_as_the_skirt_says() -> None:
    joints, left = joints_of(FRONT.astype(float), TABLE), NAMES.index("left thigh")
    (row,) = [
        row for row, bend in enumerate(BENDS) if bend.part == left and NAMES[bend.neighbour] == "right thigh"
    ]
    for share in (0.0, 0.5, 1.0):
        reach = reach_of(OWN_WIDTHS, np.array([share, 0]))
        weight = blended(row, joints.x[COUNT], joints.y[COUNT], reach)
        assert weight == pytest.approx(share / 2, abs=1e-3)


def test_a_neck_that_is_bent_shows_no_gap() -> None:
    shoulders = FRONT[[L.LEFT_SHOULDER, L.RIGHT_SHOULDER]].mean(axis=0)
    pose = turned(FRONT, FACE, shoulders, 40)
    line = np.zeros(SIZE[::-1], np.uint8)
    ends = (shoulders[:2], pose[[L.LEFT_EAR, L.RIGHT_EAR], :2].mean(axis=0))
    cv2.line(line, *(np.round(end).astype(int).tolist() for end in ends), 255, 3)
    assert drawn(ONE, pose, frames=0)[..., 3][line > 0].min() > 240


def test_a_bent_arm_is_where_the_landmarks_are() -> None:
    arm = [L.LEFT_WRIST, L.LEFT_INDEX, L.LEFT_PINKY, L.LEFT_THUMB]
    pose = turned(FRONT, arm, FRONT[L.LEFT_ELBOW], -60)
    out, true = drawn(ONE, pose)[..., 3] > 127, view_of(pose).alpha > 0
    assert (out & true).sum() / (out | true).sum() > 0.93


# --- fades and order ---


def test_a_fade_is_the_mean_of_its_frames() -> None:
    none, one = np.zeros(COUNT, np.int64), np.ones(COUNT, np.int64)
    ends = [drawn(BOTH, FRONT, frames=frame).astype(float) for frame in (0, 1)]
    for share in (0.25, 0.5):
        out = drawn(BOTH, FRONT, drawing=Drawing(one, none, np.full(COUNT, share, np.float32)))
        inside = np.minimum(ends[0][..., 3], ends[1][..., 3]) == 255
        mean = (1 - share) * ends[0] + share * ends[1]
        assert np.abs(out - mean)[inside].mean() < 4
    begun = drawn(BOTH, FRONT, drawing=Drawing(one, none, np.full(COUNT, 1e-3, np.float32)))
    assert np.abs(begun - ends[0]).mean() < 0.5
    over = drawn(BOTH, FRONT, drawing=Drawing(one, none, np.ones(COUNT, np.float32)))
    np.testing.assert_array_equal(over, ends[1])


def test_what_is_before_is_drawn_last() -> None:
    pose = arm_before_chest(FRONT)
    bank = bank_of(WIDE)
    out = drawn(bank, pose)
    place = ((pose[L.LEFT_ELBOW] + pose[L.LEFT_WRIST]) / 2)[:2].round().astype(int)
    hidden = in_order(pose, HEIGHT)[::-1]
    behind = drawn(bank, pose, drawing=Drawing.of(np.zeros(COUNT, np.int64))._replace(order=hidden))
    skin, shirt = (each[place[1], place[0], :3].astype(int) for each in (out, behind))
    assert np.abs(skin - (130, 160, 220)).max() < 30 and np.abs(skin - shirt).max() > 60


# --- poses that are none ---


@settings(max_examples=50)
@given(
    arrays(np.float32, (33, 4), elements=st.floats(-300, 600, width=32)),
    st.tuples(st.integers(-2000, 2000), st.integers(-2000, 2000)),
    st.floats(0, 1, width=32),
)
def test_any_landmarks_can_be_drawn(
    landmarks: NDArray[np.float32], corner: tuple[int, int], share: float
) -> None:
    drawing = Drawing(np.arange(COUNT) % 2, np.ones(COUNT, np.int64), np.full(COUNT, share, np.float32))
    out = drawn(BOTH, landmarks, drawing=drawing, size=(64, 48), corner=corner)
    assert (out[..., :3] <= out[..., 3:].astype(int) + 2).all(), "it is not premultiplied"


@pytest.mark.parametrize("far", [1e4, 1e6, 1e18, 3e38])
def test_landmarks_out_of_all_bounds_are_not_seen(far: float) -> None:
    big = np.float32(far)
    poses = [moved(FRONT, far, -far), np.full((33, 4), big, np.float32), np.full((33, 4), -big, np.float32)]
    with np.errstate(all="ignore"):
        for landmarks in poses:
            assert not drawn(BOTH, landmarks, size=(64, 48)).any()
        drawn(BOTH, np.nan_to_num(FRONT * big), size=(64, 48))


def test_landmarks_that_fall_together_do_no_harm() -> None:
    out = drawn(ONE, np.full((33, 4), 80, np.float32))
    rows, columns = np.nonzero(out[..., 3])
    assert np.abs(rows - 80).max() < HEIGHT / 2 and np.abs(columns - 80).max() < HEIGHT / 2
    assert not drawn(ONE, np.zeros((33, 4), np.float32), corner=(500, 500)).any()
    limb = FRONT.copy()
    limb[L.LEFT_ELBOW] = limb[L.LEFT_WRIST] = limb[L.LEFT_SHOULDER]
    assert drawn(ONE, limb)[..., 3].any()


def test_a_doll_outside_the_window_leaves_it_clear() -> None:
    assert not drawn(BOTH, FRONT, corner=(1000, 0)).any()
    assert not drawn(BOTH, FRONT, corner=(0, -1000)).any()


def test_a_bank_of_empty_frames_draws_nothing() -> None:
    view = view_of(FRONT)
    view.alpha[:] = 0
    assert not drawn(Bank([frame_of(view)], OWN_WIDTHS, body_of(FRONT)), FRONT).any()


def test_landmarks_of_the_caller_are_left_alone() -> None:
    landmarks = FRONT.copy()
    drawn(BOTH, landmarks, corner=(10, 20))
    np.testing.assert_array_equal(landmarks, FRONT)


def test_an_outline_holds_all_that_is_not_transparent() -> None:
    for part in range(COUNT):
        sprite = BOTH.atlas.sprite(0, part)
        corners = outline(sprite).astype(np.float32)
        assert cv2.isContourConvex(corners)
        for y, x in np.argwhere(sprite.pixels[..., 3]).tolist():
            place = (float(x + sprite.corner[0]), float(y + sprite.corner[1]))
            assert cv2.pointPolygonTest(corners, place, True) >= 1 - 1e-3


# --- limbs that are bent far ---


@pytest.mark.parametrize("degrees", [100, 130, 160])
def test_an_arm_that_is_folded_sharply_does_not_swell(degrees: float) -> None:
    """Drawn from a frame in which it is straight."""
    bank = bank_of(WIDE)
    below = [L[f"LEFT_{name}"] for name in ("WRIST", "INDEX", "PINKY", "THUMB")]
    folded = turned(WIDE, below, WIDE[L.LEFT_ELBOW], degrees)
    arm = [NAMES.index(f"left {name}") for name in ("upper arm", "forearm")]

    def area(pose: NDArray[np.float32]) -> int:
        out = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
        Doll(bank).paint(pose, Drawing.of(np.zeros(COUNT, np.int64)), out, parts=arm)
        return int((out[..., 3] > 127).sum())

    assert 0.4 * area(WIDE) < area(folded) < 1.05 * area(WIDE)


def test_maps_are_blended_the_less_the_farther_they_are_turned() -> None:
    angles = np.radians([0, 50, 80, 110, 180])
    maps = np.stack([[[np.cos(a), -np.sin(a), 5], [np.sin(a), np.cos(a), -3]] for a in angles])
    turn = agreement(maps, maps[:1])
    np.testing.assert_allclose(turn, np.cos(angles), atol=1e-6)
    shares = softness(turn)
    assert shares[0] == shares[1] == 1 and 0 < shares[2] < 1 and shares[3] == shares[4] == 0
