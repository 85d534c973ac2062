"""Turns the fan's landmarks into the player's: the fan's pose, with the player's place, size and bones. The
pose thread calls it for every frame of a show, and finished videos use it too.

Global pose normalization after Chan et al., "Everybody Dance Now" (2019), section 3.4: height and ankle line
are mapped between far and near, from the fan to the player. In addition, every bone keeps the fan's direction
in space but takes the player's length, so a child or a very tall fan does not distort the player. The lowest
part of the body, usually a foot, stays on the player's floor unless the fan jumps, and standing feet do not
slide. A player who was never filmed from behind faces the camera when the fan's back shows. Pure: time is an
argument.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.body import MIRRORED, facing
from calibration.source import AdaptiveSource, Knowledge, Source, View, lowest
from engines.body import BONES, Body
from engines.skeleton import Landmark as L
from engines.time_units import NS_PER_S

PRESENT_VISIBILITY = 0.1
"""A joint inside the frame counts as missing below this visibility; the net gives 0.1 to 0.5 to hidden
joints."""
EDGE = 0.02
"""A joint farther than this share of the frame beyond its edge is missing."""
TURN = 0.05
"""Left and right are exchanged, or exchanged back, once that brings the fan nearer by this, in heights, to
the directions in which the player was filmed."""
HOLD_S, FADE_S = 0.4, 0.6
"""A missing limb keeps its pose for HOLD_S, then eases into the resting pose within FADE_S."""
LONGEST = 1.05
"""A bone is drawn at most this many times its length: anything longer in the picture is an error."""
PLANTED = 0.06
"""A foot higher than the lowest part of the body by this, heights, is not standing."""
SLACK, CREEP_S = 0.008, 4.0
"""A standing foot may seem to move by SLACK, fan heights, and still counts as still; it catches up within
CREEP_S."""
SMALLEST_RATIO, LARGEST_RATIO = 0.6, 1.6
"""Bounds on the ratio of a bone's length, player to fan, at equal heights: values beyond are measuring
errors."""

_HIPS = (L.LEFT_HIP, L.RIGHT_HIP)
_SHOULDERS = (L.LEFT_SHOULDER, L.RIGHT_SHOULDER)
_EARS = (L.LEFT_EAR, L.RIGHT_EAR)
_PAIRS = np.array([_HIPS, _SHOULDERS, _EARS]).T


class _Chain:
    """The bones from the hips outwards, as arrays of indices. `start` and `end` number the joints: first the
    33 landmarks, then the middles of hips, shoulders and ears."""

    MIDDLE_HIPS, MIDDLE_SHOULDERS, MIDDLE_EARS = 33, 34, 35

    def __init__(self) -> None:
        hips, shoulders, ears = self.MIDDLE_HIPS, self.MIDDLE_SHOULDERS, self.MIDDLE_EARS
        rest = {  # direction of a resting bone, per unit of length: right, down
            "upper arm": (0.25, 0.97), "forearm": (0.1, 0.99), "hand": (0.0, 1.0),
            "thigh": (0.08, 1.0), "shin": (0.0, 1.0), "foot": (0.35, 0.3),
        }  # fmt: skip
        rows: list[tuple[int, int, str, tuple[float, float] | None]] = [
            (hips, shoulders, "torso", None),
            (shoulders, ears, "neck", None),
            *((hips, hip, "half hips", None) for hip in _HIPS),
            *((shoulders, shoulder, "half shoulders", None) for shoulder in _SHOULDERS),
            *((ears, point, "half ears", None) for point in range(11)),
        ]
        for side in (0, 1):  # left landmarks are odd, the right counterparts follow
            sign = 1 - 2 * side

            def row(
                start: int, end: int, bone: str, side: int = side, sign: int = sign
            ) -> tuple[int, int, str, tuple[float, float]]:
                x, y = rest[bone]
                return start + side, end + side, bone, (sign * x, y)

            rows += [
                row(L.LEFT_SHOULDER, L.LEFT_ELBOW, "upper arm"),
                row(L.LEFT_ELBOW, L.LEFT_WRIST, "forearm"),
                *(row(L.LEFT_WRIST, end, "hand") for end in (L.LEFT_PINKY, L.LEFT_INDEX, L.LEFT_THUMB)),
                row(L.LEFT_HIP, L.LEFT_KNEE, "thigh"),
                row(L.LEFT_KNEE, L.LEFT_ANKLE, "shin"),
                *(row(L.LEFT_ANKLE, end, "foot") for end in (L.LEFT_HEEL, L.LEFT_TOE)),
            ]
        self.start = np.array([row[0] for row in rows])
        self.end = np.array([row[1] for row in rows])
        self.bone = np.array([list(BONES).index(row[2]) for row in rows])
        self.can_rest = np.array([row[3] is not None for row in rows])
        self.rest = np.array([row[3] or (0.0, 0.0) for row in rows])
        self.paths = np.zeros((36, len(rows)))  # the bones that lead from the hips to each joint
        for bone, (start, end, _, _) in enumerate(rows):
            self.paths[end] = self.paths[start]
            self.paths[end, bone] = 1


_CHAIN = _Chain()
_OF_FACE = _CHAIN.bone == list(BONES).index("half ears")
_HEEL_REST = np.isin(_CHAIN.end, [L.LEFT_HEEL, L.RIGHT_HEEL])


class Retargeter:
    """Turns one fan's landmarks, frame after frame, into the player's.

    body: the player's. source: the fan's place and proportions; by default they are learned on the way.
    mirror: the player moves as the fan's mirror image. locked: see `Source`.
    """

    def __init__(self, body: Body, source: Source | None = None, *, mirror: bool = False) -> None:
        self.mirror = mirror
        self._body = body
        self._source = source if source is not None else AdaptiveSource(body)
        self._bones = np.array([body.bones[name] for name in BONES])
        self._resting = _resting(body)
        self.reset()

    @property
    def locked(self) -> bool:
        return self._source.locked

    @locked.setter
    def locked(self, locked: bool) -> None:
        self._source.locked = locked

    @property
    def known(self) -> Knowledge:
        """How well the fan is known."""
        return self._source.known

    def redo(self) -> None:
        """Learns the fan's body and place anew, where they were wrong. The player does not jump."""
        self._source.redo()

    def reset(self) -> None:
        """Forgets the fan: the next landmarks may be of somebody else."""
        self._source.reset()
        self._held = self._resting.copy()
        self._missing_s = np.full(len(_CHAIN.end), HOLD_S + FADE_S)
        self._turned = False
        self._feet = np.full(2, np.nan)  # where they stand: right of the middle, fan heights
        self._last_ns: int | None = None
        self._last: NDArray[np.float32] | None = None

    def __call__(
        self, landmarks: NDArray[np.float32], frame_size: tuple[int, int], t_ns: int
    ) -> NDArray[np.float32]:
        """(33, 4) pixels of the fan's frame → (33, 4) pixels of the player's picture, always finite.

        frame_size (width, height); t_ns monotonic. Raises ValueError where no torso was ever seen.
        """
        dt_s = 0.0 if self._last_ns is None else max(0.0, (t_ns - self._last_ns) / NS_PER_S)
        self._last_ns = t_ns
        points = _with_middles(_mirrored(landmarks, frame_size[0]) if self.mirror else landmarks)
        present = _present(points, frame_size)
        core = [L.LEFT_HIP, L.RIGHT_HIP, L.LEFT_SHOULDER, L.RIGHT_SHOULDER]
        if not np.isfinite(points[core, :3]).all():
            if self._last is None:
                raise ValueError("the landmarks hold no torso")
            return self._last.copy()
        view = self._source.update(points, present, dt_s)
        if self._must_turn(points, view.height_px):
            points = _with_middles(points[MIRRORED])
            points[:, 2] *= -1  # what was in front of the fan's back is now behind: the whole body turns
            present = _present(points, frame_size)

        near, far = self._body.near, self._body.far
        height = far.height + view.nearness * (near.height - far.height)
        floor_y = far.ankle_y + view.nearness * (near.ankle_y - far.ankle_y)
        ratios = np.clip(self._bones / view.bones, SMALLEST_RATIO, LARGEST_RATIO)
        unit = (points[_CHAIN.end, :3] - points[_CHAIN.start, :3]) / view.height_px  # fan heights
        target = self._within(unit * ratios[_CHAIN.bone, None])  # player heights
        seen = present[_CHAIN.end] & present[_CHAIN.start] & np.isfinite(target).all(axis=1)
        target = self._hold(target, seen, dt_s)

        placed = _CHAIN.paths @ target  # (36, 3)
        placed *= height
        placed[:, 0] += self._place_x(self._root_x(points, present, view, placed, height, dt_s), height)
        placed[:, 1] += floor_y - view.jump * height - lowest(placed, height)
        result = np.empty((33, 4), np.float32)
        result[:, :3] = placed[:33]
        result[:, 3] = np.nan_to_num(points[:33, 3])
        resting = _CHAIN.end[(self._missing_s > 0) & _CHAIN.can_rest]
        result[resting, 3] = 1.0  # a resting limb is drawn in full
        self._last = result
        return result.copy()

    def _within(self, target: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shortens bones (bones of the chain, 3), player heights, to at most their length in the picture."""
        across = np.hypot(target[:, 0], target[:, 1])
        most = LONGEST * self._bones[_CHAIN.bone]
        most[_OF_FACE] = np.inf  # the distance of the ears says nothing of the nose's
        target[:, :2] *= np.minimum(1, most / np.maximum(across, 1e-9))[:, None]
        return target

    def _root_x(
        self,
        points: NDArray[np.float64],
        present: NDArray[np.bool_],
        view: View,
        placed: NDArray[np.float64],
        height: float,
        dt_s: float,
    ) -> float:
        """Where the middle of the hips goes, pixels to the right of the middle of the player's place. If a
        foot of the fan stands, the player's foot stands too; else the fan's hips decide.

        placed: (36, 3), the player's points, pixels from the middle of the hips.
        """
        ankles = [L.LEFT_ANKLE, L.RIGHT_ANKLE]
        offsets = (points[[*ankles, _CHAIN.MIDDLE_HIPS], 0] - view.middle_x) / view.height_px
        low = lowest(np.where(present[:, None], points, -np.inf), view.height_px)
        with np.errstate(invalid="ignore"):
            gaps = (low - points[ankles, 1]) / view.height_px
        stands = np.where(present[ankles] & np.isfinite(offsets[:2]), np.clip(1 - gaps / PLANTED, 0, 1), 0.0)
        stands = np.nan_to_num(stands)
        feet = np.where(np.isfinite(offsets[:2]), offsets[:2], 0.0)
        lock = (stands > 0.5) & np.isfinite(self._feet)
        held = np.where(lock, self._feet, feet)
        held += (1 - np.exp(-dt_s / CREEP_S)) * (feet - held)
        held = np.clip(held, feet - SLACK, feet + SLACK)
        self._feet = np.where(stands > 0.5, held, np.nan)
        wanted = np.append(
            np.where(stands > 0.5, held, feet) * height - placed[ankles, 0], offsets[2] * height
        )
        weights = np.append(stands, 1 - stands.max())
        return float(weights @ wanted / weights.sum())

    def _must_turn(self, points: NDArray[np.float64], height_px: float) -> bool:
        """Whether left and right must be exchanged, because the fan is seen from behind and the player never
        was."""
        least, most = self._body.facing
        turn = float(facing(points[:33].astype(np.float32))) / height_px
        as_is, exchanged = (max(least - each, each - most, 0.0) for each in (turn, -turn))
        turned = exchanged < as_is + (TURN if self._turned else -TURN)
        if turned != self._turned:
            self._turned, self._feet = turned, self._feet[::-1].copy()
        return turned

    def _hold(self, target: NDArray[np.float64], seen: NDArray[np.bool_], dt_s: float) -> NDArray[np.float64]:
        """Missing limbs keep their last pose, then ease into the resting one. All arrays are (bones, 3)."""
        self._missing_s = np.where(seen, 0.0, self._missing_s + dt_s)
        easing = np.clip((self._missing_s - HOLD_S) / FADE_S, 0, 1)[:, None] * _CHAIN.can_rest[:, None]
        self._held[seen] = target[seen]
        return np.where(seen[:, None], target, self._held + easing * (self._resting - self._held))

    def _place_x(self, offset: float, height: float) -> float:
        """Where the hips stand: as far from the middle as the fan, within the range in which the player was
        filmed; beyond it, softly limited to an eighth of the height."""
        low, high = self._body.x_range
        room, around = (high - low) / 2, height / 8
        beyond = around * float(np.tanh(max(0.0, abs(offset) - room) / around))
        return (low + high) / 2 + float(np.copysign(min(abs(offset), room) + beyond, offset))


def _resting(body: Body) -> NDArray[np.float64]:
    """(bones of the chain, 3): the resting offset of every bone in body heights; the trunk is upright."""
    names = list(BONES)
    resting = np.zeros((len(_CHAIN.end), 3))
    resting[:, :2] = _CHAIN.rest * np.array([body.bones[name] for name in names])[_CHAIN.bone, None]
    resting[_HEEL_REST, :2] *= (-0.3, 0.5)
    for bone in ("torso", "neck"):
        resting[_CHAIN.bone == names.index(bone), 1] = -body.bones[bone]
    for bone, sides in (("half hips", _HIPS), ("half shoulders", _SHOULDERS), ("half ears", _EARS)):
        for sign, side in zip((1, -1), sides, strict=True):
            rows = (_CHAIN.end == side) & (_CHAIN.bone == names.index(bone))
            resting[rows, 0] = sign * body.bones[bone]
    return resting


def _with_middles(landmarks: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """(33, 4) → (36, 4): appends the middles of hips, shoulders and ears to the landmarks."""
    points = np.empty((36, 4))
    points[:33] = landmarks
    left, right = points[_PAIRS]
    points[33:] = (left + right) / 2
    return points


def _mirrored(landmarks: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    mirrored = landmarks[MIRRORED].copy()
    mirrored[:, 0] = width - mirrored[:, 0]
    return mirrored


def _present(points: NDArray[np.float64], frame_size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which of the (36, 4) points are reliable."""
    size = np.array(frame_size)
    with np.errstate(invalid="ignore"):
        inside = ((points[:, :2] > -EDGE * size) & (points[:, :2] < (1 + EDGE) * size)).all(axis=1)
        return inside & (points[:, 3] > PRESENT_VISIBILITY)
