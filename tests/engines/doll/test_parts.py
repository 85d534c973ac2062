"""The table of the parts, and what moves and compares them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from engines.doll.parts import (
    ARMS,
    CHILDREN,
    CORE,
    COUNT,
    HEAD,
    IN_PLANE,
    LEGS,
    NAMES,
    PARENTS,
    PARTS,
    TABLE,
    TORSO,
    Table,
    depths,
    directions,
    distance,
    fit,
    joints_of,
    points_of,
)
from engines.skeleton import Landmark as L
from tests.engines.doll.dolls import FACE, FRONT, HEIGHT, LEFT_HAND, WIDE, moved, open_handed, turned

MIDDLE = np.array([80, 80], np.float32)
EVERY = range(33)
poses = arrays(np.float32, (33, 4), elements=st.floats(-300, 600, width=32))


def maps(driven: NDArray[np.float32], view: NDArray[np.float32], scale: float = 1.0) -> NDArray[np.float64]:
    """(P, 2, 3): from the driven picture to the view's."""
    heights = np.array([HEIGHT]), np.array([HEIGHT * scale])
    points = (points_of(each.astype(float), TABLE) for each in (driven, view))
    return np.stack(fit(*points, *heights, TABLE), axis=-1).reshape(COUNT, 2, 3)


def test_the_parts_are_a_tree_with_parents_first() -> None:
    assert PARENTS[TORSO] == -1 and TORSO == 0
    assert all(0 <= PARENTS[part] < part for part in range(1, COUNT))
    assert sorted(child for each in CHILDREN for child in each) == list(range(1, COUNT))
    for part in range(COUNT):
        assert all(PARENTS[child] == part for child in CHILDREN[part])


def test_the_table_is_sound() -> None:
    np.testing.assert_allclose(TABLE.weights.sum(axis=1), 1)
    assert sorted((*ARMS, *CORE)) == list(range(COUNT)) and len(ARMS) == 6
    assert [[NAMES[row] for row in leg] for leg in LEGS] == [
        ["left thigh", "left shin"],
        ["right thigh", "right shin"],
    ]
    for name, part in PARTS.items():
        assert 1 <= len(part.start) <= 2 and 1 <= len(part.end) <= 2, name
        assert part.width > 0 and part.slack > 0
        if part.parent and name != "head":  # it begins where the part that it hangs on ends, or on it
            assert set(part.start) & {*PARTS[part.parent].start, *PARTS[part.parent].end}


# --- fit ---


@settings(max_examples=25)
@given(turn=st.floats(-180, 180), scale=st.floats(0.4, 2.5), x=st.floats(-50, 50), y=st.floats(-50, 50))
def test_a_similarity_of_the_whole_body_is_found(turn: float, scale: float, x: float, y: float) -> None:
    view = turned(FRONT, EVERY, MIDDLE, turn) * np.array([scale, scale, 1, 1], np.float32)
    view = moved(view, x, y)
    found = maps(FRONT, view, scale)
    landed = np.einsum("pij,lj->pli", found, np.c_[FRONT[:, :2], np.ones(33)])
    assert np.abs(landed - view[:, :2]).max() < 0.1


def test_the_map_of_a_rolled_head_is_rolled_and_the_others_stay() -> None:
    rolled = turned(FRONT, FACE, FRONT[FACE].mean(axis=0), 30)
    found = maps(rolled, FRONT)
    np.testing.assert_allclose(np.degrees(np.arctan2(found[HEAD, 0, 1], found[HEAD, 0, 0])), 30, atol=0.1)
    for part in range(COUNT - 1):
        np.testing.assert_allclose(found[part], [[1, 0, 0], [0, 1, 0]], atol=1e-6)


def test_across_a_limb_the_players_own_scale_remains() -> None:
    short = FRONT.copy()
    short[L.LEFT_KNEE, 1] = FRONT[L.LEFT_HIP, 1] + 0.5 * (FRONT[L.LEFT_KNEE, 1] - FRONT[L.LEFT_HIP, 1])
    thigh = maps(short, FRONT)[NAMES.index("left thigh")]
    assert thigh[1, 1] == pytest.approx(2, abs=0.15) and thigh[0, 0] == pytest.approx(1, abs=0.05)


@settings(max_examples=40)
@given(driven=poses, view=poses)
def test_maps_are_finite_whatever_the_landmarks(
    driven: NDArray[np.float32], view: NDArray[np.float32]
) -> None:
    assert np.isfinite(maps(driven, view)).all()


def test_landmarks_that_fall_together_are_not_turned() -> None:
    here = np.full((33, 4), 50, np.float32)
    np.testing.assert_allclose(
        maps(here, FRONT)[:, :, :2], np.broadcast_to(np.eye(2), (COUNT, 2, 2)), atol=1e-3
    )


@settings(max_examples=60)
@given(driven=poses, view=poses, scale=st.floats(0.5, 2))
def test_torso_and_head_are_never_pulled_into_a_sheet_nor_mirrored(
    driven: NDArray[np.float32], view: NDArray[np.float32], scale: float
) -> None:
    whole = maps(driven, view, scale)[[TORSO, HEAD], :, :2]
    least = np.linalg.svd(whole, compute_uv=False)[:, 1]
    assert (least > 0.59 * scale).all() and (np.linalg.det(whole) > 0).all()


def test_an_exchanged_pair_of_shoulders_leaves_the_torso_its_shape() -> None:
    """As landmarks of somebody upside down may have them."""
    crossed = FRONT.copy()
    crossed[[L.LEFT_SHOULDER, L.RIGHT_SHOULDER]] = FRONT[[L.RIGHT_SHOULDER, L.LEFT_SHOULDER]]
    sizes = np.linalg.svd(maps(crossed, FRONT)[TORSO, :, :2], compute_uv=False)
    assert 0.59 < sizes[1] <= sizes[0] < 1.5


