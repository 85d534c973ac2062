"""Who is who from one look at a frame to the next: by where he should be by now, and by his clothes.

Pure: time is an argument. Places are the middles of trunks, which a detector finds better than hips;
distances are measured in diameters of the body's circle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from engines.pose.region import MARGIN, Region
from engines.pose.tracking.appearance import Floats, unlike
from engines.time_units import NS_PER_MS, NS_PER_S

MEMORY_NS = 4 * NS_PER_S
"""Somebody who was not seen for longer is gone for good: if he comes back, he is somebody new."""
NEAR = 0.25
"""Somebody seen a moment ago is looked for within this distance of where he should be."""
FARTHER = 0.25
"""So much is added for the first second after that."""
MAX_GROWTH = 2.0
VELOCITY_STEP_S = 0.4
"""Of shorter steps the detector's noise is a large part."""
COAST_S = 1.0
"""Somebody unseen is thought to go on as he went, ever slower: a movement of v lasts for v * COAST_S."""
VELOCITY_S = 0.4
"""Velocities are averaged over about this time."""
FAMILIAR = 3
"""From so many looks on, somebody's clothes count."""
ALIKE = 0.2
"""Two looks at one person differ by about this (`appearance.unlike`), two persons by about twice as much."""
UNKNOWN = 0.3
"""What a look at somebody whose clothes are not known yet counts as."""
CLOTHES_SCALE = 0.15
"""A difference beyond ALIKE by this much weighs as much as the edge of where he is looked for."""
MOST_FOR_CLOTHES = 1.0
"""People turn round, and light changes."""
UNSEEN_COST = 0.2
"""Is added for each second in which somebody was not seen."""
UNPROVEN_COST = 0.5
"""Is added for somebody who was hardly ever seen apart from all others."""
PROOFS = 2
"""Somebody who was seen apart from all others so often is no second detection of one of them."""
PROOF_SCORE = 0.6
"""Only detections that are so sure prove somebody."""
MOST_COST = 1.75
"""What costs more is somebody else."""
LEARNING = 0.05
"""The share of a new look in what is known of somebody's clothes."""
APART = 0.15
"""Two trunks that are seen in one look with this distance do not hide each other."""
CLEARLY = 0.1
"""Clothes that fit one person better than another by this tell them apart."""
WEAK_NS = NS_PER_S
"""A weak detection says where somebody is only if he was not seen better for so long: where two are near each
other, it often lies between them."""
HIDDEN_NS = 3 * NS_PER_S
"""For so long somebody unseen is thought to be hidden by whoever is near."""
HIDDEN_FARTHER = 0.25
"""So much is added to CROWD for the first second in which somebody who was near is not seen."""
OF_LATE_NS = 1200 * NS_PER_MS
"""People are looked for once a second: who is in view was seen within this time."""
CROWD = 0.25
"""Two who are nearer than this may be taken for one another."""


