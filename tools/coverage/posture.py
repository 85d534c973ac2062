"""Describes the posture in a frame, by the numbers in which a player's footage should vary.

Pure. Angles are in degrees, lengths in heights: the chain ears - shoulders - hips - knees - ankles in space,
with the pose net's depth, so that it stays about the same when the person squats or bends. Left and right are
the person's own. A number that the frame does not tell is nan.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.skeleton import DEPTH
from engines.skeleton import Landmark as L
from engines.time_units import NS_PER_MS

Floats = NDArray[np.float64]

SEEN = 0.3
"""A less visible joint tells nothing: the net gives hidden ones 0.1 to 0.5."""
SIDEWAYS = 0.06
"""With shoulders closer in the picture than this, in heights, the person is seen from the side."""
FACE_REACH = 1.45
"""How far the nose lies in front of the ears' middle, over half the distance of the ears."""
JUMP_WINDOW_NS, JUMP_HEIGHT = 350 * NS_PER_MS, 0.06
"""Feet are in the air if they are higher than their lowest point within the window before by this, in
heights; somebody walking away from a camera at 1.2 m rises half as fast."""

NAN = float("nan")


def fault(landmarks: NDArray[np.float32], frame_size: tuple[int, int]) -> str | None:
    """Why a frame with these landmarks (33, 4) is of no use to a player's footage, or None."""
    x, y, visibility = landmarks[:, 0], landmarks[:, 1], landmarks[:, 3]
    if not np.isfinite(landmarks).all() or visibility[L.LEFT_SHOULDER :].mean() < 0.5:
        return "mostly hidden"
    if x.min() < 0 or x.max() >= frame_size[0] or y.min() < 0 or y.max() >= frame_size[1]:
        return "cut off by the frame"
    return None


