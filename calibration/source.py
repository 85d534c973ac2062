"""Where the fan stands, how large he looks and how his body is built: known beforehand or learned live."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.body import ankle_line, standing_height
from engines.body import BONES, Body, height_at
from engines.skeleton import Landmark as L

MIDDLE_HIPS = 33
"""Points are the 33 landmarks and the middles of hips, shoulders and ears: (36, 4)."""


@dataclass(frozen=True)
class View:
    """The fan at one moment.

    height_px: standing height, ears to ankles, in his frame's pixels. bones: each of `BONES` as a share
    of it. nearness: 0 (far) to 1 (near), where between the player's stances he goes. offset_x: how far
    right of his place's middle, in his heights. jump: how far his lower foot is off the floor, in heights.
    """

    height_px: float
    bones: NDArray[np.float64]
    nearness: float
    offset_x: float
    jump: float


class Floor:
    """The y of the floor under a person's feet: the lower ankle of the last second or so.

    It follows a foot down within a fraction of a second, and rises slowly, so that a jump stays a jump
    while a step back is followed. Units: pixels; `height_px` scales the rates.
    """

    FALL, RISE = 1.5, 0.12
    """Heights a second."""

    def __init__(self) -> None:
        self.y: float | None = None

    def update(self, ankle_y: float | None, height_px: float, dt_s: float) -> float:
        """Returns how far above the floor the foot is, pixels; 0 while no foot is seen."""
        if ankle_y is None:
            return 0.0
        if self.y is None:
            self.y = ankle_y
        low, high = self.y - self.RISE * height_px * dt_s, self.y + self.FALL * height_px * dt_s
        self.y = min(max(ankle_y, low), high)
        return max(0.0, self.y - ankle_y)


class Source(ABC):
    """Gives the `View` of the fan for each frame's points (36, 4) and which of them are present."""

    @abstractmethod
    def update(
        self,
        points: NDArray[np.float64],
        present: NDArray[np.bool_],
        frame_size: tuple[int, int],
        dt_s: float,
    ) -> View: ...

    @abstractmethod
    def reset(self) -> None: ...


class FixedSource(Source):
    """A fan whose body was measured from the whole clip: for finished videos.

    A fan who stays in place is not spread over the player's whole depth: his range from far to near counts
    as at least as wide as the player's, in heights.
    """

    def __init__(self, body: Body, player: Body) -> None:
        self._body = body
        depth = (player.near.ankle_y - player.far.ankle_y) / player.near.height
        self._span_px = max(body.near.ankle_y - body.far.ankle_y, depth * body.near.height, 1.0)
        self._bones = np.array([body.bones[name] for name in BONES])
        self.reset()

    def reset(self) -> None:
        self._floor = Floor()

    def update(
        self,
        points: NDArray[np.float64],
        present: NDArray[np.bool_],
        frame_size: tuple[int, int],
        dt_s: float,
    ) -> View:
        near, far = self._body.near, self._body.far
        jump_px = self._floor.update(_ankle(points, present), near.height, dt_s)
        floor_y = self._floor.y if self._floor.y is not None else near.ankle_y
        height_px = float(height_at(near, far, np.array(floor_y)))
        nearness = 0.5 + (floor_y - (near.ankle_y + far.ankle_y) / 2) / self._span_px
        low, high = self._body.x_range
        offset = (points[MIDDLE_HIPS, 0] - (low + high) / 2) / height_px
        return View(height_px, self._bones, min(max(nearness, 0.0), 1.0), float(offset), jump_px / height_px)


