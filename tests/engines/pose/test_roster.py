from __future__ import annotations

from engines.pose.region import Region
from engines.pose.roster import MEMORY_NS, Roster

SECOND_NS = 1_000_000_000


def at(x: float, side: float = 100) -> tuple[Region, float]:
    return Region(x, 100, side, 0), 0.9


def ids(roster: Roster, *people: tuple[Region, float], t_ns: int = 0) -> list[int]:
    return [one.person_id for one in roster.see(people, t_ns)]


def test_ids_stay_whatever_the_order() -> None:
    roster = Roster()
    assert ids(roster, at(100), at(300)) == [1, 2]
    assert ids(roster, at(310), at(90), t_ns=SECOND_NS) == [2, 1]


def test_the_nearest_wins_and_the_other_is_new() -> None:
    roster = Roster()
    ids(roster, at(100))
    assert ids(roster, at(140), at(105), t_ns=SECOND_NS) == [2, 1]


def test_far_or_of_another_size_is_somebody_else() -> None:
    roster = Roster()
    ids(roster, at(100))
    assert ids(roster, at(160)) == [2]
    assert ids(roster, at(100, side=250)) == [3]


def test_people_are_forgotten_after_a_while() -> None:
    roster = Roster()
    ids(roster, at(100))
    assert ids(roster, at(100), t_ns=MEMORY_NS) == [1]
    assert ids(roster, at(100), t_ns=2 * MEMORY_NS + 1) == [2]
    assert 1 not in roster


def test_one_tracked_in_this_frame_comes_before_an_older_sighting_that_is_nearer() -> None:
    roster = Roster()
    ids(roster, at(100), at(140))
    roster.move(1, Region(110, 100, 100, 0), 0.9, SECOND_NS)
    assert ids(roster, at(135), t_ns=SECOND_NS) == [1]


def test_ids_are_not_given_twice() -> None:
    roster = Roster()
    ids(roster, at(100))
    roster.clear()
    assert ids(roster, at(100)) == [2]
