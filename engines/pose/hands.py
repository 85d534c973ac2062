"""The 21 landmarks of a hand, in a region that the arm tells, and the palm detector for where it is wrong.

Constants are those of MediaPipe 0.10.21, modules/holistic_landmark, hand_landmark and palm_detection, as
expanded in its wheel, but where said. Which hand it is, the arm tells: the net's own handedness is not used.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from engines.pose.convert import load_net
from engines.pose.detector import anchors, decode, suppress
from engines.pose.device_frame import Frame
from engines.pose.eye import open_eye
from engines.pose.part import Agreement, PartNet, PartSource, PartTracker
from engines.pose.region import Region, normalized
from engines.pose.tflite_net import ImageNet
from engines.skeleton import Landmark as L

SOURCE = PartSource("hand_landmark_full", size=224, count=21, depth=0.4, flag_is_logit=False)
SEARCH_SCALE, SEARCH_SHIFT = 2.7, -0.1
"""scale_x and shift_y of handlandmarksfromposetorecroproi: where the graph looks for the hand with a net that
is not used here (hand_recrop)."""
POSE_SCALE, POSE_SHIFT = 1.7, 0.0
"""The same for a region that the landmark net is shown at once. Not MediaPipe's: shown
the graph's larger region at once, the net saw fewer hands."""
OWN_SCALE, OWN_SHIFT = 2.0, -0.1
"""scale_x and shift_y of handlandmarklandmarkstoroi."""
PALM_SCALE, PALM_SHIFT = 2.6, -0.5
"""scale_x and shift_y of palmdetectiondetectiontoroi."""
MIN_VISIBILITY = 0.1
"""Of the wrist: handvisibilityfromhandlandmarksfrompose."""
MIN_PX = 12.0
"""Of 71 hands in frames scaled down until they were so large, the net still saw 94 %, with landmarks off by
7 % of the hand's size, about a finger's width (median); at 8 pixels 65 %, off by 12 %."""
AGREEMENT = Agreement(farthest=0.5, largest=2.5)
"""Wide: where a hand points at the camera, the arm's region is small and beside it."""

PALM_SIZE = 192
PALM_STRIDES = ((8, 2), (16, 6))
"""As `detector.STRIDES`: the options' 8, 16, 16, 16 make 2016 anchors."""
PALM_REACH = 2.6
"""Side of the square that the palm detector is shown, over that of the arm's region."""
MIN_SCORE = 0.5

_RIM = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
"""Landmarks of the palm and the fingers' lower joints, the box's source in HandLandmarksToRectCalculator."""
_WRIST, _INDEX, _MIDDLE, _RING = 0, 5, 9, 13

Floats = NDArray[np.float32]


class HandNet(PartNet):
    """(21, 4) landmarks of the hand in a region, in MediaPipe's order; see `PartNet`."""

    def __init__(self, *, backend: str = "auto", threads: int = 1) -> None:
        super().__init__(SOURCE, backend=backend, threads=threads)


class PalmDetector:
    """Hands near a region, the surest first, as regions for `HandNet`. One instance serves one thread."""

    def __init__(self, *, backend: str = "auto", threads: int = 1) -> None:
        module = ImageNet(load_net("palm_detection_full"), 0.0, 1.0)
        self._eye = open_eye(
            module, PALM_SIZE, ["boxes", "scores"], replicate=False, backend=backend, threads=threads
        )
        self._anchors = anchors(PALM_SIZE, PALM_STRIDES)
        self._min_logit = float(np.log(MIN_SCORE / (1 - MIN_SCORE)))

    def __call__(self, frame: Frame, near: Region) -> list[Region]:
        """frame: (H, W, 3) uint8 BGR; near: the region that an arm tells, in its pixels."""
        return self.look(frame, Region(near.x, near.y, near.side * PALM_REACH, 0.0))

    def look(self, frame: Frame, square: Region) -> list[Region]:
        """Hands in an upright square of the frame."""
        outputs = self._eye(frame, square.to_frame(PALM_SIZE))
        boxes = np.asarray(outputs["boxes"], np.float32)[0]
        logits = np.asarray(outputs["scores"], np.float32)[0, :, 0]
        points, scores = decode(boxes, logits, self._anchors, self._min_logit, PALM_SIZE)
        points = (points - np.float32(0.5)) * np.float32(square.side)
        points += np.array([square.x, square.y], np.float32)
        return [from_palm(found.box, found.keypoints) for found in suppress(points, scores)]


def hand_tracker(net: HandNet, palms: PalmDetector, *, right: bool, search_every: int = 1) -> PartTracker:
    """The tracker of a person's left or right hand. See `PartTracker`."""
    return PartTracker(
        net,
        partial(from_arm, right=right),
        from_landmarks,
        min_px=MIN_PX,
        agreement=AGREEMENT,
        search=palms,
        search_every=search_every,
    )


def from_arm(
    pose: Floats, *, right: bool, scale: float = POSE_SCALE, shift: float = POSE_SHIFT
) -> Region | None:
    """The region where a pose, (33, 4) landmarks, has a hand (HandDetectionsFromPoseToRectsCalculator).

    None where the wrist is not visible or a landmark is not finite.
    """
    points = pose[[L.LEFT_WRIST + right, L.LEFT_PINKY + right, L.LEFT_INDEX + right]].astype(float)
    if not np.isfinite(points).all() or points[0, 3] < MIN_VISIBILITY:
        return None
    wrist, pinky, index = points[:, :2]
    middle = (2 * index + pinky) / 3
    length = math.hypot(*(middle - wrist))
    return Region.scaled(
        (middle[0], middle[1]), (2 * length, 2 * length), _upwards(wrist, middle), scale=scale, shift=shift
    )


def from_landmarks(hand: Floats) -> Region:
    """The region about a hand's own landmarks (21, 4) (HandLandmarksToRectCalculator)."""
    points = hand[:, :2].astype(float)
    angle = _upwards(points[_WRIST], (points[_INDEX] + points[_RING]) / 4 + points[_MIDDLE] / 2)
    cos, sin = math.cos(angle), math.sin(angle)
    back = np.array([[cos, -sin], [sin, cos]])  # for row vectors: takes the angle back
    turned = points[list(_RIM)] @ back
    low, high = turned.min(axis=0), turned.max(axis=0)
    x, y = back @ ((low + high) / 2)
    width, height = high - low
    return Region.scaled((x, y), (width, height), angle, scale=OWN_SCALE, shift=OWN_SHIFT)


def from_palm(box: Floats, keypoints: Floats) -> Region:
    """The region about a palm found: box (4,) x0, y0, x1, y1; keypoints (7, 2), of which the first is the
    wrist's and the third the middle finger's."""
    x0, y0, x1, y1 = (float(value) for value in box)
    angle = _upwards(keypoints[0].astype(float), keypoints[2].astype(float))
    return Region.scaled(
        ((x0 + x1) / 2, (y0 + y1) / 2), (x1 - x0, y1 - y0), angle, scale=PALM_SCALE, shift=PALM_SHIFT
    )


def _upwards(start: NDArray[np.float64], end: NDArray[np.float64]) -> float:
    """The angle of a region in which `start` → `end` points up."""
    dx, dy = end - start
    return normalized(math.pi / 2 - math.atan2(-dy, dx))