class Posture:
    """landmarks: (33, 4), pixels of a frame of `frame_size` (width, height). airborne: both feet are off the
    floor (a single frame cannot tell)."""

    def __init__(
        self, landmarks: NDArray[np.float32], frame_size: tuple[int, int], airborne: bool = False
    ) -> None:
        self._points = landmarks[:, :3] * np.array([1.0, 1.0, DEPTH])
        self._seen = landmarks[:, 3] >= SEEN
        self.frame_size = frame_size
        self.airborne = airborne
        self._hips = self._points[[L.LEFT_HIP, L.RIGHT_HIP]].mean(axis=0)
        self._shoulders = self._points[[L.LEFT_SHOULDER, L.RIGHT_SHOULDER]].mean(axis=0)
        self._ears = self._points[[L.LEFT_EAR, L.RIGHT_EAR]].mean(axis=0)
        legs = [
            self._length(L.LEFT_HIP + side, L.LEFT_KNEE + side)
            + self._length(L.LEFT_KNEE + side, L.LEFT_ANKLE + side)
            for side in (0, 1)
        ]
        self.height_px = max(
            float(np.linalg.norm(self._ears - self._shoulders))
            + float(np.linalg.norm(self._shoulders - self._hips))
            + max(legs),
            1.0,
        )

    @property
    def ankle_y(self) -> float:
        """The y of the lower ankle, pixels."""
        return float(self._points[[L.LEFT_ANKLE, L.RIGHT_ANKLE], 1].max())

    @property
    def hips_x(self) -> float:
        """The x of the middle of the hips, pixels."""
        return float(self._hips[0])

    def arm(self, side: int) -> float:
        """The upper arm in the picture: 0 hangs, 90 points to its side, 180 up, below 0 across the body.

        side: 0 left, 1 right. From -140 to 220. Where the person is seen from the side, out and across are
        the same.
        """
        if not self._sees(L.LEFT_SHOULDER + side, L.LEFT_ELBOW + side) or self.arm_ahead(side) > 60:
            return NAN
        dx, dy = self._offset(L.LEFT_SHOULDER + side, L.LEFT_ELBOW + side)[:2]
        span = self._offset(L.RIGHT_SHOULDER - side, L.LEFT_SHOULDER + side)[0]
        out = dx * np.sign(span) if abs(span) > SIDEWAYS * self.height_px else abs(dx)
        angle = float(np.degrees(np.arctan2(out, dy)))
        return angle + 360 if angle < -140 else angle

    def arm_ahead(self, side: int) -> float:
        """The upper arm out of the picture's plane, towards the camera or away: 0 in the plane, 90
        perpendicular."""
        if not self._sees(L.LEFT_SHOULDER + side, L.LEFT_ELBOW + side):
            return NAN
        offset = self._offset(L.LEFT_SHOULDER + side, L.LEFT_ELBOW + side)
        return float(np.degrees(np.arctan2(abs(offset[2]), np.hypot(*offset[:2]))))

    def elbow(self, side: int) -> float:
        """The angle between upper arm and forearm: 180 is straight."""
        return self._bend(L.LEFT_SHOULDER + side, L.LEFT_ELBOW + side, L.LEFT_WRIST + side)

    def thigh(self, side: int) -> float:
        """The thigh's angle from straight down: 90 is level."""
        if not self._sees(L.LEFT_HIP + side, L.LEFT_KNEE + side):
            return NAN
        offset = self._offset(L.LEFT_HIP + side, L.LEFT_KNEE + side)
        return _angle(offset, np.array([0.0, 1.0, 0.0]))

    def knee(self, side: int) -> float:
        """The angle between thigh and shin: 180 is straight."""
        return self._bend(L.LEFT_HIP + side, L.LEFT_KNEE + side, L.LEFT_ANKLE + side)

    def turn(self) -> float:
        """The torso's turn, from facing the camera to the person's left: -180 to 180."""
        across = self._offset(L.RIGHT_SHOULDER, L.LEFT_SHOULDER) + self._offset(L.RIGHT_HIP, L.LEFT_HIP)
        return float(np.degrees(np.arctan2(across[2], across[0])))

    def lean(self) -> float:
        """The torso's lean to the right of the picture: 0 is upright."""
        dx, dy = (self._shoulders - self._hips)[:2]
        return float(np.degrees(np.arctan2(dx, -dy)))

    def bow(self) -> float:
        """The torso's angle from upright, in space, to any side."""
        return _angle(self._shoulders - self._hips, np.array([0.0, -1.0, 0.0]))

    def head_turn(self) -> float:
        """The head's turn, from facing the camera to the person's left, by the nose's place between the ears;
        -180 to 180."""
        across = self._offset(L.RIGHT_EAR, L.LEFT_EAR)[0] / 2
        ahead = (self._points[L.NOSE, 0] - self._ears[0]) / FACE_REACH
        return float(np.degrees(np.arctan2(ahead, across)))

    def nod(self) -> float:
        """The head's nod downwards, by how much lower than the ears the nose is in the picture."""
        if abs(self.head_turn()) > 90:
            return NAN
        down = self._points[L.NOSE, 1] - self._ears[1]
        across = self._offset(L.RIGHT_EAR, L.LEFT_EAR)[0] / 2
        reach = np.hypot(across * FACE_REACH, self._points[L.NOSE, 0] - self._ears[0])
        return float(np.degrees(np.arctan2(down, max(float(reach), 1e-6))))

    def hips_height(self) -> float:
        """The hips' height above the lower ankle, in heights: about 0.52 when standing."""
        return (self.ankle_y - float(self._hips[1])) / self.height_px

    def size(self) -> float:
        """The person's height over the frame's."""
        return self.height_px / self.frame_size[1]

    def across(self) -> float:
        """The hips' place across the frame, 0 left to 1 right in the picture."""
        return self.hips_x / self.frame_size[0]

    def feet(self) -> float:
        """The distance of the ankles, in heights; below 0 where they are crossed in the picture."""
        if not self._sees(L.LEFT_ANKLE, L.RIGHT_ANKLE):
            return NAN
        offset = self._offset(L.RIGHT_ANKLE, L.LEFT_ANKLE)
        hips = self._offset(L.RIGHT_HIP, L.LEFT_HIP)[0]
        sideways = abs(hips) < SIDEWAYS * self.height_px
        crossed = not sideways and offset[0] * hips < 0 and abs(offset[0]) > 0.04 * self.height_px
        distance = float(np.linalg.norm(offset)) / self.height_px
        return -distance if crossed else distance

    def hand_to(self, side: int, *joints: L) -> float:
        """From the wrist to the middle of `joints`, in heights, in the picture."""
        if not self._sees(L.LEFT_WRIST + side, *joints):
            return NAN
        place = self._points[list(joints)].mean(axis=0)
        return float(np.hypot(*(self._points[L.LEFT_WRIST + side] - place)[:2])) / self.height_px

    def _sees(self, *joints: int) -> bool:
        return bool(self._seen[list(joints)].all())

    def _offset(self, start: int, end: int) -> Floats:
        return self._points[end] - self._points[start]

    def _length(self, start: int, end: int) -> float:
        return float(np.linalg.norm(self._offset(start, end)))

    def _bend(self, start: int, middle: int, end: int) -> float:
        if not self._sees(start, middle, end):
            return NAN
        return _angle(self._offset(middle, start), self._offset(middle, end))


def _angle(one: Floats, other: Floats) -> float:
    """The angle between two vectors, 0 to 180; nan where one has no length."""
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.degrees(np.arccos(np.clip(one @ other / lengths, -1, 1)))) if lengths > 0 else NAN
