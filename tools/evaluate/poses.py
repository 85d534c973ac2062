"""Reads poses back from pictures, and scores them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.body import joint
from engines.pose.detector import Detector
from engines.pose.tracking.tracker import PoseTracker
from engines.skeleton import Landmark
from tools.evaluate.sampling import finite
from tools.scores.pck import correct, joints, torso_px
from tools.scores.pictures import Picture

PCK = {share: f"pck_{share}_torso_mean" for share in (0.1, 0.2)}
"""TABLE of the largest distances that count as correct, in torsos → name in the report."""
JERK, DRIVING_JERK = "jerk_torso_mean", "driving_jerk_torso_mean"
FRAME_NS = 33_333_333

Floats = NDArray[np.float32]


class PoseReader:
    """Reads poses back from consecutive pictures, and scores them against the true joints.

    "redetected": whether the detector alone, without memory, finds someone whose hips lie within `near_px` of
    the driving hips. PCK: the tracker, unsmoothed, over consecutive pictures. Jerk: of the tracked poses and
    of the driving ones.
    """

    def __init__(self, backend: str, near_px: float) -> None:
        self._detector = Detector(backend=backend)
        self._tracker = PoseTracker(backend=backend, smoothing=None)
        self._near_px = near_px
        self._found: list[bool] = []
        self._right: dict[float, list[NDArray[np.bool_]]] = {share: [] for share in PCK}
        self._tracks: list[list[tuple[Floats, Floats]]] = []
        self.backend = self._tracker.backend

    def reset(self) -> None:
        """Call it when the next picture does not follow the last one; the scores so far are kept."""
        self._tracker.reset()
        self._tracks.append([])

    def add(self, picture: Picture, driving: Floats, true: Floats | None = None) -> None:
        """driving: (33, 4), pixels of `picture`. true: (12, 2), the joints to be found; None: the driving
        ones. Where nobody is tracked, every joint is a miss."""
        drive = joints(driving)
        true = drive if true is None else true
        hips = joint(driving, (Landmark.LEFT_HIP, Landmark.RIGHT_HIP))[:2]
        places = [detection.keypoints[0] for detection in self._detector(picture)]
        self._found.append(any(np.linalg.norm(place - hips) <= self._near_px for place in places))
        pose = self._tracker(picture, len(self._found) * FRAME_NS)
        found = joints(pose.landmarks) if pose is not None else np.full_like(true, np.nan)
        for share, right in self._right.items():
            right.append(correct(found, true, share))
        if not self._tracks:
            self.reset()
        self._tracks[-1].append((found, drive))

    @property
    def count(self) -> int:
        return len(self._found)

    def result(self) -> dict[str, float | None]:
        found, driving = self._jerks()
        return {
            "redetected_share": finite(float(np.mean(self._found))),
            **{PCK[share]: finite(float(np.mean(right))) for share, right in self._right.items()},
            JERK: found,
            DRIVING_JERK: driving,
        }

    def _jerks(self) -> tuple[float | None, float | None]:
        """Mean jerk of the joints found and of the driving ones, over the same joints and frames."""
        both = [
            np.stack([jerk(np.stack(joints_of_one)) for joints_of_one in zip(*track, strict=True)])
            for track in self._tracks
            if len(track) > 3
        ]
        values = np.concatenate(both, axis=1) if both else np.zeros((2, 0, 12), np.float32)
        measured = values[:, np.isfinite(values).all(axis=0)]
        if not measured.size:
            return None, None
        found, driving = measured.mean(axis=1)
        return finite(float(found)), finite(float(driving))


def jerk(track: Floats) -> Floats:
    """(T, 12, 2) joints of consecutive frames → (T - 3, 12): the lengths of their third differences, in
    torsos a cubic frame; NaN where a joint was not found."""
    torso = np.nanmean(torso_px(track)) if np.isfinite(track).any() else np.nan
    return np.asarray(np.linalg.norm(np.diff(track, n=3, axis=0), axis=-1) / torso)
