"""Who is who from one detection to the next. Pure: time is an argument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.pose.region import Region

MAX_SHIFT = 0.5
"""A person is recognised within this share of his circle's diameter from where he was last seen."""
MAX_GROWTH = 2.0
MEMORY_NS = 2_000_000_000


@dataclass(frozen=True)
class Sighting:
    """A person's last known place. score: the detector's, 0..1."""

    person_id: int
    region: Region
    score: float
    seen_ns: int


class Roster:
    """Gives people ids that stay theirs while they are seen, and for MEMORY_NS after."""

    def __init__(self) -> None:
        self._next_id = 1
        self._known: dict[int, Sighting] = {}

    def __contains__(self, person_id: int) -> bool:
        return person_id in self._known

    def __getitem__(self, person_id: int) -> Sighting:
        return self._known[person_id]

    def everybody(self) -> list[Sighting]:
        """Whoever is known, in the order of their ids."""
        return [self._known[person_id] for person_id in sorted(self._known)]

    def clear(self) -> None:
        """Forgets everybody; ids are not given again."""
        self._known.clear()

    def see(self, people: Sequence[tuple[Region, float]], t_ns: int) -> list[Sighting]:
        """The people of one frame (region, score), each with the nearest known id or a new one."""
        self.forget(t_ns)
        pairs = sorted(
            (known.seen_ns != t_ns, shift, index, known.person_id)  # who is tracked in this frame comes first
            for index, (region, _) in enumerate(people)
            for known in self._known.values()
            if (shift := _shift(region, known.region)) <= MAX_SHIFT
        )
        ids: dict[int, int] = {}
        for _, _, index, person_id in pairs:
            if index not in ids and person_id not in ids.values():
                ids[index] = person_id
        sightings = []
        for index, (region, score) in enumerate(people):
            if index not in ids:
                ids[index] = self._next_id
                self._next_id += 1
            sighting = Sighting(ids[index], region, score, t_ns)
            self._known[sighting.person_id] = sighting
            sightings.append(sighting)
        return sightings

    def move(self, person_id: int, region: Region, score: float, t_ns: int) -> None:
        """A person who is tracked is known to be here now."""
        self._known[person_id] = Sighting(person_id, region, score, t_ns)

    def forget(self, t_ns: int) -> None:
        """Drops who has not been seen for MEMORY_NS."""
        self._known = {i: known for i, known in self._known.items() if t_ns - known.seen_ns <= MEMORY_NS}


def _shift(one: Region, other: Region) -> float:
    """Distance of the centres over the mean side; infinite where the sides differ too much."""
    growth = max(one.side, other.side) / max(min(one.side, other.side), 1e-6)
    if growth > MAX_GROWTH:
        return float("inf")
    return float(np.hypot(one.x - other.x, one.y - other.y)) / ((one.side + other.side) / 2)
