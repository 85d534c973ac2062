"""Where the fan stands, how large he looks and how his body is built: known beforehand or learned live."""

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
"""Points are the 33 landmarks and the middles of hips, shoulders and ears: (36, 4)."""


@dataclass(frozen=True)
class View:
    """The fan at one moment.

    height_px: standing height, ears to ankles, in his frame's pixels. bones: each of `BONES` as a share
    of it. nearness: 0 (far) to 1 (near), where between the player's stances he goes. middle_x: the middle of
    his place, pixels of his frame. jump: how far his lowest part is off the floor, in heights.
    """

    height_px: float
    bones: NDArray[np.float64]
    nearness: float
    middle_x: float
    jump: float


class Floor:
    """The y of the floor under a person: of his lowest part in the last second or so.

    It follows downwards within a fraction of a second, and rises slowly, so that a jump stays a jump while a
    step back is followed. Units: pixels; `height_px` scales the rates.
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
    """He has not yet been seen for long enough, or he still walks to his mark."""
    SOUND = "sound"
    """Body and place are known; both go on being refined while he dances."""
    LOCKED = "locked"
    """Known, and kept as they are."""


class Eased:
    """Values that follow a target without a jump in place or in speed: a critically damped spring, advanced
    exactly, as in Lowe, "Critically damped ease-in/ease-out smoothing", Game Programming Gems 4 (2004).

    RATE: 1/s. A step of the target is half done after 0.28 s, and all but 2 % after 1 s.
    """

    RATE = 6.0

    def __init__(self) -> None:
        self._values: NDArray[np.float64] | None = None
        self._speed: NDArray[np.float64] = np.zeros(1)

    def step(self, target: NDArray[np.float64], dt_s: float) -> NDArray[np.float64]:
        """The values `dt_s` later; the first call's are the target's."""
        if self._values is None:
            self._values, self._speed = target.copy(), np.zeros_like(target)
        apart = self._values - target
        push = (self._speed + self.RATE * apart) * dt_s
        left = float(np.exp(-self.RATE * dt_s))
        self._speed = (self._speed - self.RATE * push) * left
        self._values = target + (apart + push) * left
        return self._values


class Source(ABC):
    """Gives the `View` of the fan for each frame's points (36, 4) and which of them are present.

    locked: what is known of the fan stays as it is, once it is sound.
    """

    locked = False

    @property
    def known(self) -> Knowledge:
        """A source that was measured beforehand is sound from the start."""
        return Knowledge.SOUND

    @abstractmethod
    def redo(self) -> None:
        """Forgets what was learned of the fan, and learns anew: the views ease over."""

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

    def redo(self) -> None:
        """Nothing was learned."""

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
    """A fan nobody measured: starts from the player's own proportions and learns the fan's on the way.

    Lengths are measured in space (`calibration.body.in_space`), so that a fan who turns, bows, squats or sits
    teaches nothing false. They are the mean of what was seen so far, and of the last while later: sound
    within a second, steady after some. His mark, the middle of his place, is where he first stands: while he
    walks there it goes with him, and later it follows slowly, so that a fan who stands off centre does not
    leave the player at the edge. The views ease towards what is known: nothing that is learned, also anew,
    makes the player jump.

    Locked, bones, usual distance and middle stay as they are from the moment they are sound; how large he
    looks is followed on, since he may step nearer.
    """

    HEIGHT_S, BONE_S = 1.5, 20.0
    """Over so long a height and a bone's share of it are averaged, at most; from the first frame on over as
    long as the fan has been seen."""
    PRIOR_S = 0.15
    """What is assumed before anything is seen counts as much as so long a look."""
    MIDDLE_S, DISTANCE_S = 60.0, 20.0
    WALK_S = 0.35
    """How quickly the middle follows a fan who has not yet stood."""
    STANDS = 0.1
    """A fan stands while his hips are no farther than this from where they were of late, heights: he may
    sway."""
    STOOD_S, MOST_S = 0.7, 5.0
    """Once he has stood so long his mark is found; or after so long without, wherever he is by then."""
    BONE_BOUNDS = (0.7, 1.4)
    """A bone's share of the height, over the player's."""
    OUTLIER = 1.5
    """A height or a length that differs by more than this factor from what is known counts as differing by
    it: it is an error."""

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
        # A fan who looks a fifth larger than usual has come near; a sixth smaller, he has gone far.
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
        """x: where the hips are. Returns the middle of his place, pixels."""
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
        """Each bone's length in space, pixels, the mean of both sides that are seen; and whether one is."""
        there = in_space(np.where(present[:33, None], points[:33], 0))
        lengths = np.linalg.norm(_BONE_OFFSETS @ there, axis=1).reshape(2, -1)
        seen = ~(_BONE_POINTS & ~present[:33]).any(axis=1).reshape(2, -1)
        return (lengths * seen).sum(axis=0) / np.maximum(seen.sum(axis=0), 1), seen.any(axis=0)

    def _seen_height(self, lengths: NDArray[np.float64], seen: NDArray[np.bool_]) -> float:
        """The standing height, pixels: of the bones that make it up, where all are seen; else of those that
        are, by their learned shares; 0 without any."""
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
        self._bones = self._bones / float((_UPRIGHT * self._bones).sum())  # they make up the height


_UPRIGHT = np.array([float(name in ("torso", "neck", "thigh", "shin")) for name in BONES])
"""(bones,): 1 for those that make up the standing height."""


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

_PADS = {
    **dict.fromkeys((L.LEFT_ANKLE, L.RIGHT_ANKLE, L.LEFT_KNEE, L.RIGHT_KNEE), 0.0),
    **dict.fromkeys((L.LEFT_WRIST, L.RIGHT_WRIST), -0.03),
    **dict.fromkeys((L.LEFT_ELBOW, L.RIGHT_ELBOW), -0.02),
    **dict.fromkeys((L.LEFT_HIP, L.RIGHT_HIP), 0.04),
    **dict.fromkeys((L.LEFT_SHOULDER, L.RIGHT_SHOULDER), 0.02),
    **dict.fromkeys((L.NOSE, L.LEFT_EAR, L.RIGHT_EAR), 0.02),
}
"""TABLE of what can touch the floor: how much thicker flesh and clothes are below this landmark than below an
ankle, heights."""
_TOUCHING, _THICK = np.array([int(each) for each in _PADS]), np.array(list(_PADS.values()))


def lowest(points: NDArray[np.float64], height_px: float) -> float:
    """Where the ankles of somebody who stands on the same floor would be, pixels: the lowest of what can
    touch it, of `points` (33 or more, 2 or more)."""
    return float((points[_TOUCHING, 1] + _THICK * height_px).max())


def _lowest_seen(points: NDArray[np.float64], present: NDArray[np.bool_], height_px: float) -> float | None:
    """`lowest` of the points that are present; None where not both feet are: what is below the frame's edge
    might be lower."""
    if not present[[L.LEFT_ANKLE, L.RIGHT_ANKLE]].all():
        return None
    return lowest(np.where(present[:, None], points, -np.inf), height_px)


def _share(dt_s: float, time_s: float) -> float:
    return 1 - float(np.exp(-dt_s / time_s))


def _mean_share(dt_s: float, seen_s: float) -> float:
    """What the newest of `seen_s` seconds counts in their mean."""
    return min(1.0, dt_s / seen_s) if seen_s > 0 else 0.0
