"""A tracker whose nets are made up."""

from __future__ import annotations

import pytest

from engines.pose.tracking import tracker as module
from engines.pose.tracking.tracker import PoseTracker
from tests.engines.pose.tracking.scene import FakeDetector, FakeNet, Scene


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    scene = Scene()
    monkeypatch.setattr(module, "Detector", lambda **_: FakeDetector(scene))
    monkeypatch.setattr(module, "LandmarkNet", lambda **_: FakeNet(scene))
    return scene


@pytest.fixture
def tracker(scene: Scene) -> PoseTracker:
    return PoseTracker(smoothing=None)
