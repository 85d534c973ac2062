from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pose.tracking.tracker import Pose
from engines.skeleton import Landmark as L
from tests.packs import standing
from tools.dance.dance import Dance
from tools.dance.smoothing import runs, smooth, split_at_cuts
from tools.scores.pck import joints, load_truth

ASSETS = Path(__file__).resolve().parents[3] / "assets"
FPS = 30
WORLD = np.zeros((33, 3), np.float32)


def dance(landmarks: list[NDArray[np.float32] | None], *, fps: float = FPS, person_id: int = 1) -> Dance:
    times = [round(index * 1e9 / fps) for index in range(len(landmarks))]
    poses = [Pose(person_id, each, WORLD, 0.9) if each is not None else None for each in landmarks]
    return Dance((400, 300), times, poses)


def waving(seconds: float, hertz: float = 0.7) -> NDArray[np.float32]:
    return standing(200, 250, 200, arms=1.2 + 0.8 * np.sin(2 * np.pi * hertz * seconds))


def jerk(landmarks: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(np.diff(landmarks[..., :2], 3, axis=0), axis=-1).mean())


@pytest.mark.parametrize("fps", [24, 25, 30000 / 1001, 50, 60])
def test_jitter_goes_and_motion_stays_without_lag_at_every_rate(fps: float) -> None:
    true = np.stack([waving(index / fps) for index in range(round(4 * fps))])
    noise = np.random.default_rng(0).normal(0, 2, true.shape).astype(np.float32) * [1, 1, 1, 0]
    raw = (true + noise).astype(np.float32)
    smoothed = smooth(dance(list(raw), fps=fps)).landmarks
    error, before = (np.linalg.norm((each - true)[..., :2], axis=-1).mean() for each in (smoothed, raw))
    assert error < 0.75 * before
    assert jerk(smoothed) < 0.35 * jerk(raw)
    wrist, true_wrist = (each[:, L.LEFT_WRIST, 1] for each in (smoothed, true))
    lag = [np.abs(wrist[8:-8] - np.roll(true_wrist, shift)[8:-8]).mean() for shift in range(-3, 4)]
    assert int(np.argmin(lag)) == 3  # best where nothing is shifted


def test_a_steady_motion_passes_unchanged() -> None:
    landmarks = [standing(50 + 3 * index, 250, 200) for index in range(60)]
    np.testing.assert_allclose(smooth(dance(list(landmarks))).landmarks, landmarks, atol=0.01)


def test_a_joint_that_jumps_for_a_frame_leaves_no_trace() -> None:
    landmarks = [waving(index / FPS) for index in range(60)]
    clean = smooth(dance(list(landmarks))).landmarks
    landmarks[30] = landmarks[30].copy()
    landmarks[30][L.RIGHT_WRIST, :2] += 120
    assert np.abs(smooth(dance(list(landmarks))).landmarks - clean).max() < 1.0


def test_a_brief_gap_is_filled_and_a_long_one_is_not() -> None:
    landmarks: list[NDArray[np.float32] | None] = [waving(index / FPS) for index in range(60)]
    gap = [*landmarks[:20], *[None] * 8, *landmarks[28:]]  # 0.3 s from pose to pose
    filled = smooth(dance(gap))
    assert None not in filled.poses
    assert np.abs(filled.landmarks[20:28] - np.stack(landmarks[20:28])).max() < 4  # type: ignore[arg-type]
    long = [*landmarks[:20], *[None] * 9, *landmarks[29:]]
    assert [pose is None for pose in smooth(dance(long)).poses] == [each is None for each in long]


def test_after_a_cut_the_dancer_is_another_and_is_not_smoothed_across() -> None:
    before = [waving(index / FPS) for index in range(30)]
    after = [standing(320, 150, 60, arms=0.3) for _ in range(30)]
    cut = split_at_cuts(dance([*before, *after]))
    assert [pose.person_id for pose in cut.poses if pose] == [1] * 30 + [2] * 30
    assert [len(run) for run in runs(cut)] == [30, 30]
    np.testing.assert_allclose(smooth(dance([*before, *after])).landmarks[30:], after, atol=0.01)


def test_a_body_that_is_away_for_a_frame_is_no_cut() -> None:
    landmarks = [waving(index / FPS) for index in range(60)]
    clean = smooth(dance(list(landmarks))).landmarks
    landmarks[30] = landmarks[30] + np.array([150, 0, 0, 0], np.float32)
    result = smooth(dance(landmarks))
    assert {pose.person_id for pose in result.poses if pose} == {1}
    assert np.abs(result.landmarks - clean).max() < 1.0


def test_a_few_frames_and_times_that_stand_still_are_borne() -> None:
    few = [standing(50 + index, 250, 200) for index in range(3)]
    np.testing.assert_allclose(smooth(dance(list(few))).landmarks, few, atol=1e-3)
    still = dance([waving(index / FPS) for index in range(30)])
    still.times_ns[10:13] = [still.times_ns[9]] * 3
    assert np.isfinite(smooth(still).landmarks).all() and len(smooth(still).landmarks) == 30


def test_the_true_joints_of_the_bundled_dance_survive_smoothing() -> None:
    """The truth itself, with jitter like the pose net's, comes back closer than it went in."""
    true = load_truth(ASSETS / "fan_dance.truth.npz")[:300]
    raw = np.ones((len(true), 33, 4), np.float32)
    for index, landmark in enumerate((11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)):
        raw[:, landmark, :2] = true[:, index]
    noisy = raw + np.random.default_rng(0).normal(0, 2.5, raw.shape).astype(np.float32) * [1, 1, 0, 0]
    smoothed = joints(smooth(dance(list(noisy.astype(np.float32)))).landmarks)
    error = np.linalg.norm(smoothed - true, axis=-1).mean()
    assert error < 0.85 * np.linalg.norm(joints(noisy) - true, axis=-1).mean()
