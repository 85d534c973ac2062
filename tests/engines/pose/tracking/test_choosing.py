"""Whom the rules choose, and when they change their mind, of made-up people."""

from __future__ import annotations

import numpy as np
import pytest

from engines.pose.tracking.choosing import PATIENCE_NS, RULES, UNSEEN_NS, Chooser, Rule
from engines.pose.tracking.liveliness import Liveliness
from engines.pose.tracking.roster import Known
from tests.engines.pose.tracking.test_roster import SIZE, at

PICTURE = (1000, 500)
FRAME_NS = 33_333_333


def person(number: int, x: float, size: float = SIZE, seen_ns: int = 0) -> Known:
    return Known(number, at(x, size=size), seen_ns)


SMALL, LARGE, MIDDLE = person(1, 100, 100), person(2, 800, 300), person(3, 480, 150)
MOTION = {1: 0.5, 2: 0.1, 3: 0.2}


@pytest.mark.parametrize(
    ("rule", "order"), [("largest", [2, 3, 1]), ("centre", [3, 2, 1]), ("liveliest", [1, 3, 2])]
)
def test_each_rule_has_its_order(rule: Rule, order: list[int]) -> None:
    ordered = Chooser(rule).ordered([SMALL, LARGE, MIDDLE], PICTURE, MOTION)
    assert [one.person_id for one in ordered] == order


def test_the_mark_can_be_elsewhere() -> None:
    ordered = Chooser("centre", (0.1, 0.25)).ordered([SMALL, LARGE, MIDDLE], PICTURE, {})
    assert [one.person_id for one in ordered] == [1, 3, 2]


def follow(chooser: Chooser, dancer: Known, other: Known, frames: int, motion: dict[int, float]) -> list[int]:
    """In which frames somebody else is to take over."""
    taken = []
    for frame in range(frames):
        t_ns = frame * FRAME_NS
        other.seen_ns = t_ns
        if chooser.successor(dancer, [dancer, other], PICTURE, motion, t_ns) is not None:
            taken.append(frame)
    return taken


WORST: dict[Rule, Known] = {"largest": SMALL, "centre": SMALL, "liveliest": LARGE}
BEST: dict[Rule, Known] = {"largest": LARGE, "centre": MIDDLE, "liveliest": SMALL}


@pytest.mark.parametrize("rule", RULES)
def test_another_takes_over_only_after_being_clearly_better_for_long(rule: Rule) -> None:
    patience = -(-PATIENCE_NS // FRAME_NS)
    chooser = Chooser(rule)
    assert follow(chooser, WORST[rule], BEST[rule], patience, MOTION) == []
    assert follow(Chooser(rule), WORST[rule], BEST[rule], patience + 1, MOTION) == [patience]


@pytest.mark.parametrize(
    ("rule", "other", "motion"),
    [
        ("largest", person(9, 500, 1.4 * SIZE), {}),
        ("centre", person(9, 500), {}),
        ("liveliest", person(9, 500), {8: 0.1, 9: 0.19}),
        ("liveliest", person(9, 500), {9: 1.0}),
    ],
)
def test_a_little_better_is_not_enough(rule: Rule, other: Known, motion: dict[int, float]) -> None:
    assert follow(Chooser(rule), person(8, 600), other, 1000, motion) == []


def test_a_break_begins_the_wait_anew() -> None:
    chooser = Chooser("liveliest")
    dancer, other = person(1, 100), person(2, 300)
    for frame in range(1000):
        t_ns = frame * FRAME_NS
        other.seen_ns = t_ns
        motion = {1: 0.1, 2: 0.1 if frame % 80 == 0 else 0.9}  # 80 frames are 2.7 s
        assert chooser.successor(dancer, [other], PICTURE, motion, t_ns) is None


def test_one_who_is_not_seen_any_more_takes_nobodys_place() -> None:
    chooser = Chooser("largest")
    for t_ns in range(0, 3 * PATIENCE_NS, FRAME_NS):
        assert chooser.successor(SMALL, [person(2, 800, 300)], PICTURE, {}, t_ns) is None
    assert UNSEEN_NS < PATIENCE_NS


def test_motion_is_what_changes_where_somebody_is() -> None:
    still, moving = person(1, 150), person(2, 600)
    liveliness = Liveliness()
    random = np.random.default_rng(1)
    picture = random.integers(0, 255, (300, 800, 3), np.uint8)
    for frame in range(60):
        picture[:, 500:700] = random.integers(0, 255, (300, 200, 3), np.uint8)
        noise = random.integers(0, 4, picture.shape, np.uint8)
        liveliness.step(picture // 2 + noise, [still, moving], frame * FRAME_NS)
    assert liveliness.motion[1] < 0.02
    assert liveliness.motion[2] > 0.8
    liveliness.step(picture[:100, :100], [still], 10**10)
    assert 2 not in liveliness.motion
