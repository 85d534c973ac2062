"""A tracker whose nets are made up."""

from __future__ import annotations

import pytest

from engines.pose.tracking.tracker import PoseTracker
from tests.engines.pose.tracking.scene import Scene, put_before_nets


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    scene = Scene()
    put_before_nets(scene, monkeypatch)
    return scene


@pytest.fixture
def tracker(scene: Scene) -> PoseTracker:
    return PoseTracker(smoothing=None)
