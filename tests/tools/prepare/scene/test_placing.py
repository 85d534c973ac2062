from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.skeleton import Landmark
from tests.packs import standing
from tools.prepare.scene.placing import mapped, pixels_per_metre, place

SIZE = (320, 240)
PX = 150.0


def seen(x: list[float], scale: float = 1.0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A player at these places of the frame, and the same in metres."""
    landmarks = np.stack([standing(each, 220, PX * scale, arms=0.4) for each in x])
    world = (landmarks[..., :3] - landmarks[:, [Landmark.LEFT_HIP], :3]) / (100 * scale)
    return landmarks, world.astype(np.float32)


def shift(x: float, y: float = 0.0) -> NDArray[np.float64]:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def still(count: int) -> NDArray[np.float64]:
    return np.tile(np.eye(3), (count, 1, 1))


def test_a_body_s_size_is_told_in_any_pose() -> None:
    landmarks, world = seen([100, 150])
    landmarks[1], world[1] = landmarks[1][:, [1, 0, 2, 3]], world[1][:, [1, 0, 2]]  # lying
    np.testing.assert_allclose(pixels_per_metre(landmarks, world), 100, rtol=1e-3)


def test_a_tripod_changes_nothing() -> None:
    landmarks, world = seen([60, 160, 260])
    placed = place(landmarks, world, np.zeros(3, np.int64), still(3), np.zeros(3, np.int64), SIZE)
    assert (placed.maps == np.eye(3)).all() and not placed.views.any() and placed.own.all()


def test_a_camera_that_pans_along_is_followed_in_jumps() -> None:
    landmarks, world = seen([160.0] * 60)
    matrices = np.stack([shift(5.0 * n) for n in range(60)])
    placed = place(landmarks, world, np.zeros(60, np.int64), matrices, np.zeros(60, np.int64), SIZE)
    assert placed.own[:10].all() and not placed.own[-10:].any()
    assert len(np.unique(placed.views[:, 0])) <= 4
    in_picture = mapped(landmarks, placed.maps)[..., 0] - placed.views[:, None, 0]
    assert in_picture.min() > -10 and in_picture.max() < SIZE[0] + 10
    np.testing.assert_allclose(placed.to_picture(59)[:2, 2], placed.maps[59][:2, 2] - placed.views[59])


def test_in_another_scene_the_player_is_as_large_and_stands_as_usual() -> None:
    one, one_world = seen([160.0] * 20)
    other, other_world = seen([80.0] * 10, scale=0.6)
    landmarks, world = np.concatenate([one, other]), np.concatenate([one_world, other_world])
    scenes = np.array([0] * 20 + [1] * 10)
    placed = place(landmarks, world, scenes, still(30), scenes, SIZE)
    shown = mapped(landmarks, placed.maps)
    np.testing.assert_allclose(np.ptp(shown[25, :, 1]), np.ptp(shown[0, :, 1]), rtol=0.02)
    np.testing.assert_allclose(shown[25, :, 1].max(), shown[0, :, 1].max(), atol=1)
    assert placed.own[:20].all() and not placed.own[20:].any()
    np.testing.assert_allclose(placed.scales[20:], 1 / 0.6, rtol=0.02)


def test_frames_without_a_scene_are_of_one_size_and_a_jump_stays_a_jump() -> None:
    landmarks, world = [], []
    for n in range(60):
        one, metres = seen([100.0 + n], scale=0.7 + 0.01 * n)  # the camera zooms in
        landmarks.append(one[0])
        world.append(metres[0])
    jump = landmarks[30].copy()
    jump[:, 1] -= 20
    landmarks[30] = jump
    lost = np.full(60, -1)
    placed = place(np.stack(landmarks), np.stack(world), lost, still(60), np.zeros(60, np.int64), SIZE)
    shown = mapped(np.stack(landmarks), placed.maps)
    heights = np.ptp(shown[..., 1], axis=1)
    assert heights.std() / heights.mean() < 0.06
    floor = shown[..., 1].max(axis=1)
    assert floor[29] - floor[30] == pytest.approx(20, abs=6)
    assert not placed.own.any()
    assert shown[..., 0].min() > 0 and shown[..., 0].max() < SIZE[0]


def test_a_player_cut_off_by_the_frame_does_not_move_the_view() -> None:
    landmarks, world = seen([160.0] * 5)
    landmarks[..., 1] += 25  # the feet are beyond the lower edge
    placed = place(landmarks, world, np.zeros(5, np.int64), still(5), np.zeros(5, np.int64), SIZE)
    assert not placed.views.any()


def test_landmarks_go_through_a_homography_with_their_depth() -> None:
    landmarks, _ = seen([100])
    double = np.diag([2.0, 2.0, 1.0])[None]
    moved = mapped(landmarks, double)
    np.testing.assert_allclose(moved[..., :3], 2 * landmarks[..., :3], rtol=1e-5)
    np.testing.assert_array_equal(moved[..., 3], landmarks[..., 3])
