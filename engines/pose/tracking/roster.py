"""Keeps people's identities from one look at a frame to the next, by where they should be now and by their
clothes. The tracker asks it.

Pure: time is an argument. A person's place is the middle of the trunk, which a detector finds better than the
hips. Distances are in diameters of the body's circle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from engines.pose.region import MARGIN, Region
from engines.pose.tracking.appearance import Floats, unlike
from engines.time_units import NS_PER_MS, NS_PER_S

MEMORY_NS = 4 * NS_PER_S
"""Somebody not seen for this long is gone for good, and on coming back gets a new id."""
NEAR = 0.25
"""Somebody seen a moment ago is searched within this distance of where they should be."""
FARTHER = 0.25
"""This much is added to the distance during the first second after that."""
MAX_GROWTH = 2.0
VELOCITY_STEP_S = 0.4
"""Velocities are measured over at least this time: over less, the detector's noise is a large part."""
COAST_S = 1.0
"""Somebody unseen is assumed to continue ever more slowly: a velocity v carries them v * COAST_S in all."""
VELOCITY_S = 0.4
"""Velocities are averaged over about this time."""
FAMILIAR = 3
"""Somebody's clothes count after this many looks."""
ALIKE = 0.2
"""Two looks at one person differ by about this (`appearance.unlike`), looks at two persons by about twice as
much."""
UNKNOWN = 0.3
"""The assumed difference of a look at somebody whose clothes are not known yet."""
CLOTHES_SCALE = 0.15
"""A difference of this much beyond ALIKE costs as much as being at the edge of the searched area."""
MOST_FOR_CLOTHES = 1.0
"""The most that clothes may cost: people turn round, and light changes."""
UNSEEN_COST = 0.2
"""Cost added for each second in which somebody was not seen."""
UNPROVEN_COST = 0.5
"""Cost added for somebody who was hardly ever seen apart from all others."""
PROOFS = 2
"""Somebody seen apart from all others this many times is not a second detection of one of them."""
PROOF_SCORE = 0.6
"""Only detections with at least this score prove somebody."""
MOST_COST = 1.75
"""A body with a higher cost is somebody else."""
LEARNING = 0.05
"""The weight of a new look in what is known of somebody's clothes."""
APART = 0.15
"""Two trunks at least this far apart in one look do not hide each other."""
CLEARLY = 0.1
"""Clothes tell two people apart if they fit one better than the other by this."""
WEAK_NS = NS_PER_S
"""A weak detection moves somebody only if there was no better one for this long: between two people near each
other, it often lies in the middle."""
HIDDEN_NS = 3 * NS_PER_S
"""Somebody unseen is assumed for this long to be hidden by whoever is near."""
HIDDEN_FARTHER = 0.25
"""This much is added to CROWD during the first second in which somebody who was near is not seen."""
OF_LATE_NS = 1200 * NS_PER_MS
"""Somebody seen within this time is in view: people are searched once a second."""
CROWD = 0.25
"""Two people nearer to each other than this may be mistaken for one another."""


@dataclass(frozen=True)
class Body:
    """Somebody as seen in one frame.

    trunk: (2, 2) pixels, the middle of the shoulders, then of the hips. score: 0..1, the detector's or the
    landmark net's. look: of the clothes (`appearance.look`), if asked for.
    """

    region: Region
    trunk: Floats
    score: float
    look: Floats | None = None

    @property
    def x(self) -> float:
        return float(self.trunk[0, 0] + self.trunk[1, 0]) / 2

    @property
    def y(self) -> float:
        return float(self.trunk[0, 1] + self.trunk[1, 1]) / 2

    @property
    def size(self) -> float:
        """The diameter of the body's circle, pixels."""
        return self.region.side / MARGIN

    def distance(self, other: Body) -> float:
        """The distance between the middles of the trunks, in mean diameters."""
        return math.hypot(self.x - other.x, self.y - other.y) / max((self.size + other.size) / 2, 1e-6)