class AdaptiveSource(Source):
    """A fan nobody measured: starts from the player's own proportions and learns the fan's on the way.

    Lengths follow what is seen quickly upwards and slowly downwards, since foreshortening only ever makes
    a bone look shorter. The place's middle follows slowly, so that a fan who stands off centre does not
    leave the player at the edge.
    """

    HEIGHT_UP_S, HEIGHT_DOWN_S = 0.4, 4.0
    BONE_UP_S, BONE_DOWN_S = 1.5, 12.0
    MIDDLE_S, DISTANCE_S = 20.0, 20.0
    BONE_BOUNDS = (0.7, 1.4)
    """A bone's share of the height, over the player's."""
    FIRST_S = 1.0
    """No bone is learned faster than this; down, a new fan's at first about as fast as he has been seen."""

    def __init__(self, player: Body) -> None:
        self._prior = np.array([player.bones[name] for name in BONES])
        self.reset()

    def reset(self) -> None:
        self._floor = Floor()
        self._bones = self._prior.copy()
        self._height_px: float | None = None
        self._usual_height_px = 0.0
        self._middle_x: float | None = None
        self._age_s = 0.0

    def update(
        self,
        points: NDArray[np.float64],
        present: NDArray[np.bool_],
        frame_size: tuple[int, int],
        dt_s: float,
    ) -> View:
        seen = self._seen_height(points, present)
        if self._height_px is None:
            self._height_px = self._usual_height_px = max(seen, 1.0)
        elif seen > 0:
            bounded = float(np.clip(seen, self._height_px / 2, self._height_px * 2))
            time_s = self.HEIGHT_UP_S if bounded > self._height_px else self.HEIGHT_DOWN_S
            self._height_px += _share(dt_s, time_s) * (bounded - self._height_px)
            self._usual_height_px += _share(dt_s, self.DISTANCE_S) * (self._height_px - self._usual_height_px)
        self._learn_bones(points, present, dt_s)
        x = float(points[MIDDLE_HIPS, 0])
        if self._middle_x is None:
            self._middle_x = (x + frame_size[0] / 2) / 2
        self._middle_x += _share(dt_s, self.MIDDLE_S) * (x - self._middle_x)
        jump_px = self._floor.update(_ankle(points, present), self._height_px, dt_s)
        # A fan who looks a fifth larger than usual has come near; a sixth smaller, he has gone far.
        nearness = 0.5 + 2.5 * float(np.log(self._height_px / self._usual_height_px))
        return View(
            height_px=self._height_px,
            bones=self._bones,
            nearness=float(np.clip(nearness, 0, 1)),
            offset_x=(x - self._middle_x) / self._height_px,
            jump=jump_px / self._height_px,
        )

    def _seen_height(self, points: NDArray[np.float64], present: NDArray[np.bool_]) -> float:
        """The standing height, pixels; from the torso alone while no leg is seen; 0 without a torso."""
        legs = ([L.LEFT_HIP, L.LEFT_KNEE, L.LEFT_ANKLE], [L.RIGHT_HIP, L.RIGHT_KNEE, L.RIGHT_ANKLE])
        if any(present[leg].all() for leg in legs) and present[[L.LEFT_EAR, L.RIGHT_EAR]].all():
            return float(standing_height(points[:33].astype(np.float32)))
        torso = np.linalg.norm(points[34, :2] - points[33, :2])
        return float(torso / self._bones[list(BONES).index("torso")])

    def _learn_bones(self, points: NDArray[np.float64], present: NDArray[np.bool_], dt_s: float) -> None:
        """Follows the longer of the left and the right bone, where both of its ends are seen."""
        lengths = np.hypot(*(_BONE_OFFSETS @ np.where(present[:33, None], points[:33, :2], 0)).T)
        seen = ~(_BONE_POINTS & ~present[:33]).any(axis=1)
        longest = np.where(seen, lengths, 0).reshape(2, -1).max(axis=0)
        low, high = (self._prior * bound for bound in self.BONE_BOUNDS)
        shares = np.clip(longest / self._height_px, low, high)
        self._age_s += dt_s
        up = _share(dt_s, self.BONE_UP_S)
        down = _share(dt_s, min(self.BONE_DOWN_S, max(self.FIRST_S, self._age_s)))
        step = np.where(shares > self._bones, up, down) * (shares - self._bones)
        self._bones = self._bones + np.where(seen.reshape(2, -1).any(axis=0), step, 0)


def _bone_offsets() -> NDArray[np.float64]:
    """(2 * bones, 33): what times the landmarks gives each left bone's vector, then each right one's."""
    rows = np.zeros((2 * len(BONES), 33))
    for side in (0, 1):
        for bone, (near, far) in enumerate(BONES.values()):
            for joints, sign in ((near, -1), (far, 1)):
                for landmark in joints:  # left landmarks are odd, their right counterparts follow them
                    index = landmark + side if len(joints) == 1 else int(landmark)
                    rows[side * len(BONES) + bone, index] += sign / len(joints)
    return rows


_BONE_OFFSETS = _bone_offsets()
_BONE_POINTS = _BONE_OFFSETS != 0


def _ankle(points: NDArray[np.float64], present: NDArray[np.bool_]) -> float | None:
    """The ankle line, pixels, where both ankles are seen."""
    if not present[[L.LEFT_ANKLE, L.RIGHT_ANKLE]].all():
        return None
    return float(ankle_line(points[:33].astype(np.float32)))


def _share(dt_s: float, time_s: float) -> float:
    return 1 - float(np.exp(-dt_s / time_s))
