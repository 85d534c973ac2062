"""The fan's place, size in the picture and proportions, measured beforehand or learned live. The `Retargeter`
asks for them in every frame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from calibration.body import in_space
from engines.body import BONES, Body, height_at
from engines.skeleton import Landmark as L

MIDDLE_HIPS = 33
"""Points are (36, 4): the 33 landmarks, then the middles of hips, shoulders and ears."""


@dataclass(frozen=True)
class View:
    """The fan at one moment.

    height_px: standing height, ears to ankles, pixels of the fan's frame. bones: each of `BONES` as a share
    of it. nearness: 0 (far) to 1 (near), the place between the player's two stances. middle_x: the middle of
    the fan's place, pixels of the frame. jump: how far the lowest part is off the floor, heights.
    """

    height_px: float
    bones: NDArray[np.float64]
    nearness: float
    middle_x: float
    jump: float


class Floor:
    """The y of the floor under a person: the level of their lowest part in the last second or so.

    It falls within a fraction of a second and rises slowly. So a jump stays a jump, while a step back is
    followed. Units: pixels; `height_px` scales the rates.
    """

    FALL, RISE = 1.5, 0.12
    """Heights a second."""

    def __init__(self) -> None:
        self.y: float | None = None

    def update(self, lowest_y: float | None, height_px: float, dt_s: float) -> float:
        """Returns how far above the floor the lowest part is, pixels; 0 while it is not seen."""
        if lowest_y is None:
            return 0.0
        if self.y is None:
            self.y = lowest_y
        low, high = self.y - self.RISE * height_px * dt_s, self.y + self.FALL * height_px * dt_s
        self.y = min(max(lowest_y, low), high)
        return max(0.0, self.y - lowest_y)


class Knowledge(StrEnum):
    """How well a fan's body and place are known."""

    LEARNING = "learning"
    """The fan has not been seen for long enough, or is still walking to their mark."""
    SOUND = "sound"
    """Body and place are known, and are refined further during the dance."""
    LOCKED = "locked"
    """Body and place are known, and stay as they are."""


class Eased:
    """Values that follow a target without a jump in place or speed: a critically damped spring, advanced
    exactly, as in Lowe, "Critically damped ease-in/ease-out smoothing", Game Programming Gems 4 (2004).

    RATE: 1/s. Half of a step is done after 0.28 s, and all but 2 % after 1 s.
    """

    RATE = 6.0

    def __init__(self) -> None:
        self._values: NDArray[np.float64] | None = None
        self._speed: NDArray[np.float64] = np.zeros(1)

    def step(self, target: NDArray[np.float64], dt_s: float) -> NDArray[np.float64]:
        """The values `dt_s` later. The first call returns the target's."""
        if self._values is None:
            self._values, self._speed = target.copy(), np.zeros_like(target)
        apart = self._values - target
        push = (self._speed + self.RATE * apart) * dt_s
        left = float(np.exp(-self.RATE * dt_s))
        self._speed = (self._speed - self.RATE * push) * left
        self._values = target + (apart + push) * left
        return self._values


class Source(ABC):
    """Gives the `View` of the fan for each frame, from its points (36, 4) and which of them are present.

    locked: once what is known of the fan is sound, it stays as it is.
    """

    locked = False

    @property
    def known(self) -> Knowledge:
        """A source measured beforehand is sound from the start."""
        return Knowledge.SOUND

    @abstractmethod
    def redo(self) -> None:
        """Forgets what was learned of the fan, and learns it anew; the views change smoothly."""

    @abstractmethod
    def update(
        self,
        points: NDArray[np.float64],
        present: NDArray[np.bool_],
        dt_s: float,
    ) -> View: ...

    @abstractmethod
    def reset(self) -> None: ...


class FixedSource(Source):
    """A fan whose body was measured from the whole clip; used for finished videos.

    A fan who stays in place is not spread over the player's whole depth: the fan's range from far to near
    counts as at least as wide as the player's, in heights.
    """

    def __init__(self, body: Body, player: Body) -> None:
        self._body = body
        depth = (player.near.ankle_y - player.far.ankle_y) / player.near.height
        self._span_px = max(body.near.ankle_y - body.far.ankle_y, depth * body.near.height, 1.0)
        self._bones = np.array([body.bones[name] for name in BONES])
        self.reset()

    def redo(self) -> None:
        """Does nothing: nothing was learned."""

    def reset(self) -> None:
        self._floor = Floor()

    def update(
        self,
        points: NDArray[np.float64],
        present: NDArray[np.bool_],
        dt_s: float,
    ) -> View:
        near, far = self._body.near, self._body.far
        jump_px = self._floor.update(_lowest_seen(points, present, near.height), near.height, dt_s)
        floor_y = self._floor.y if self._floor.y is not None else near.ankle_y
        height_px = float(height_at(near, far, np.array(floor_y)))
        nearness = 0.5 + (floor_y - (near.ankle_y + far.ankle_y) / 2) / self._span_px
        low, high = self._body.x_range
        return View(
            height_px, self._bones, min(max(nearness, 0.0), 1.0), (low + high) / 2, jump_px / height_px
        )


