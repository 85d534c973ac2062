from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.pose.tracking.tracker import PoseTracker
from tools.evaluate.poses import DRIVING_JERK, JERK, PCK, PoseReader, jerk
from tools.footage.video import VideoReader
from tools.scores.pck import joints

ASSETS = Path(__file__).resolve().parents[3] / "assets"


def test_jerk_is_the_third_difference_in_torsos() -> None:
    t = np.arange(6, dtype=np.float32)
    track = np.zeros((6, 12, 2), np.float32)
    track[:, 6:, 1] = 50  # the torso
    track[:, 3, 0] = 10 * t**3  # its third difference is 60
    track[:, 4, 0] = 10 * t**2 - t
    measured = jerk(track)
    assert measured.shape == (3, 12)
    assert measured[:, 3] == pytest.approx(60 / 50) and measured[:, 4] == pytest.approx(0, abs=1e-4)
    track[2, 5] = np.nan
    assert np.isnan(jerk(track)[:, 5]).all() and np.isfinite(jerk(track)[:, 4]).all()


def test_poses_are_read_back_from_the_recording_itself() -> None:
    video = VideoReader(ASSETS / "fan_dance.mp4")
    frames = [picture for (_, picture), _ in zip(video, range(6), strict=False)]
    video.close()
    tracker = PoseTracker(backend="torch")
    driving = [tracker(frame, index * 33_333_333).landmarks for index, frame in enumerate(frames)]
    reader = PoseReader("torch", 60)
    reader.reset()
    for frame, pose in zip(frames[:5], driving, strict=False):
        reader.add(frame, pose)
    result = reader.result()
    assert reader.count == 5 and result["redetected_share"] == 1
    assert result[PCK[0.1]] > 0.95 and result[PCK[0.2]] == 1
    assert 0 <= result[JERK] < 0.3 and 0 <= result[DRIVING_JERK] < 0.3
    far = joints(driving[5]) + 200
    reader.add(frames[5], driving[5], far)
    assert reader.result()[PCK[0.2]] == pytest.approx(5 / 6, abs=1e-3), "judged by the true joints"
    reader.reset()
    reader.add(np.zeros_like(frames[0]), driving[0])
    assert reader.result()["redetected_share"] == pytest.approx(6 / 7, abs=1e-3)
