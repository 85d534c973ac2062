"""A scene of people made up by their places, and fakes of the nets that see it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pose.detector import Detection, Window
from engines.pose.landmarks import PersonMask, RawPose
from engines.pose.region import Region
from engines.pose.tracking import tracker as module
from engines.pose.tracking.tracker import Pose, PoseTracker

FRAME = np.zeros((480, 640, 3), np.uint8)
FRAME_NS = 33_333_333


class Scene:
    """People by where their hips are; the fakes below see what is in it. Their circles are 160 px wide."""

    def __init__(self) -> None:
        self.people: dict[float, float] = {}  # x of the hips → the detector's score
        self.flag = 1.0
        self.close_people: dict[float, float] = {}  # whom only a close look shows
        self.prefers: float | None = None  # x of whom the landmark net takes, wherever he is in a region
        self.poison = False
        self.cut_below = 0.0  # regions of a smaller side cut the person's mask
        self.detections = 0
        self.landmark_runs = 0
        self.t_ns = 0

    def step(self, tracker: PoseTracker, frames: int = 1) -> Pose | None:
        for _ in range(frames):
            pose = tracker(FRAME, self.t_ns)
            self.t_ns += FRAME_NS
        return pose


class FakeDetector:
    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def __call__(self, frame: NDArray[np.uint8], window: Window | None = None) -> list[Detection]:
        self.scene.detections += 1
        found = []
        near = {} if window is None else self.scene.close_people
        for x, score in {**self.scene.people, **near}.items():
            if window is not None and abs(x - window.x) > window.side / 2:
                continue
            points = np.array([[x, 240], [x, 160], [x, 200], [x, 180]], np.float32)
            found.append(Detection(np.zeros(4, np.float32), points, score))
        return found


class FakeNet:
    backend = "fake"

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def __call__(self, frame: NDArray[np.uint8], region: Region) -> RawPose:
        self.scene.landmark_runs += 1
        near = [x for x in self.scene.people if abs(x - region.x) < region.side / 2]
        if self.scene.prefers is not None and abs(self.scene.prefers - region.x) < 0.55 * region.side / 2:
            near = [self.scene.prefers]
        flag = self.scene.flag if near else 0.0
        x = min(near, key=lambda x: abs(x - region.x)) if near else region.x
        landmarks = np.full((33, 4), x, np.float32)
        landmarks[:, 1] = 220
        landmarks[[23, 24], 1] = 240
        landmarks[[11, 12], 1] = 200
        if self.scene.poison:
            landmarks[3, 1] = np.nan
        aux = np.array([[x, 240], [x, 160]], np.float32)
        logits = np.full((256, 256), 10 if region.side < self.scene.cut_below else -10, np.float32)
        mask = PersonMask(logits, region.to_frame(256)) if self.scene.cut_below else None
        return RawPose(landmarks, np.zeros((33, 3), np.float32), aux, flag, mask)


def put_before_nets(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on each tracker's nets see this scene."""
    monkeypatch.setattr(module, "Detector", lambda **_: FakeDetector(scene))
    monkeypatch.setattr(module, "LandmarkNet", lambda **_: FakeNet(scene))
