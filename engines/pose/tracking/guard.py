"""Notices when the landmark net has gone over from the followed person to somebody else.

Pure: time is an argument. While somebody else is near, or the clothes are not his, the tracked place is no
proof of who it is. The roster then keeps the place where he was last seen for certain; and what the detector
sees decides, by motion and clothes.
"""

from __future__ import annotations

import math
from enum import Enum, auto

from engines.pose.tracking.roster import APART, Body, Known, Roster
from engines.time_units import NS_PER_MS, NS_PER_S

LOOK_NS = 250 * NS_PER_MS
"""His clothes are looked at this often."""
CLOSE_NS = 250 * NS_PER_MS
"""While it is not sure who is tracked, the detector looks this often."""
DOUBT_NS = 60 * NS_PER_MS
"""Once it has seen him elsewhere, or what is tracked has leapt, it looks so soon."""
LOOKS_ELSEWHERE = 2
"""After so many looks in a row that saw him elsewhere, he is followed there."""
HIDDEN_NS = NS_PER_S
"""For so long he may be out of sight while somebody else's body is tracked."""
STRANGE = 0.33
"""Clothes that differ more from his (`appearance.unlike`) may be somebody else's."""
TOO_FAST = 2.0
"""Diameters a second: no trunk moves faster."""


class Verdict(Enum):
    """Whose pose it is that is tracked. HIS: the followed one's. ELSEWHERE: he is where the roster has him.
    LOST: it is somebody else's, and nobody sees him."""

    HIS = auto()
    ELSEWHERE = auto()
    LOST = auto()


class Guard:
    """For one followed person after the other."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self.begin(0, 0)

    def begin(self, person_id: int, t_ns: int) -> None:
        """This one is followed from now on, where the roster has him."""
        self._person_id = person_id
        self._strange = False
        self._leapt = False
        self._elsewhere = 0
        self._hidden_ns: int | None = None
        self._looked_ns: int | None = None
        self._judged_ns = t_ns
        self._before: tuple[Body, int] | None = None

    def wants_look(self, t_ns: int) -> bool:
        """Whether the next `step` should be told of his clothes."""
        return self._looked_ns is None or t_ns - self._looked_ns >= LOOK_NS

    def step(self, person_id: int, body: Body, t_ns: int) -> bool:
        """For every tracked frame. body: what is tracked. True where it is not sure whose it is."""
        known = self._roster[person_id]
        if body.look is not None:
            self._looked_ns = t_ns
            self._strange = known.unlike(body.look) > STRANGE
        self._leapt = self._leapt or self._leaps(body, t_ns)
        if self._leapt or self._strange or self._elsewhere or self._roster.near(person_id, body, t_ns):
            return True
        known.move(body, t_ns)
        known.learn(body.look)
        self._hidden_ns = None
        return False

    def is_due(self, t_ns: int) -> bool:
        """Whether the detector should look."""
        return t_ns - self._judged_ns >= (DOUBT_NS if self._elsewhere or self._leapt else CLOSE_NS)

    def judge(self, person_id: int, body: Body, seen: list[Known], t_ns: int) -> Verdict:
        """After a look by the detector. body: what is tracked. seen: what the roster made of the look."""
        self._judged_ns = t_ns
        self._leapt = False
        under = min(seen, key=lambda one: one.body.distance(body), default=None)
        if under is not None and under.body.distance(body) > APART:
            under = None
        his = next((one for one in seen if one.person_id == person_id), None)
        if his is not None and his is not under:
            self._elsewhere += 1
            if self._elsewhere >= LOOKS_ELSEWHERE:
                return Verdict.ELSEWHERE
            return Verdict.HIS
        self._elsewhere = 0
        if his is not None:
            self._hidden_ns = None
            return Verdict.HIS
        if under is None or not under.is_proven:
            near = self._roster.near(person_id, body, t_ns)
            if all(one.seen_ns == t_ns for one in near):  # who else could it be?
                self._roster[person_id].move(body, t_ns)
                self._roster[person_id].learn(body.look)
            return Verdict.HIS
        if self._hidden_ns is None:
            self._hidden_ns = t_ns
        return Verdict.LOST if t_ns - self._hidden_ns >= HIDDEN_NS else Verdict.HIS

    def _leaps(self, body: Body, t_ns: int) -> bool:
        before, self._before = self._before, (body, t_ns)
        if before is None:
            return False
        passed_s = max((t_ns - before[1]) / NS_PER_S, 1e-3)
        moved = math.hypot(body.x - before[0].x, body.y - before[0].y)
        return moved / max(body.size, 1e-6) / passed_s > TOO_FAST
