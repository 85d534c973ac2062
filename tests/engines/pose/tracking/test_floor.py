"""Who stands on a floor, of made-up bodies."""

from __future__ import annotations

import math

import pytest

from engines.pose.region import MARGIN, Region
from engines.pose.tracking.choosing import PATIENCE_NS, RULES, Chooser, Rule
from engines.pose.tracking.floor import FEET, LEG, Floor, feet_of
from engines.pose.tracking.roster import Known
from tests.engines.pose.tracking.test_roster import SIZE, at

PICTURE = (1000, 500)
MIDDLE = Floor(((0.3, 0.4), (0.7, 0.4), (0.8, 1.0), (0.2, 1.0)))
"""Feet of `at` are at 150 + 87 = 237 of 500 pixels."""


def person(number: int, x: float, size: float = SIZE) -> Known:
    return Known(number, at(x, size=size), 0)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("x", "inside"), [(500, True), (310, True), (250, False), (690, True), (760, False)])
def test_feet_inside_the_corners_are_on_the_floor(order: int, x: float, inside: bool) -> None:
    assert Floor(MIDDLE.corners[::order]).holds(feet_of(at(x).region), PICTURE) == inside


def test_the_feet_count_and_not_the_body() -> None:
    behind = Region(500, 100, SIZE * MARGIN, 0)
    assert feet_of(behind) == (500, 100 + FEET * SIZE / 2)
    assert not MIDDLE.holds(feet_of(behind), PICTURE)
    assert MIDDLE.holds(feet_of(behind), PICTURE, reach=20)
    assert not MIDDLE.holds(feet_of(behind), PICTURE, reach=10)


def test_raised_arms_do_not_lower_the_feet() -> None:
    raised = Region(500, 100, 2 * SIZE * MARGIN, 0)
    assert feet_of(raised, trunk_px=50) == (500, 100 + LEG * 50)
    assert feet_of(raised, trunk_px=500) == feet_of(raised)


def test_feet_follow_the_body_that_leans() -> None:
    x, y = feet_of(Region(500, 100, SIZE * MARGIN, math.pi / 2))
    assert (x, y) == pytest.approx((500 - FEET * SIZE / 2, 100))


def test_feet_below_the_picture_count_as_at_its_edge() -> None:
    near = Region(500, 470, SIZE * MARGIN, 0)
    assert feet_of(near)[1] > PICTURE[1] and MIDDLE.holds(feet_of(near), PICTURE)
    assert not MIDDLE.holds(feet_of(Region(950, 470, SIZE * MARGIN, 0)), PICTURE)


@pytest.mark.parametrize("rule", RULES)
def test_nobody_outside_is_chosen(rule: Rule) -> None:
    chooser = Chooser(rule, (0.05, 0.5))
    people = [person(1, 60, 300), person(2, 500, 100), person(3, 940, 250)]
    assert {one.person_id for one in chooser.ordered(people, PICTURE, {1: 0.9})} == {1, 2, 3}
    chooser.floor = Floor(((0.3, 0.1), (0.7, 0.1), (0.7, 0.9), (0.3, 0.9)))
    assert [one.person_id for one in chooser.ordered(people, PICTURE, {1: 0.9})] == [2]


def test_nobody_outside_takes_over() -> None:
    chooser = Chooser("largest")
    chooser.floor = MIDDLE
    dancer, bystander = person(1, 500, 200), person(2, 60, 350)
    for t_ns in range(0, 3 * PATIENCE_NS, PATIENCE_NS // 10):
        bystander.seen_ns = t_ns
        assert chooser.successor(dancer, [dancer, bystander], PICTURE, {}, t_ns) is None


def test_a_dancer_leaves_only_after_a_while_outside() -> None:
    chooser = Chooser()
    dancer = person(1, 60)
    assert not any(chooser.has_left(dancer, PICTURE, t_ns) for t_ns in (0, 10 * PATIENCE_NS)), "no floor"
    chooser.floor = MIDDLE
    assert not chooser.has_left(dancer, PICTURE, 0)
    assert not chooser.has_left(dancer, PICTURE, PATIENCE_NS - 1)
    assert chooser.has_left(dancer, PICTURE, PATIENCE_NS)


@pytest.mark.parametrize("how", ["step back", "pick"])
def test_a_step_back_or_a_pick_begins_the_wait_anew(how: str) -> None:
    chooser = Chooser()
    chooser.floor = MIDDLE
    assert not chooser.has_left(person(1, 60), PICTURE, 0)
    if how == "pick":
        chooser.forgive()
    else:
        assert not chooser.has_left(person(1, 500), PICTURE, 1)
    assert not chooser.has_left(person(1, 60), PICTURE, PATIENCE_NS)
    assert not chooser.has_left(person(1, 60), PICTURE, 2 * PATIENCE_NS - 1)
    assert chooser.has_left(person(1, 60), PICTURE, 2 * PATIENCE_NS)
