"""Three rules for whom to follow while the operator has picked nobody. None of them changes the dancer
lightly.

The tracker calls it for every frame. Pure: time is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from engines.pose.tracking.floor import Floor, feet_of
from engines.pose.tracking.roster import Body, Known
from engines.time_units import NS_PER_MS, NS_PER_S

Rule = Literal["largest", "centre", "liveliest"]
"""largest: the person with the largest circle around the body. centre: the one nearest to a mark in the
picture. liveliest: the one who has moved most recently (`liveliness.Liveliness`)."""
RULES: tuple[Rule, ...] = get_args(Rule)

PATIENCE_NS = 3 * NS_PER_S
"""Somebody else takes over only after being clearly better for this long, without a break."""
UNSEEN_NS = 1500 * NS_PER_MS
"""Nobody who was not seen for this long takes over: people are searched once a second."""
CLEARLY_LARGER = 1.5
"""Clearly larger: this many times the dancer's diameter."""
CLEARLY_NEARER = 0.15
"""Clearly nearer to the mark: by this share of the picture's longer side."""
CLEARLY_LIVELIER = 2.0
"""Clearly livelier: this many times the dancer's motion."""
OVER_THE_EDGE = 0.1
"""A dancer's feet may be this far outside the floor, in diameters: steps and jumps."""


class Chooser:
    """Ranks people by a rule, and says when somebody else takes over from the dancer.

    rule, mark, floor: may be changed at any time. mark: x, y, shares of the picture. floor: nobody whose feet
    are outside is chosen; None: everybody may be.
    """

    def __init__(self, rule: Rule = "largest", mark: tuple[float, float] = (0.5, 0.5)) -> None:
        self.rule: Rule = rule
        self.mark = mark
        self.floor: Floor | None = None
        self._outside: int | None = None
        self._outside_ns = 0
        self._better: int | None = None
        self._since_ns = 0

    def ordered(
        self, people: Sequence[Known], size: tuple[int, int], motion: Mapping[int, float]
    ) -> list[Known]:
        """Those on the floor, the best first. size: (width, height) of the picture, pixels. motion: by id, in
        any unit."""

        def merit(one: Known) -> tuple[float, float]:
            largest = one.body.region.side * one.body.score
            if self.rule == "centre":
                return -self._from_mark(one, size), largest
            if self.rule == "liveliest":
                return motion.get(one.person_id, 0.0), largest
            return largest, 0.0

        return sorted((one for one in people if self._is_on_floor(one, size)), key=merit, reverse=True)

    def has_left(self, dancer: Known, size: tuple[int, int], t_ns: int) -> bool:
        """Whether the dancer has been outside the floor for PATIENCE_NS. Called for every frame; or not at
        all while the operator's pick counts: see `forgive`."""
        if self.allows(dancer.body, size, OVER_THE_EDGE * dancer.body.size):
            self._outside = None
        elif self._outside != dancer.person_id:
            self._outside, self._outside_ns = dancer.person_id, t_ns
        return self._outside is not None and t_ns - self._outside_ns >= PATIENCE_NS

    def allows(self, body: Body, size: tuple[int, int], reach: float = 0.0) -> bool:
        """Whether somebody who is tracked stands on the floor: then the body's circle is exact. reach: by how
        far outside the feet may be, pixels."""
        return self.floor is None or self.floor.holds(feet_of(body.region), size, reach)

    def forgive(self) -> None:
        """Whoever dances may be anywhere until now."""
        self._outside = None

    def successor(
        self,
        dancer: Known,
        people: Sequence[Known],
        size: tuple[int, int],
        motion: Mapping[int, float],
        t_ns: int,
    ) -> int | None:
        """The id of the person who takes over now; None: the dancer continues. Called for every frame."""
        better = [
            one
            for one in people
            if one.person_id != dancer.person_id
            and t_ns - one.seen_ns <= UNSEEN_NS
            and self._is_clearly_better(one, dancer, size, motion)
        ]
        best = next((one.person_id for one in self.ordered(better, size, motion)), None)
        if best is None or (best != self._better and self._better not in {one.person_id for one in better}):
            self._better, self._since_ns = best, t_ns
        if self._better is None or t_ns - self._since_ns < PATIENCE_NS:
            return None
        successor, self._better = self._better, None
        return successor

    def _is_on_floor(self, one: Known, size: tuple[int, int]) -> bool:
        trunk_px = float(math.dist(one.body.trunk[0], one.body.trunk[1]))
        return self.floor is None or self.floor.holds(feet_of(one.body.region, trunk_px), size)

    def _is_clearly_better(
        self, one: Known, dancer: Known, size: tuple[int, int], motion: Mapping[int, float]
    ) -> bool:
        if self.rule == "centre":
            return self._from_mark(one, size) + CLEARLY_NEARER < self._from_mark(dancer, size)
        if self.rule == "liveliest":
            here, there = motion.get(dancer.person_id), motion.get(one.person_id)
            return here is not None and there is not None and there > CLEARLY_LIVELIER * here
        return one.body.size > CLEARLY_LARGER * dancer.body.size

    def _from_mark(self, one: Known, size: tuple[int, int]) -> float:
        """Distance from the mark, as a share of the picture's longer side."""
        x, y = one.body.x - self.mark[0] * size[0], one.body.y - self.mark[1] * size[1]
        return math.hypot(x, y) / max(size)
