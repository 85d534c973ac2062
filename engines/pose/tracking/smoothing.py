"""Smooths a person's landmarks from frame to frame."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from engines.pose.landmarks import RawPose
from engines.pose.tracking.one_euro import LowPassFilter, OneEuroFilter


class Smoothing(NamedTuple):
    """How landmarks are smoothed: the parameters of a One-Euro filter (`OneEuroFilter`), and how far ahead
    the landmarks are predicted, seconds."""

    min_cutoff: float
    beta: float
    derivative_cutoff: float = 1.0
    lead_s: float = 0.0


MEDIAPIPE = Smoothing(0.05, 80.0)
"""As in MediaPipe's pose_landmark_filtering."""
LIVE = Smoothing(1.5, 15.0, lead_s=0.02)
"""The least jitter with at most half a frame of lag, at 30 pictures a second: see docs/motion.md."""


class PoseFilters:
    """MediaPipe's pose_landmark_filtering, with real timestamps and parameters of your choice."""

    def __init__(self, smoothing: Smoothing) -> None:
        self._landmarks = OneEuroFilter(*smoothing[:3])
        self._lead_s = smoothing.lead_s
        self._world = OneEuroFilter(0.1, 40.0)
        self._visibility = LowPassFilter(0.1)

    def reset(self) -> None:
        self._landmarks.reset()
        self._world.reset()
        self._visibility.reset()

    def __call__(self, raw: RawPose, t_ns: int, scale: float) -> RawPose:
        """scale: 1 / the diameter of the body's circle in pixels."""
        landmarks = np.empty_like(raw.landmarks)
        landmarks[:, :3] = self._landmarks(raw.landmarks[:, :3], t_ns, scale)
        if self._lead_s:
            landmarks[:, :3] = self._landmarks.ahead(self._lead_s)
        landmarks[:, 3] = self._visibility(raw.landmarks[:, 3])
        return replace(raw, landmarks=landmarks, world=self._world(raw.world, t_ns))
