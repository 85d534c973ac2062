from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engines.pose.tracking.choosing import Rule
from engines.pose.tracking.floor import Floor
from realtime.performer.fan_picker import GONE, PATIENCE_NS, Picker, choose

SIZE = (300, 100)


@dataclass
class Somebody:
    id: int
    box: NDArray[np.float32]


class Tracked:
    """Three people side by side, and what it was told."""

    def __init__(self) -> None:
        self.people = [
            Somebody(n, np.array([100 * n + 10, 20, 100 * n + 90, 90], np.float32)) for n in range(3)
        ]
        self.told: list[int | None] = []
        self.looked_at: list[tuple[float, float]] = []
        self.is_looking = False
        self.is_missing = False

    def look_at(self, x: float, y: float, size: tuple[int, int]) -> None:
        assert size == SIZE
        self.looked_at.append((x, y))
        self.is_looking = True

    def choose(self, rule: Rule, mark: tuple[float, float], floor: Floor | None) -> None:
        raise AssertionError("that is not the picker's")

    def follow(self, person_id: int | None) -> None:
        self.told.append(person_id)


def test_the_person_at_the_point_is_followed_once_after_a_close_look() -> None:
    picker, tracker = Picker(), Tracked()
    assert picker.step((), 0, tracker, SIZE, 0) is None
    assert picker.step((0.5, 0.5), 1, tracker, SIZE, 0) is None
    assert tracker.looked_at == [(150, 50)] and tracker.told == []
    tracker.is_looking = False
    for now in range(5):
        assert picker.step((0.5, 0.5), 1, tracker, SIZE, now) is None
    assert tracker.told == [1]
    picker.step((0.4, 0.3, 0.6, 0.7), 2, tracker, SIZE, 9)
    tracker.is_looking = False
    picker.step((0.4, 0.3, 0.6, 0.7), 2, tracker, SIZE, 9)
    assert tracker.told == [1, 1] and tracker.looked_at[1] == (150, 50)
    picker.step((), 3, tracker, SIZE, 9)
    assert tracker.told == [1, 1, None]


def test_an_order_from_before_the_start_is_not_carried_out() -> None:
    picker, tracker = Picker(), Tracked()
    picker.step((0.5, 0.5), 4, tracker, SIZE, 0)
    assert tracker.told == []


def test_somebody_who_is_seen_soon_after_is_followed() -> None:
    picker, tracker = Picker(), Tracked()
    picker.step((), 0, tracker, SIZE, 0)
    everybody, tracker.people = tracker.people, []
    for now in (0, 1, 2):
        assert picker.step((0.9, 0.5), 1, tracker, SIZE, now) is None
        tracker.is_looking = False
    assert len(tracker.looked_at) > 1, "it looks again and again"
    tracker.people = everybody
    assert picker.step((0.9, 0.5), 1, tracker, SIZE, PATIENCE_NS - 1) is None
    assert tracker.told == [2]


def test_nobody_there_is_said_and_the_fan_stays() -> None:
    picker, tracker = Picker(), Tracked()
    picker.step((), 0, tracker, SIZE, 0)
    assert picker.step((0.5, 0.05), 1, tracker, SIZE, 0) is None
    tracker.is_looking = False
    said = picker.step((0.5, 0.05), 1, tracker, SIZE, PATIENCE_NS)
    assert said is not None and "nobody" in said
    assert picker.step((0.5, 0.05), 1, tracker, SIZE, 2 * PATIENCE_NS) is None
    assert tracker.told == []


def test_one_who_is_gone_is_told_once_each_time() -> None:
    picker, tracker = Picker(), Tracked()
    picker.step((), 0, tracker, SIZE, 0)
    picker.step((0.5, 0.5), 1, tracker, SIZE, 0)
    tracker.is_looking = False
    assert picker.step((0.5, 0.5), 1, tracker, SIZE, 1) is None
    tracker.is_missing = True
    assert [picker.step((0.5, 0.5), 1, tracker, SIZE, now) for now in (2, 3, 4)] == [GONE, None, None]
    picker.step((0.5, 0.5), 2, tracker, SIZE, 5)
    tracker.is_looking = tracker.is_missing = False
    assert [picker.step((0.5, 0.5), 2, tracker, SIZE, now) for now in (6, 7)] == [None, None]
    tracker.is_missing = True
    assert picker.step((0.5, 0.5), 2, tracker, SIZE, 8) == GONE


def test_of_a_far_one_and_a_near_one_the_far_one_can_be_meant() -> None:
    boxes = [(1, 0.2, 0.0, 0.8, 1.0), (2, 0.6, 0.3, 0.7, 0.6)]
    assert choose((0.65, 0.5), boxes) == 2


def test_of_two_who_overlap_the_nearer_is_meant() -> None:
    boxes = [(1, 0.1, 0.0, 0.5, 1.0), (2, 0.3, 0.0, 0.7, 1.0)]
    assert choose((0.35, 0.5), boxes) == 1
    assert choose((0.45, 0.5), boxes) == 2
    assert choose((0.28, 0.1, 0.6, 0.9), boxes) == 2
    assert choose((0.8, 0.1, 0.9, 0.9), boxes) is None


PLACES = st.floats(0, 1)


@given(PLACES, PLACES, st.lists(st.tuples(PLACES, PLACES, PLACES, PLACES), max_size=6))
def test_whoever_is_chosen_holds_the_point(
    x: float, y: float, corners: list[tuple[float, float, float, float]]
) -> None:
    boxes = [(n, min(a, c), min(b, d), max(a, c), max(b, d)) for n, (a, b, c, d) in enumerate(corners)]
    holding = [n for n, x0, y0, x1, y1 in boxes if x0 <= x <= x1 and y0 <= y <= y1]
    chosen = choose((x, y), boxes)
    assert chosen in holding if holding else chosen is None
