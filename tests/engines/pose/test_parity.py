"""The same landmarks as mediapipe's own pose solution, and the true joints."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.pose.detector import Detector
from engines.pose.landmarks import LandmarkNet
from tools.benchmarking.show.pose import against_truth

REPOSITORY = Path(__file__).resolve().parents[3]
FAN = REPOSITORY / "assets" / "fan_dance.mp4"
REAL = REPOSITORY / ".." / "shared" / "data" / "real"
CLIPS = [
    (FAN, (40, 300)),
    (REPOSITORY / "assets" / "player_train.mp4", (700, 2500)),
    (REAL / "sam2_juggle.mp4", (30, 150)),
    (REAL / "tfjs_pose_1.mp4", (20, 90)),
    (REAL / "terryky_yoga.mp4", (20, 100)),
    (REAL / "terryky_seniors5.mp4", (50, 330)),
]


@pytest.mark.parametrize(("path", "indices"), CLIPS, ids=lambda value: getattr(value, "stem", ""))
def test_landmarks_equal_mediapipes(
    path: Path, indices: tuple[int, ...], detector: Detector, landmark_net: LandmarkNet
) -> None:
    solution = pytest.importorskip("mediapipe.python.solutions.pose")
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    capture = cv2.VideoCapture(str(path))
    distances = []
    with solution.Pose(static_image_mode=True, model_complexity=1) as reference:
        for index in indices:
            capture.set(cv2.CAP_PROP_POS_FRAMES, index)
            read, frame = capture.read()
            assert read
            height, width = frame.shape[:2]
            expected = reference.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
            found = landmark_net(frame, detector(frame)[0].region)
            points = [(mark.x * width, mark.y * height) for mark in expected.pose_landmarks.landmark]
            distances.append(np.linalg.norm(found.landmarks[:, :2] - points, axis=1))
            visibility = [mark.visibility for mark in expected.pose_landmarks.landmark]
            np.testing.assert_allclose(found.landmarks[:, 3], visibility, atol=0.01)
            world = [(mark.x, mark.y, mark.z) for mark in expected.pose_world_landmarks.landmark]
            np.testing.assert_allclose(found.world, world, atol=0.01)
    capture.release()
    assert np.mean(distances) <= 0.1
    assert np.max(distances) <= 0.5


def test_the_live_tracker_finds_the_true_joints_of_the_fan() -> None:
    right, without, *_ = against_truth(FAN, FAN.with_suffix(".truth.npz"), 120, "auto")
    assert without.what == "frames without a pose" and without.figures["percent"] == 0
    assert right.figures["percent"] >= 95