@dataclass
class Known:
    """Somebody with an id. body: as last seen, at seen_ns. sure_ns: when it was last certain that it was this
    person. velocity: pixels a second. may_hide: somebody near may hide them.

    alone: the number of looks in which this person was seen apart from all others. proofs: the number of
    those in which somebody else was seen too.
    """

    person_id: int
    body: Body
    seen_ns: int
    velocity: tuple[float, float] = (0.0, 0.0)
    look: Floats | None = None
    looks: int = 0
    alone: int = 0
    proofs: int = 0
    may_hide: bool = False
    sure_ns: int = field(init=False)
    _sure: tuple[float, float] = field(init=False)
    _from: tuple[float, float, int] = field(init=False)

    def __post_init__(self) -> None:
        self.sure_ns, self._sure = self.seen_ns, (self.body.x, self.body.y)
        self._from = (self.body.x, self.body.y, self.seen_ns)

    @property
    def is_proven(self) -> bool:
        """Whether this is certainly not a second detection, nor a former id, of somebody else: both were seen
        at once."""
        return self.proofs >= PROOFS

    def place(self, t_ns: int) -> tuple[float, float]:
        """Where this person should be, pixels, judging by the last place that was certain."""
        lasts = COAST_S * (1 - math.exp(-(t_ns - self.sure_ns) / NS_PER_S / COAST_S))
        return self._sure[0] + self.velocity[0] * lasts, self._sure[1] + self.velocity[1] * lasts

    def cost(self, body: Body, t_ns: int) -> float:
        """The cost of taking `body` for this person: 0 at the expected place and in the known clothes;
        infinite where the person cannot be; below 0 for whoever is tracked in this very frame."""
        size = (body.size + self.body.size) / 2
        if max(body.size, self.body.size) > MAX_GROWTH * max(min(body.size, self.body.size), 1e-6):
            return math.inf
        x, y = self.place(t_ns)
        unsure_s = (t_ns - self.sure_ns) / NS_PER_S
        reach = size * (NEAR + FARTHER * min(unsure_s, 1.0))
        distance = math.hypot(body.x - x, body.y - y)
        cost = distance / max(reach, 1e-6)
        if cost > 1:
            return math.inf
        if t_ns == self.sure_ns and distance < APART * size:  # tracked, and for certain
            return cost - 1
        clothes = min(max(0.0, self.unlike(body.look) - ALIKE) / CLOTHES_SCALE, MOST_FOR_CLOTHES)
        clothes *= min(0.5 + 0.5 * unsure_s, 1.0)  # with time the place says less, the clothes more
        unproven = 0.0 if self.alone >= PROOFS else UNPROVEN_COST
        return cost + clothes + unproven + UNSEEN_COST * unsure_s

    def unlike(self, look: Floats | None) -> float:
        """How much a look differs from the known clothes (`appearance.unlike`); UNKNOWN where too little is
        known."""
        if look is None or self.look is None or self.looks < FAMILIAR:
            return UNKNOWN
        return unlike(self.look, look)

    def move(self, body: Body, t_ns: int) -> None:
        """The person is certainly here now."""
        self.glimpse(body, t_ns)
        self.sure_ns, self._sure, self.may_hide = t_ns, (body.x, body.y), False
        x, y, from_ns = self._from
        passed_s = (t_ns - from_ns) / NS_PER_S
        if passed_s > VELOCITY_STEP_S:
            share = 1 - math.exp(-passed_s / VELOCITY_S)
            now = ((body.x - x) / passed_s, (body.y - y) / passed_s)
            self.velocity = (
                self.velocity[0] + share * (now[0] - self.velocity[0]),
                self.velocity[1] + share * (now[1] - self.velocity[1]),
            )
            self._from = (body.x, body.y, t_ns)

    def glimpse(self, body: Body, t_ns: int) -> None:
        """The person is here now, unless it is somebody else who hides them or is hidden by them."""
        self.body, self.seen_ns = body, t_ns

    def learn(self, look: Floats | None) -> None:
        """Learns the clothes; call it only while it cannot be somebody else."""
        if look is None:
            return
        self.looks += 1
        share = max(1 / self.looks, LEARNING)
        self.look = look if self.look is None else self.look + share * (look - self.look)


