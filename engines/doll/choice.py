"""Chooses the frame of the bank from which each part of the doll is drawn.

A part prefers the frame that shows it turned most alike. Taking a part and its parent from different frames
costs extra, so that a frame that fits as a whole is used whole. The body is a tree, so the best choice for
all parts together is found exactly, from the leaves to the torso (dynamic programming, as in pictorial
structures: Felzenszwalb and Huttenlocher, 2005).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.doll.bank import Bank, standing_px
from engines.doll.cutting import Floats
from engines.doll.parts import CHILDREN, COUNT, PARENTS, TABLE, TORSO, depths, directions, distance

Frames = NDArray[np.int64]
"""(P,): the frame of each part."""

CUT = 0.05
"""Cost of a part whose parent comes from another frame. All costs here are in units of `parts.distance`."""
LEAVING = 1.5
"""Extra cost of such a part where it is not cleanly cut out of its frame (`Bank.leaving`)."""
COVERED = 200.0
"""Cost for each squared standing height of body that must be filled in, because the arm that covers it in its
frame is not drawn."""
MOVED, UNCOVERED = 0.4, 0.3
"""An arm that is drawn, but turned by more than MOVED away from its frame, costs the share UNCOVERED of
`COVERED`: it uncovers body that it hid in the frame and that was cut out with it."""
AT_CAMERA = 0.3
"""Cost of leaving out a limb that points at the camera: its parent shows some of it."""
LACKING = 4.0
"""Cost of a part of which nothing is seen in the frame."""
COARSE = 0.5
"""Cost of a frame in which the player is smaller than drawn, for each factor of e."""
STAY = 0.15
"""Discount for the frame that is shown now: it prevents flicker."""
FOLLOW, FOLLOWING = 0.1, 6
"""Discount for the next frames of the footage, and how many they are: cloth and hair move on as they were
filmed."""
NEVER = 1e6
CLEAR = 0.02
"""A part passes in front of another once it is nearer by this, standing heights."""


class Drawing(NamedTuple):
    """How the doll is drawn. For each part: its frame, the frame that it fades from, and how far the fade has
    come, 0..1 (1: only the new frame)."""

    frames: Frames
    before: Frames
    share: Floats
    order: Frames | None = None
    """The parts, back to front; None: in the order that the pose gives."""

    @classmethod
    def of(cls, frames: Frames) -> Drawing:
        """A drawing without a fade."""
        return cls(frames, frames, np.ones(COUNT, np.float32))


def choose(
    bank: Bank,
    landmarks: Floats,
    *,
    current: Frames | None = None,
    allowed: NDArray[np.bool_] | None = None,
    height: float | None = None,
) -> Frames:
    """The best frames for a pose (33, 4). current: the frames shown now. allowed (F,): the frames that may be
    used, by default all. height: see `Doll.paint`."""
    if height is None:
        height = float(standing_px(landmarks, bank.body))
    own = directions(landmarks.astype(float), TABLE)
    apart = distance(bank.directions, own)  # (F, P)
    cost = apart + LACKING * bank.lack + UNCOVERED * COVERED * bank.covers * np.clip(apart / MOVED, 0, 1)
    cost += COARSE * np.log(height / bank.heights).clip(0)[:, None]
    if allowed is not None:
        cost[~allowed] += NEVER
    if current is not None:
        ahead = bank.numbers[:, None] - bank.numbers[current]  # (F, P)
        cost -= np.where(ahead == 0, STAY, np.where((ahead > 0) & (ahead <= FOLLOWING), FOLLOW, 0))
    leave = cost + CUT + LEAVING * bank.leaving  # if the part does not share its parent's frame
    best, stays = np.zeros(COUNT, np.int64), np.empty(cost.shape, np.bool_)
    least = np.empty_like(cost)  # of a part with all its descendants, given the parent's frame
    for part in reversed(range(COUNT)):
        for child in CHILDREN[part]:
            cost[:, part] += least[:, child]
            leave[:, part] += least[:, child]
        best[part] = leave[:, part].argmin()
        other = leave[best[part], part] + COVERED * bank.covers[:, part] + AT_CAMERA * bank.at_camera[:, part]
        stays[:, part] = cost[:, part] <= other
        least[:, part] = np.minimum(cost[:, part], other)
    chosen = np.empty(COUNT, np.int64)
    chosen[TORSO] = cost[:, TORSO].argmin()
    for part in range(1, COUNT):
        parent = chosen[PARENTS[part]]
        chosen[part] = parent if stays[parent, part] else best[part]
    return chosen


def in_order(landmarks: Floats, height: float, before: Frames | None = None) -> Frames:
    """(P,): the parts of a pose (33, 4) from back to front. height: the player's, pixels.

    before: the order in the last picture. Two parts swap only where the pose is clear about it.
    """
    depth = depths(landmarks.astype(float), np.array([height]), TABLE)
    if before is None:
        return np.argsort(-depth, kind="stable")
    order = before.tolist()
    for end in range(1, COUNT):  # insertion sort, with a threshold
        for row in range(end, 0, -1):
            if depth[order[row]] <= depth[order[row - 1]] + CLEAR:
                break
            order[row - 1], order[row] = order[row], order[row - 1]
    return np.array(order)


class Chooser:
    """Chooses the frames for one picture after the other, and fades old frames into new ones. The renderers
    call it once a picture. For one thread.

    fade: pictures that a change of frame takes. A change to the frame that follows in the footage takes none.
    """

    def __init__(self, bank: Bank, fade: int = 2) -> None:
        self._bank, self._fade = bank, fade
        self.reset()

    def reset(self) -> None:
        """Call it when the next picture does not follow the last one."""
        self._now: Frames | None = None
        self._order: Frames | None = None
        self._before = np.zeros(COUNT, np.int64)
        self._left = np.zeros(COUNT, np.int64)  # pictures until a part's fade is over

    def __call__(self, landmarks: Floats) -> Drawing:
        """The drawing for a pose (33, 4)."""
        bank, now = self._bank, self._now
        chosen = choose(bank, landmarks, current=now)
        self._order = in_order(landmarks, float(standing_px(landmarks, bank.body)), self._order)
        if now is None:
            self._now = chosen
            return Drawing.of(chosen)._replace(order=self._order)
        fading = self._left > 0
        changes = ~fading & (chosen != now)
        ahead = bank.numbers[chosen] - bank.numbers[now]
        fades = changes & ~((ahead > 0) & (ahead <= FOLLOWING))
        self._before = np.where(fades, now, self._before)
        self._left = np.where(fades, self._fade, self._left)
        self._now = np.where(fading, now, chosen)
        share = (1 - self._left / (self._fade + 1)).astype(np.float32)
        self._left = np.maximum(self._left - 1, 0)
        return Drawing(self._now, np.where(share < 1, self._before, self._now), share, self._order)
