from __future__ import annotations

import numpy as np

from calibration.body import MIRRORED, measure_body
from engines.pose.tracking.tracker import Pose
from tests.packs import standing
from tools.dance.dance import Dance
from tools.dance.driving import HOLD_NS, places, retarget

MS = 1_000_000
PLAYER = measure_body(np.stack([standing(70 + x, 160, 100) for x in range(50)]))


def pose_at(x: float, person_id: int = 0, *, ankle_y: float = 160, height: float = 100) -> Pose:
    return Pose(person_id, standing(x, ankle_y, height), np.zeros((33, 3), np.float32), 1.0)


def dance(poses: list[Pose | None], size: tuple[int, int] = (200, 200)) -> Dance:
    return Dance(size, [number * 33 * MS for number in range(len(poses))], poses)


def test_a_pose_is_held_for_a_quarter_of_a_second_then_the_scene_is_empty() -> None:
    poses = [None, pose_at(90), *[None] * 9, pose_at(100)]
    dance = Dance((200, 200), [number * 50 * MS for number in range(12)], poses)
    landmarks = list(retarget(dance, PLAYER))
    assert landmarks[0] is None
    held = 1 + HOLD_NS // (50 * MS)
    assert all(pose is landmarks[1] for pose in landmarks[1 : 1 + held])
    assert landmarks[1 + held : 11] == [None] * (10 - held)
    assert landmarks[11] is not None and landmarks[11] is not landmarks[1]


def test_a_mirrored_dancer_goes_where_his_mirror_image_would() -> None:
    times = [number * 33 * MS for number in range(40)]
    poses = [pose_at(40 + number) for number in range(40)]
    turned = []
    for pose in poses:
        points = pose.landmarks[MIRRORED].copy()
        points[:, 0] = 200 - points[:, 0]
        turned.append(Pose(0, points, pose.world, 1.0))
    mirrored = list(retarget(Dance((200, 200), times, poses), PLAYER, mirror=True))
    expected = list(retarget(Dance((200, 200), times, turned), PLAYER))
    np.testing.assert_allclose(np.stack(mirrored), np.stack(expected), atol=0.5)
    assert mirrored[0][0, 0] > mirrored[-1][0, 0]  # he walks right, his image left


def test_each_of_several_people_is_measured_alone() -> None:
    """A child far off, then someone twice as tall near by: the player is as tall for both."""
    child = [pose_at(40 + number / 4, 1, ankle_y=120, height=50) for number in range(60)]
    adult = [pose_at(150 + number / 4, 2, ankle_y=180, height=140) for number in range(60)]
    each = dance([*child, *adult])
    assert [list(people) for people in places(each)] == [[1], [2]]
    landmarks = np.stack([pose for pose in retarget(each, PLAYER) if pose is not None])
    heights = np.ptp(landmarks[..., 1], axis=1)
    assert heights[30] == np.float32(heights[30]) and abs(heights[90] / heights[30] - 1) < 0.05
    middles = landmarks[:, [23, 24], 0].mean(axis=1)
    assert abs(middles[30] - middles[90]) < 5


def test_a_dancer_who_comes_back_keeps_his_place() -> None:
    """Left and right of the camera's middle stay left and right, though the tracker gave him a new number."""
    left = [pose_at(60, 1) for _ in range(40)]
    right = [pose_at(140, 7) for _ in range(40)]
    each = dance([*left, *[None] * 30, *right])
    assert [list(people) for people in places(each)] == [[1, 7]]
    landmarks = list(retarget(each, PLAYER))
    assert landmarks[60] is None
    assert landmarks[-1][23, 0] - landmarks[0][23, 0] > 40  # type: ignore[index]


def test_a_vertical_video_drives_the_player_as_a_wide_one_does() -> None:
    poses = [pose_at(60 + number / 2) for number in range(60)]
    wide = np.stack(list(retarget(dance(poses, (640, 200)), PLAYER)))  # type: ignore[arg-type]
    tall = np.stack(list(retarget(dance(poses, (120, 400)), PLAYER)))  # type: ignore[arg-type]
    np.testing.assert_allclose(tall, wide, atol=1e-4)


def test_someone_seen_for_a_moment_is_learned_on_the_way() -> None:
    landmarks = list(retarget(dance([pose_at(100, 3) for _ in range(5)]), PLAYER))
    assert all(pose is not None and np.isfinite(pose).all() for pose in landmarks)