class Roster:
    """Gives people ids, which they keep while they are seen and for MEMORY_NS after."""

    def __init__(self) -> None:
        self._next_id = 1
        self._known: dict[int, Known] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, person_id: int | None) -> bool:
        return person_id in self._known

    def __getitem__(self, person_id: int) -> Known:
        return self._known[person_id]

    def everybody(self) -> list[Known]:
        """Everybody known, ordered by id."""
        return [self._known[person_id] for person_id in sorted(self._known)]

    def clear(self) -> None:
        """Forgets everybody; ids are never given again."""
        self._known.clear()

    def see(self, bodies: Sequence[Body], t_ns: int, newcomers_from: float = 0.0) -> list[Known]:
        """The people of one look, in the order of `bodies`, each with the id that fits best, or a new one.

        newcomers_from: a body with a lower score gets no new id, and is left out.
        """
        self.forget(t_ns)
        before = self.everybody()
        ids = assign([[known.cost(body, t_ns) for known in before] for body in bodies])
        seen: list[Known] = []
        looks: list[Body] = []
        for body, index in zip(bodies, ids, strict=True):
            if index is None and body.score < newcomers_from:
                continue
            if index is None:
                known = self._known[self._next_id] = Known(self._next_id, body, t_ns)
                self._next_id += 1
            else:
                known = before[index]
            seen.append(known)
            looks.append(body)
        for known, body in zip(seen, looks, strict=True):
            if known.sure_ns == t_ns:  # the tracked place is more exact
                continue
            if self._may_be_another(known, body, seen, t_ns):
                known.glimpse(body, t_ns)
            else:
                known.move(body, t_ns)
        for known, body in zip(seen, looks, strict=True):
            if body.distance(known.body) < APART and self._is_alone(known, t_ns):
                known.alone += body.score >= PROOF_SCORE
                known.proofs += body.score >= PROOF_SCORE and self._is_beside_another(known, t_ns)
                known.learn(body.look)
        return seen

    def near(self, person_id: int, body: Body, t_ns: int) -> list[Known]:
        """Everybody else who may now be so near to `body` that they may be mistaken for each other.

        That is everybody recently seen there; and from then on, for HIDDEN_NS, everybody who is not seen
        elsewhere.
        """
        near = []
        for known in self._known.values():
            unseen_ns = t_ns - known.sure_ns
            if known.person_id == person_id or not known.is_proven or unseen_ns > HIDDEN_NS:
                continue
            reach = CROWD
            if known.may_hide:
                reach += HIDDEN_FARTHER * min(unseen_ns / NS_PER_S, 1.0)
            elif unseen_ns > OF_LATE_NS:
                continue
            x, y = known.place(t_ns)
            if math.hypot(x - body.x, y - body.y) < reach * body.size:
                known.may_hide = True
                near.append(known)
        return near

    def _may_be_another(self, one: Known, body: Body, seen: list[Known], t_ns: int) -> bool:
        """Whether a body that fits `one` best may belong to somebody who should be there and is not seen."""
        if body.score < PROOF_SCORE and t_ns - one.sure_ns < WEAK_NS:
            return True
        hidden = [other for other in self.near(one.person_id, body, t_ns) if other not in seen]
        return any(other.unlike(body.look) < one.unlike(body.look) + CLEARLY for other in hidden)

    def _is_beside_another(self, one: Known, t_ns: int) -> bool:
        """Whether somebody else was seen in the same frame."""
        return any(other.seen_ns == t_ns for other in self._known.values() if other is not one)

    def _is_alone(self, one: Known, t_ns: int) -> bool:
        """Whether nobody hides this person or is hidden by them: others are seen apart, or should be
        elsewhere."""
        others = (other for other in self._known.values() if other is not one and other.seen_ns == t_ns)
        if any(other.body.distance(one.body) < APART for other in others):
            return False
        return all(other.seen_ns == t_ns for other in self.near(one.person_id, one.body, t_ns))

    def forget(self, t_ns: int) -> None:
        """Drops everybody not seen for MEMORY_NS."""
        self._known = {i: known for i, known in self._known.items() if t_ns - known.seen_ns <= MEMORY_NS}


def assign(costs: Sequence[Sequence[float]]) -> list[int | None]:
    """Gives each row a column of its own whose cost is at most MOST_COST, or None. The cheapest pairs come
    first; then two rows exchange columns wherever that lowers the cost."""
    found: list[int | None] = [None] * len(costs)
    pairs = sorted((cost, row, column) for row, line in enumerate(costs) for column, cost in enumerate(line))
    for cost, row, column in pairs:
        if cost <= MOST_COST and found[row] is None and column not in found:
            found[row] = column
    better = True
    while better:
        better = False
        for one in range(len(found)):
            for other in range(one):
                if _exchange_pays(costs, found, one, other):
                    found[one], found[other] = found[other], found[one]
                    better = True
    return found


def _exchange_pays(costs: Sequence[Sequence[float]], found: list[int | None], one: int, other: int) -> bool:
    """Whether two rows gain by exchanging columns. A row without a column costs MOST_COST."""

    def cost(row: int, column: int | None) -> float:
        if column is None:
            return MOST_COST
        return costs[row][column] if costs[row][column] <= MOST_COST else math.inf

    now = cost(one, found[one]) + cost(other, found[other])
    return cost(one, found[other]) + cost(other, found[one]) < now - 1e-9