class AdaptiveSource(Source):
    """A fan whom nobody measured: it starts with the player's own proportions and learns the fan's on the
    way.

    Lengths are measured in space (`calibration.body.in_space`), so that a fan who turns, bows, squats or sits
    teaches nothing false. They are averages over everything seen so far, later over the last while: sound
    within a second, steady after several. The fan's mark, the middle of their place, is where they first
    stand. While they walk there, it moves with them; later it follows slowly, so that a fan who stands off
    centre does not leave the player at the edge. The views ease towards what is known, so that learning, also
    learning anew, never makes the player jump.

    Locked, the bones, the usual distance and the middle stay as they are from the moment they are sound. The
    size in the picture is still followed, since the fan may step nearer.
    """

    HEIGHT_S, BONE_S = 1.5, 20.0
    """A height, and a bone's share of it, are averaged over at most this time; at first, over the time for
    which the fan has been seen."""
    PRIOR_S = 0.15
    """The initial assumptions count as much as this time of seeing the fan."""
    MIDDLE_S, DISTANCE_S = 60.0, 20.0
    WALK_S = 0.35
    """How quickly the middle follows a fan who has not stood yet."""
    STANDS = 0.1
    """A fan stands while the hips stay within this distance of where they recently were, heights: swaying is
    allowed."""
    STOOD_S, MOST_S = 0.7, 5.0
    """The mark is found once the fan has stood for STOOD_S; or after MOST_S without standing, wherever the
    fan then is."""
    BONE_BOUNDS = (0.7, 1.4)
    """Bounds on a bone's share of the height, relative to the player's."""
    OUTLIER = 1.5
    """A height or a length that differs from what is known by more than this factor is an error, and counts
    as differing by this factor."""

    def __init__(self, player: Body) -> None:
        self._prior = np.array([player.bones[name] for name in BONES])
        self.reset()

    def reset(self) -> None:
        self._floor = Floor()
        self._eased = Eased()
        self.redo()

    def redo(self) -> None:
        self._bones = self._prior.copy()
        self._bones_s = np.full(len(BONES), self.PRIOR_S)
        self._height_px: float | None = None
        self._usual_height_px = 0.0
        self._height_s = 0.0
        self._middle_x: float | None = None
        self._stood_s = self._placed_s = 0.0

    @property
    def known(self) -> Knowledge:
        if not self._marked or self._height_s < self.STOOD_S:
            return Knowledge.LEARNING
        return Knowledge.LOCKED if self.locked else Knowledge.SOUND

    @property
    def _marked(self) -> bool:
        return self._stood_s >= self.STOOD_S or self._placed_s >= self.MOST_S

    def update(
        self,
        points: NDArray[np.float64],
        present: NDArray[np.bool_],
        dt_s: float,
    ) -> View:
        locked = self.known is Knowledge.LOCKED
        lengths, seen = self._lengths(points, present)
        height_px = self._learn_height(self._seen_height(lengths, seen), dt_s)
        middle_x = self._learn_middle(float(points[MIDDLE_HIPS, 0]), height_px, dt_s, locked=locked)
        if not locked:
            self._usual_height_px += _share(dt_s, self.DISTANCE_S) * (height_px - self._usual_height_px)
            self._learn_bones(lengths, seen, height_px, dt_s)
        # A fan who looks a fifth larger than usual has come near; a sixth smaller, the fan has gone far.
        nearness = float(np.clip(0.5 + 2.5 * np.log(height_px / self._usual_height_px), 0, 1))
        eased = self._eased.step(np.array([np.log(height_px), nearness, middle_x, *self._bones]), dt_s)
        height_px = float(np.exp(eased[0]))
        jump_px = self._floor.update(_lowest_seen(points, present, height_px), height_px, dt_s)
        return View(
            height_px=height_px,
            bones=eased[3:],
            nearness=float(np.clip(eased[1], 0, 1)),
            middle_x=float(eased[2]),
            jump=jump_px / height_px,
        )

    def _learn_height(self, found: float, dt_s: float) -> float:
        """found: see `_seen_height`. Returns the standing height, pixels."""
        if self._height_px is None:
            self._height_px = self._usual_height_px = max(found, 1.0)
        elif found > 0:
            bounded = float(np.clip(found, self._height_px / self.OUTLIER, self._height_px * self.OUTLIER))
            self._height_s = min(self._height_s + dt_s, self.HEIGHT_S)
            self._height_px += _mean_share(dt_s, self._height_s) * (bounded - self._height_px)
        return self._height_px

    def _learn_middle(self, x: float, height_px: float, dt_s: float, *, locked: bool) -> float:
        """x: where the hips are. Returns the middle of the fan's place, pixels."""
        if self._middle_x is None:
            self._middle_x = x
        if not self._marked:
            self._placed_s += dt_s
            self._stood_s = self._stood_s + dt_s if abs(x - self._middle_x) < self.STANDS * height_px else 0.0
        time_s = self.MIDDLE_S if self._marked else self.WALK_S
        if not locked:
            self._middle_x += _share(dt_s, time_s) * (x - self._middle_x)
        return self._middle_x

    @staticmethod
    def _lengths(
        points: NDArray[np.float64], present: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Each bone's length in space, pixels, the mean of the sides that are seen; and whether one is
        seen."""
        there = in_space(np.where(present[:33, None], points[:33], 0))
        lengths = np.linalg.norm(_BONE_OFFSETS @ there, axis=1).reshape(2, -1)
        seen = ~(_BONE_POINTS & ~present[:33]).any(axis=1).reshape(2, -1)
        return (lengths * seen).sum(axis=0) / np.maximum(seen.sum(axis=0), 1), seen.any(axis=0)

    def _seen_height(self, lengths: NDArray[np.float64], seen: NDArray[np.bool_]) -> float:
        """The standing height, pixels. It is the sum of the bones that make it up, where all are seen; else
        it follows from those that are seen, by their learned shares. 0 if none is seen."""
        chain = seen & (_UPRIGHT > 0)
        if not chain.any():
            return 0.0
        return float((_UPRIGHT * lengths)[chain].sum() / (_UPRIGHT * self._bones)[chain].sum())

    def _learn_bones(
        self, lengths: NDArray[np.float64], seen: NDArray[np.bool_], height_px: float, dt_s: float
    ) -> None:
        low, high = (self._prior * bound for bound in self.BONE_BOUNDS)
        shares = np.clip(lengths / height_px, low, high)
        known = np.clip(shares, self._bones / self.OUTLIER, self._bones * self.OUTLIER)
        self._bones_s = np.where(seen, np.minimum(self._bones_s + dt_s, self.BONE_S), self._bones_s)
        step = np.minimum(1, dt_s / self._bones_s) * (known - self._bones)
        self._bones = self._bones + np.where(seen, step, 0)
        self._bones = self._bones / float((_UPRIGHT * self._bones).sum())  # their sum is the height


_UPRIGHT = np.array([float(name in ("torso", "neck", "thigh", "shin")) for name in BONES])
"""(bones,): 1 for the bones that make up the standing height."""


def _bone_offsets() -> NDArray[np.float64]:
    """(2 * bones, 33): a matrix; times the landmarks it gives the vectors of the left bones, then the right
    ones."""
    rows = np.zeros((2 * len(BONES), 33))
    for side in (0, 1):
        for bone, (near, far) in enumerate(BONES.values()):
            for joints, sign in ((near, -1), (far, 1)):
                for landmark in joints:  # left landmarks are odd, the right counterparts follow
                    index = landmark + side if len(joints) == 1 else int(landmark)
                    rows[side * len(BONES) + bone, index] += sign / len(joints)
    return rows


_BONE_OFFSETS = _bone_offsets()
_BONE_POINTS = _BONE_OFFSETS != 0

_PADS = {
    **dict.fromkeys((L.LEFT_ANKLE, L.RIGHT_ANKLE, L.LEFT_KNEE, L.RIGHT_KNEE), 0.0),
    **dict.fromkeys((L.LEFT_WRIST, L.RIGHT_WRIST), -0.03),
    **dict.fromkeys((L.LEFT_ELBOW, L.RIGHT_ELBOW), -0.02),
    **dict.fromkeys((L.LEFT_HIP, L.RIGHT_HIP), 0.04),
    **dict.fromkeys((L.LEFT_SHOULDER, L.RIGHT_SHOULDER), 0.02),
    **dict.fromkeys((L.NOSE, L.LEFT_EAR, L.RIGHT_EAR), 0.02),
}
"""TABLE of the points that can touch the floor: how much thicker flesh and clothes are below this landmark
than below an ankle, heights."""
_TOUCHING, _THICK = np.array([int(each) for each in _PADS]), np.array(list(_PADS.values()))


def lowest(points: NDArray[np.float64], height_px: float) -> float:
    """Where the ankles would be of somebody standing on the same floor, pixels, by the lowest of `points` (33
    or more, 2 or more) that can touch the floor."""
    return float((points[_TOUCHING, 1] + _THICK * height_px).max())


def _lowest_seen(points: NDArray[np.float64], present: NDArray[np.bool_], height_px: float) -> float | None:
    """`lowest` of the points that are present. None unless both feet are: a hidden part below the frame might
    be lower."""
    if not present[[L.LEFT_ANKLE, L.RIGHT_ANKLE]].all():
        return None
    return lowest(np.where(present[:, None], points, -np.inf), height_px)


def _share(dt_s: float, time_s: float) -> float:
    return 1 - float(np.exp(-dt_s / time_s))


def _mean_share(dt_s: float, seen_s: float) -> float:
    """What the newest of `seen_s` seconds counts in their mean."""
    return min(1.0, dt_s / seen_s) if seen_s > 0 else 0.0