# --- joints ---


def test_a_part_begins_at_its_joint_and_points_out_of_its_parent() -> None:
    x, y, out_x, out_y = joints_of(FRONT.astype(float), TABLE)
    assert len(x) == COUNT + 2
    elbow = NAMES.index("left forearm")
    assert (x[elbow], y[elbow]) == pytest.approx(FRONT[L.LEFT_ELBOW, :2].tolist())
    arm = FRONT[L.LEFT_WRIST, :2] - FRONT[L.LEFT_SHOULDER, :2]  # straight: out is along it
    assert (out_x[elbow], out_y[elbow]) == pytest.approx((arm / np.hypot(*arm)).tolist(), abs=1e-4)
    assert out_y[HEAD] == pytest.approx(-1, abs=1e-3)
    np.testing.assert_allclose(np.hypot(out_x, out_y)[1:], 1, atol=1e-3)


def test_between_the_legs_out_is_towards_the_left_one_from_before_and_behind() -> None:
    mirrored = FRONT.copy()
    mirrored[:, 0] = 160 - FRONT[:, 0]
    for pose, side in ((FRONT, 1), (mirrored, -1)):
        x, _, out_x, out_y = joints_of(pose.astype(float), TABLE)
        assert x[COUNT:] == pytest.approx([80, 80], abs=1e-3)
        assert out_x[COUNT:] == pytest.approx([side, side], abs=1e-3)
        assert out_y[COUNT:] == pytest.approx([0, 0], abs=1e-3)


# --- how parts are turned ---


@settings(max_examples=40)
@given(one=poses, other=poses)
def test_the_distance_is_symmetric_and_between_0_and_8(
    one: NDArray[np.float32], other: NDArray[np.float32]
) -> None:
    first, second = (directions(each.astype(float), TABLE) for each in (one, other))
    apart = distance(first, second)
    assert (apart > -1e-6).all() and (apart <= 8 + 1e-6).all()
    np.testing.assert_allclose(apart, distance(second, first), atol=1e-9)
    np.testing.assert_allclose(distance(first, first), 0, atol=1e-5)


def test_place_and_size_do_not_count() -> None:
    large = moved(2 * FRONT, 30, -10)
    apart = distance(*(directions(each.astype(float), TABLE) for each in (FRONT, large)))
    np.testing.assert_allclose(apart, 0, atol=1e-5)


@pytest.mark.parametrize("degrees", [20, 90, 180])
def test_a_turn_within_the_picture_counts_by_its_share(degrees: float) -> None:
    pose = turned(open_handed(FRONT), EVERY, MIDDLE, degrees)
    apart = distance(*(directions(each.astype(float), TABLE) for each in (open_handed(FRONT), pose)))
    whole = 4 * (1 - np.cos(np.radians(degrees)))  # two unit vectors
    np.testing.assert_allclose(apart[[TORSO, HEAD, LEFT_HAND]], IN_PLANE * whole, atol=1e-2)


def test_index_and_pinky_tell_how_a_hand_is_turned() -> None:
    palm, back = (directions(open_handed(FRONT, inwards=way).astype(float), TABLE) for way in (False, True))
    apart = distance(palm, back)
    assert apart[LEFT_HAND] > 2
    np.testing.assert_allclose(np.delete(apart, LEFT_HAND), 0, atol=1e-6)


def test_a_body_seen_from_behind_is_far_from_one_seen_from_before() -> None:
    behind = FRONT.copy()
    behind[:, 0] = 160 - FRONT[:, 0]  # left and right are where they are seen
    apart = distance(*(directions(each.astype(float), TABLE) for each in (FRONT, behind)))
    assert apart[TORSO] > 2 and apart[HEAD] > 1
    wide = distance(*(directions(each.astype(float), TABLE) for each in (FRONT, WIDE)))
    assert apart[TORSO] > wide.max()


def test_a_face_before_the_chest_is_nearer_and_so_is_a_hand_held_forwards() -> None:
    pose = FRONT.astype(float)
    assert depths(pose, np.array([HEIGHT]), TABLE)[HEAD] < depths(pose, np.array([HEIGHT]), TABLE)[TORSO]
    pose[[L.LEFT_WRIST, L.LEFT_INDEX, L.LEFT_PINKY], 2] = -50
    nearest = depths(pose, np.array([HEIGHT]), TABLE).argmin()
    assert NAMES[int(nearest)] == "left hand"


@pytest.mark.parametrize("pose", [FRONT, open_handed(WIDE), np.zeros((33, 4), np.float32)])
def test_numpy_and_torch_compute_the_same(pose: NDArray[np.float32]) -> None:
    table = Table(**{name: torch.from_numpy(value) for name, value in vars(TABLE).items()})
    ours, theirs = pose.astype(float), torch.from_numpy(pose).double()
    np.testing.assert_allclose(directions(theirs, table).numpy(), directions(ours, TABLE), atol=1e-9)
    for one, other in zip(joints_of(theirs, table), joints_of(ours, TABLE), strict=True):
        np.testing.assert_allclose(one.numpy(), other, atol=1e-6)


@pytest.mark.parametrize("pose", [FRONT, np.zeros((33, 4), np.float32)], ids=["front", "none"])
def test_joints_and_directions_have_finite_gradients(pose: NDArray[np.float32]) -> None:
    table = Table(**{name: torch.from_numpy(value) for name, value in vars(TABLE).items()})
    landmarks = torch.from_numpy(pose).double().requires_grad_()
    total = directions(landmarks, table).sum() + sum(each.sum() for each in joints_of(landmarks, table))
    (slope,) = torch.autograd.grad(total, landmarks)
    assert torch.isfinite(slope).all() and slope.any()
