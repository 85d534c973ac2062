"""Hands and face of the person whose pose is known, frame after frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.extras import FACE_MESH, FACE_PART, LEFT_HAND, POINTS, RIGHT_HAND
from engines.pose.device_frame import Frame
from engines.pose.face import FaceNet, face_tracker
from engines.pose.hands import HandNet, PalmDetector, hand_tracker
from engines.pose.region import Region
from engines.skeleton import Landmark as L

SAME_HAND = 0.25
"""Two hands are one where their landmarks lie apart by less than this share of its size, on average."""

Floats = NDArray[np.float32]


class Extras:
    """Finds one person's hands and face. One instance serves one thread."""

    def __init__(self, *, backend: str = "auto", threads: int = 1, search_every: int = 1) -> None:
        """search_every: the palm detector looks for a hand that is not where its arm points on every so many
        frames without it: 1 finds most, more costs less."""
        hands = HandNet(backend=backend, threads=threads)
        palms = PalmDetector(backend=backend, threads=threads)
        face = FaceNet(backend=backend, threads=threads)
        self.backend = hands.backend
        self._nets = (hands, palms, face)
        self._left = hand_tracker(hands, palms, right=False, search_every=search_every)
        self._right = hand_tracker(hands, palms, right=True, search_every=search_every)
        self._face = face_tracker(face)

    def warm_up(self, frame: Frame) -> None:
        """Runs every net once, so that the first hand is not kept waiting. frame: as for a call."""
        middle = Region(frame.shape[1] / 2, frame.shape[0] / 2, frame.shape[0] / 4, 0.0)
        for net in self._nets:
            net(frame, middle)

    def reset(self) -> None:
        """Forgets the last frame: the next one may show another person."""
        for tracker in (self._left, self._right, self._face):
            tracker.reset()

    def __call__(self, frame: Frame, pose: Floats | None) -> Floats:
        """(engines.extras.POINTS, 4) float32: x, y in pixels of the frame, z in the same scale, confidence
        0..1; zeros where a part is not seen.

        frame: (H, W, 3) uint8 BGR; pose: the (33, 4) landmarks of the same moment in its pixels, or None
        where nobody was found.
        """
        result = np.zeros((POINTS, 4), np.float32)
        if pose is None:
            self.reset()
            return result
        left, right, face = (tracker(frame, pose) for tracker in (self._left, self._right, self._face))
        if left is not None and right is not None and is_same_hand(left, right):
            if _to_wrist(left, pose[L.LEFT_WRIST]) <= _to_wrist(right, pose[L.RIGHT_WRIST]):
                right = None
                self._right.reset()
            else:
                left = None
                self._left.reset()
        if left is not None:
            result[LEFT_HAND] = left
        if right is not None:
            result[RIGHT_HAND] = right
        if face is not None:
            result[FACE_PART] = face[list(FACE_MESH)]
        return result


def is_same_hand(left: Floats, right: Floats) -> bool:
    """Whether two hands (21, 4) are one that both trackers follow, which happens where hands touch."""
    apart = np.linalg.norm(left[:, :2] - right[:, :2], axis=1).mean()
    size = max(np.ptp(hand[:, :2], axis=0).max() for hand in (left, right))
    return bool(apart < SAME_HAND * size)


def _to_wrist(hand: Floats, wrist: Floats) -> float:
    """How far the hand's own wrist lies from where the pose, one of its landmarks (4,), has it, pixels."""
    return float(np.linalg.norm(hand[0, :2] - wrist[:2]))
