"""Nets and frames that the pose tests share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pose.detector import Detector
from engines.pose.landmarks import LandmarkNet
from engines.pose.tracking.tracker import PoseTracker

REPOSITORY = Path(__file__).resolve().parents[3]
FAN = REPOSITORY / "assets" / "fan_dance.mp4"


@pytest.fixture(scope="session")
def detector() -> Detector:
    return Detector()


@pytest.fixture(scope="session")
def landmark_net() -> LandmarkNet:
    return LandmarkNet()


@pytest.fixture(scope="session")
def compiled_tracker() -> PoseTracker:
    return PoseTracker()


@pytest.fixture
def real_tracker(compiled_tracker: PoseTracker) -> PoseTracker:
    """The tracker with the real nets, which knows nobody yet."""
    compiled_tracker.follow(None)
    compiled_tracker.reset()
    return compiled_tracker


@pytest.fixture(scope="session")
def fan_frames() -> list[NDArray[np.uint8]]:
    """The first 31 frames of the bundled fan clip, (720, 1280, 3) BGR, 30 a second."""
    pytest.importorskip("av")
    from tools.footage.video import VideoReader

    reader = VideoReader(FAN)
    frames = [frame for _, (_, frame) in zip(range(31), reader, strict=False)]
    reader.close()
    return frames
