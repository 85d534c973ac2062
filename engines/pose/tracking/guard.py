"""Notices when the landmark net has jumped from the followed person to somebody else. The tracker asks it in
every frame.

While somebody else is near, or the clothes differ, the tracked place does not prove who it is. The roster
then keeps the place where the followed person was last seen for certain, and the detector's sightings decide,
by motion and clothes. Pure: time is an argument.
"""

from __future__ import annotations

import math
from enum import Enum, auto

from engines.pose.tracking.roster import APART, Body, Known, Roster
from engines.time_units import NS_PER_MS, NS_PER_S

LOOK_NS = 250 * NS_PER_MS
"""The clothes of the tracked person are checked this often."""
CLOSE_NS = 250 * NS_PER_MS
"""While it is uncertain who is tracked, the detector looks this often."""
DOUBT_NS = 60 * NS_PER_MS
"""The detector looks this soon after it saw the followed person elsewhere, or after what is tracked has
leapt."""
LOOKS_ELSEWHERE = 2
"""After this many looks in a row that saw the followed person elsewhere, the tracker goes there."""
HIDDEN_NS = NS_PER_S
"""The followed person may be out of sight for this long while somebody else's body is tracked."""
STRANGE = 0.33
"""Clothes that differ from the followed person's by more than this (`appearance.unlike`) may be somebody
else's."""
TOO_FAST = 2.0
"""Diameters a second: no trunk moves faster."""


class Verdict(Enum):
    """Whose pose is tracked. FOLLOWED: the followed person's. ELSEWHERE: the followed person is where the
    roster says. LOST: somebody else's, and the followed person is not seen."""

    FOLLOWED = auto()
    ELSEWHERE = auto()
    LOST = auto()


class Guard:
    """Guards the followed person; after a change, the next one."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self.begin(0, 0)

    def begin(self, person_id: int, t_ns: int) -> None:
        """Starts to follow this person, at the place that the roster has."""
        self._person_id = person_id
        self._strange = False
        self._leapt = False
        self._elsewhere = 0
        self._hidden_ns: int | None = None
        self._looked_ns: int | None = None
        self._judged_ns = t_ns
        self._before: tuple[Body, int] | None = None

    def wants_look(self, t_ns: int) -> bool:
        """Whether the next `step` needs a look at the clothes."""
        return self._looked_ns is None or t_ns - self._looked_ns >= LOOK_NS

    def step(self, person_id: int, body: Body, t_ns: int) -> bool:
        """Call it for every tracked frame. body: what is tracked. Returns True where it is uncertain whose it
        is."""
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
        """Whether the detector should look now."""
        return t_ns - self._judged_ns >= (DOUBT_NS if self._elsewhere or self._leapt else CLOSE_NS)

    def judge(self, person_id: int, body: Body, seen: list[Known], t_ns: int) -> Verdict:
        """Decides after a look by the detector. body: what is tracked. seen: the roster's result of the
        look."""
        self._judged_ns = t_ns
        self._leapt = False
        under = min(seen, key=lambda one: one.body.distance(body), default=None)
        if under is not None and under.body.distance(body) > APART:
            under = None
        followed = next((one for one in seen if one.person_id == person_id), None)
        if followed is not None and followed is not under:
            self._elsewhere += 1
            if self._elsewhere >= LOOKS_ELSEWHERE:
                return Verdict.ELSEWHERE
            return Verdict.FOLLOWED
        self._elsewhere = 0
        if followed is not None:
            self._hidden_ns = None
            return Verdict.FOLLOWED
        if under is None or not under.is_proven:
            near = self._roster.near(person_id, body, t_ns)
            if all(one.seen_ns == t_ns for one in near):  # who else could it be?
                self._roster[person_id].move(body, t_ns)
                self._roster[person_id].learn(body.look)
            return Verdict.FOLLOWED
        if self._hidden_ns is None:
            self._hidden_ns = t_ns
        return Verdict.LOST if t_ns - self._hidden_ns >= HIDDEN_NS else Verdict.FOLLOWED

    def _leaps(self, body: Body, t_ns: int) -> bool:
        before, self._before = self._before, (body, t_ns)
        if before is None:
            return False
        passed_s = max((t_ns - before[1]) / NS_PER_S, 1e-3)
        moved = math.hypot(body.x - before[0].x, body.y - before[0].y)
        return moved / max(body.size, 1e-6) / passed_s > TOO_FAST