@dataclass(frozen=True)
class Body:
    """Somebody as one frame shows him.

    trunk: (2, 2) pixels, the middle of the shoulders, then of the hips. score: 0..1, the detector's or the
    landmark net's. look: of his clothes (`appearance.look`), where it was asked for.
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
        """The diameter of his circle, pixels."""
        return self.region.side / MARGIN

    def distance(self, other: Body) -> float:
        """Of the middles of the trunks, in mean diameters."""
        return math.hypot(self.x - other.x, self.y - other.y) / max((self.size + other.size) / 2, 1e-6)


@dataclass
class Known:
    """Somebody with an id. body: as he was last seen, at seen_ns. sure_ns: when it was last certain that it
    was he. velocity: pixels a second. may_hide: somebody who is near may hide him.

    alone: in how many looks he was seen apart from all others. proofs: in how many of them somebody else was
    seen too.
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
        """Whether he is no second detection, nor a former id, of somebody else: both were seen at once."""
        return self.proofs >= PROOFS

    def place(self, t_ns: int) -> tuple[float, float]:
        """Where he should be, pixels, by where he was last for certain."""
        lasts = COAST_S * (1 - math.exp(-(t_ns - self.sure_ns) / NS_PER_S / COAST_S))
        return self._sure[0] + self.velocity[0] * lasts, self._sure[1] + self.velocity[1] * lasts

    def cost(self, body: Body, t_ns: int) -> float:
        """Of taking `body` for him: 0 where he should be and in his clothes; infinite where he cannot be;
        less than 0 for who is tracked in this very frame."""
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
        if t_ns == self.sure_ns and distance < APART * size:  # he is tracked, and for certain
            return cost - 1
        clothes = min(max(0.0, self.unlike(body.look) - ALIKE) / CLOTHES_SCALE, MOST_FOR_CLOTHES)
        clothes *= min(0.5 + 0.5 * unsure_s, 1.0)  # the longer, the less his place says, and the more they do
        unproven = 0.0 if self.alone >= PROOFS else UNPROVEN_COST
        return cost + clothes + unproven + UNSEEN_COST * unsure_s

    def unlike(self, look: Floats | None) -> float:
        """How far a look is from what is known of his clothes (`appearance.unlike`); UNKNOWN where that is
        too little."""
        if look is None or self.look is None or self.looks < FAMILIAR:
            return UNKNOWN
        return unlike(self.look, look)

    def move(self, body: Body, t_ns: int) -> None:
        """He is here now, for certain."""
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
        """He is here now, unless it is somebody else who is hidden or hides him."""
        self.body, self.seen_ns = body, t_ns

    def learn(self, look: Floats | None) -> None:
        """His clothes, while nobody else can be meant."""
        if look is None:
            return
        self.looks += 1
        share = max(1 / self.looks, LEARNING)
        self.look = look if self.look is None else self.look + share * (look - self.look)


class Roster:
    """Gives people ids that stay theirs while they are seen, and for MEMORY_NS after."""

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
        """Whoever is known, in the order of their ids."""
        return [self._known[person_id] for person_id in sorted(self._known)]

    def clear(self) -> None:
        """Forgets everybody; ids are not given again."""
        self._known.clear()

    def see(self, bodies: Sequence[Body], t_ns: int, newcomers_from: float = 0.0) -> list[Known]:
        """The people of one look, each with the id that fits best, or a new one; in the order of `bodies`.

        newcomers_from: a body of a lower score gets no new id and is left out.
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
            if known.sure_ns == t_ns:  # where he is tracked is known better
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
        """Who else may be so near to `body` by now that one may be taken for the other.

        Whoever was seen there of late; and from then on, for HIDDEN_NS, whoever is not seen anywhere else.
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
        """Whether a body that fits `one` best may be somebody's who should be there and is not seen."""
        if body.score < PROOF_SCORE and t_ns - one.sure_ns < WEAK_NS:
            return True
        hidden = [other for other in self.near(one.person_id, body, t_ns) if other not in seen]
        return any(other.unlike(body.look) < one.unlike(body.look) + CLEARLY for other in hidden)

    def _is_beside_another(self, one: Known, t_ns: int) -> bool:
        """Whether somebody else was seen in the same frame."""
        return any(other.seen_ns == t_ns for other in self._known.values() if other is not one)

    def _is_alone(self, one: Known, t_ns: int) -> bool:
        """Nobody hides him, nor is hidden by him: others are seen apart, or should be elsewhere."""
        others = (other for other in self._known.values() if other is not one and other.seen_ns == t_ns)
        if any(other.body.distance(one.body) < APART for other in others):
            return False
        return all(other.seen_ns == t_ns for other in self.near(one.person_id, one.body, t_ns))

    def forget(self, t_ns: int) -> None:
        """Drops who has not been seen for MEMORY_NS."""
        self._known = {i: known for i, known in self._known.items() if t_ns - known.seen_ns <= MEMORY_NS}


def assign(costs: Sequence[Sequence[float]]) -> list[int | None]:
    """For each row a column of its own whose cost is at most MOST_COST, or None. The cheapest pairs are taken
    first; then two rows change columns wherever that costs less."""
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
    """Where a row has none, that costs MOST_COST."""

    def cost(row: int, column: int | None) -> float:
        if column is None:
            return MOST_COST
        return costs[row][column] if costs[row][column] <= MOST_COST else math.inf

    now = cost(one, found[one]) + cost(other, found[other])
    return cost(one, found[other]) + cost(other, found[one]) < now - 1e-9
