"""The 468 landmarks of a face, in a region that the pose tells.

Constants are those of MediaPipe 0.10.21, modules/face_landmark, as expanded in its wheel, but where said.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engines.pose.part import Agreement, PartNet, PartSource, PartTracker
from engines.pose.region import Region
from engines.skeleton import Landmark as L

SOURCE = PartSource("face_landmark", size=192, count=468, depth=1.0, flag_is_logit=True)
OWN_SCALE = 1.5
"""scale_x of facelandmarklandmarkstoroi."""
POSE_SCALE = 2.1
"""Side of the first region over that of the box about the pose's 11 landmarks of the head. Not MediaPipe's,
which searches three times that box with a detector of its own: on four clips the face's own region came out
2.07 times as large (1.8 to 2.2 for four faces of five), with no shift, and the net saw the face in 185 of 187
such regions."""
MIN_PX = 16.0
"""Of 41 faces in frames scaled down until they were so large, the net still saw 88 %, with landmarks off by
4 % of the face's size (median); at 10 pixels 56 %, off by 6 %."""
AGREEMENT = Agreement(farthest=0.12, largest=1.35)
"""Measured on the same clips: for 19 faces of 20 the distance is 0.1 at most, and the region 0.78 to 1.21
times as large. Without such limits the net, shown its own last region, can shrink into the lower face."""
_RIGHT_EYE, _LEFT_EYE = 33, 263
"""The eyes' outer corners in the face's landmarks."""
_HEAD = slice(L.NOSE, L.RIGHT_MOUTH + 1)

Floats = NDArray[np.float32]


class FaceNet(PartNet):
    """(468, 4) landmarks of the face in a region, in MediaPipe's order; see `PartNet`."""

    def __init__(self, *, backend: str = "auto", threads: int = 1) -> None:
        super().__init__(SOURCE, backend=backend, threads=threads)


def face_tracker(net: FaceNet) -> PartTracker:
    """The tracker of a person's face. See `PartTracker`."""
    return PartTracker(net, from_head, from_landmarks, min_px=MIN_PX, agreement=AGREEMENT)


def from_head(pose: Floats) -> Region | None:
    """The region where a pose, (33, 4) landmarks, has a face. None where the head shows its back, or a
    landmark is not finite."""
    head = pose[_HEAD, :2].astype(float)
    if not np.isfinite(head).all() or not shows_face(pose):
        return None
    low, high = head.min(axis=0), head.max(axis=0)
    across = pose[L.LEFT_EYE, :2].astype(float) - pose[L.RIGHT_EYE, :2]
    x, y = (low + high) / 2
    size = float((high - low).max())
    return Region.scaled((x, y), (size, size), math.atan2(across[1], across[0]), scale=POSE_SCALE)


def shows_face(pose: Floats) -> bool:
    """Whether the head's front is seen: with the mouth below, the person's left eye is at the right of the
    right one. It holds for a head at any angle in the picture. pose: (33, 4) landmarks."""
    eyes = pose[[L.LEFT_EYE, L.RIGHT_EYE], :2].astype(float)
    mouth = pose[[L.LEFT_MOUTH, L.RIGHT_MOUTH], :2].astype(float).mean(axis=0)
    (ax, ay), (bx, by) = eyes[0] - eyes[1], mouth - eyes.mean(axis=0)
    return bool(ax * by - ay * bx > 0)


def from_landmarks(face: Floats) -> Region:
    """The region about a face's own landmarks (468, 4) (DetectionsToRectsCalculator)."""
    points = face[:, :2].astype(float)
    low, high = points.min(axis=0), points.max(axis=0)
    x, y = (low + high) / 2
    width, height = high - low
    across = points[_LEFT_EYE] - points[_RIGHT_EYE]
    return Region.scaled((x, y), (width, height), math.atan2(across[1], across[0]), scale=OWN_SCALE)
