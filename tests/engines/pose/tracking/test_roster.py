"""Who is who, of made-up people: crossings, occlusions, alike clothes, stray detections."""

from __future__ import annotations

import numpy as np
import pytest

from engines.pose.region import MARGIN, Region
from engines.pose.tracking.appearance import Floats
from engines.pose.tracking.roster import MEMORY_NS, Body, Roster, assign

SECOND_NS = 1_000_000_000
STEP_NS = 100_000_000
SIZE = 200.0
"""Of everybody's circle, pixels."""


def clothes(number: int) -> Floats:
    """Looks of different numbers are far apart."""
    look = np.zeros((4, 3, 8), np.float32)
    look[..., number] = 1
    return look


def at(x: float, wears: int | None = None, *, score: float = 0.9, size: float = SIZE) -> Body:
    trunk = np.array([[x, 100], [x, 150]], np.float32)
    region = Region(x, 150, size * MARGIN, 0)
    return Body(region, trunk, score, None if wears is None else clothes(wears))


def ids(roster: Roster, *people: Body, t_ns: int = 0) -> list[int]:
    return [one.person_id for one in roster.see(people, t_ns)]


def test_ids_stay_whatever_the_order() -> None:
    roster = Roster()
    assert ids(roster, at(100), at(300)) == [1, 2]
    assert ids(roster, at(310), at(90), t_ns=SECOND_NS) == [2, 1]


def test_far_or_of_another_size_is_somebody_else() -> None:
    roster = Roster()
    ids(roster, at(100))
    assert ids(roster, at(230), t_ns=SECOND_NS) == [2]
    assert ids(roster, at(100, size=500), t_ns=SECOND_NS) == [3]


def test_people_are_forgotten_after_a_while() -> None:
    roster = Roster()
    for t_ns in range(0, 5 * STEP_NS, STEP_NS):
        ids(roster, at(100, 3), at(500), t_ns=t_ns)
    assert ids(roster, at(100, 3), t_ns=MEMORY_NS) == [1]
    assert ids(roster, at(100, 3), t_ns=2 * MEMORY_NS + 1) == [3]
    assert 1 not in roster


def test_ids_are_not_given_twice() -> None:
    roster = Roster()
    ids(roster, at(100))
    roster.clear()
    assert ids(roster, at(100)) == [2]


@pytest.mark.parametrize("wears", [(None, None), (3, 3), (0, 5)], ids=["unseen", "alike", "different"])
@pytest.mark.parametrize("hidden_s", [0.4, 0.8])
def test_two_who_walk_past_each_other_keep_their_ids(
    wears: tuple[int | None, int | None], hidden_s: float
) -> None:
    """At the same speed, in any clothes; one hides the other while they are near."""
    roster = Roster()
    speed, t_ns = 150.0, 0
    found: list[int] = []
    for step in range(40):
        t_ns = step * STEP_NS
        left, right = 100 + speed * t_ns * 1e-9, 600 - speed * t_ns * 1e-9
        people = [at(left, wears[0]), at(right, wears[1])]
        if abs(left - right) < speed * hidden_s:
            people = []
        found = ids(roster, *people, t_ns=t_ns) or found
    assert found == [1, 2], "the first still is who came from the left"


def test_two_in_different_clothes_who_turn_back_behind_each_other_keep_their_ids() -> None:
    """Motion says that they went past each other; their clothes say that they did not."""
    roster = Roster()
    for step in range(10):
        assert ids(roster, at(100 + 10 * step, 0), at(300 - 10 * step, 5), t_ns=step * STEP_NS) == [1, 2]
    assert ids(roster, at(190, 0), at(210, 5), t_ns=18 * STEP_NS) == [1, 2]


@pytest.mark.parametrize("wears", [None, 2])
def test_an_id_survives_two_seconds_of_occlusion(wears: int | None) -> None:
    roster = Roster()
    for step in range(10):
        ids(roster, at(100 + 4 * step, wears), t_ns=step * STEP_NS)
    assert ids(roster, at(170, wears), t_ns=9 * STEP_NS + 2 * SECOND_NS) == [1]


def test_somebody_in_other_clothes_does_not_take_the_place_of_one_long_unseen() -> None:
    roster = Roster()
    for step in range(10):
        ids(roster, at(100, 0), t_ns=step * STEP_NS)
    assert ids(roster, at(150, 5), t_ns=3 * SECOND_NS) == [2]


def test_one_who_is_tracked_comes_before_an_older_sighting_that_is_nearer() -> None:
    roster = Roster()
    ids(roster, at(100), at(180))
    roster[1].move(at(150), SECOND_NS)
    assert ids(roster, at(175), t_ns=SECOND_NS) == [1]
    assert roster[1].body.x == 150, "where he is tracked is known better"


def test_a_weak_newcomer_can_be_left_out() -> None:
    roster = Roster()
    ids(roster, at(100))
    seen = roster.see([at(100, score=0.5), at(400, score=0.5)], SECOND_NS, 0.6)
    assert [one.person_id for one in seen] == [1]


def test_a_second_detection_of_somebody_is_near_nobody() -> None:
    """Only who was seen apart from others may be taken for them."""
    roster = Roster()
    for step in range(4):
        ids(roster, at(100), at(110), t_ns=step * STEP_NS)
    assert roster.near(1, at(100), 4 * STEP_NS) == []
    for step in range(4, 12):
        ids(roster, at(100), at(110 + 5 * (step - 3)), t_ns=step * STEP_NS)
    assert [one.person_id for one in roster.near(1, at(120), 12 * STEP_NS)] == [2]


def test_rows_change_columns_where_that_costs_less() -> None:
    assert assign([[0.1, 0.2], [0.15, 1.7]]) == [1, 0]
    assert assign([[0.1, 9.0], [0.2, 9.0]]) == [0, None]
    assert assign([]) == []
