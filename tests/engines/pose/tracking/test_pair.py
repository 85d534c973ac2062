"""Two people followed at once, in made-up scenes: never the same one twice."""

from __future__ import annotations

import pytest

from engines.pose.tracking.choosing import PATIENCE_NS
from engines.pose.tracking.pair import Pair
from engines.pose.tracking.tracker import GONE_NS, GRACE_NS, PoseTracker
from tests.engines.pose.tracking.scene import FRAME, FRAME_NS, Scene, put_before_nets


class Duo(Scene):
    """A scene that two trackers see."""

    def steps(self, pair: Pair, frames: int = 1) -> tuple[float | None, float | None]:
        """Where both are found in the last of these frames: x, None where nobody is."""
        for _ in range(frames):
            poses = pair(FRAME, self.t_ns)
            self.t_ns += FRAME_NS
        first, second = (None if pose is None else float(pose.landmarks[0, 0]) for pose in poses)
        return first, second


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Duo:
    scene = Duo()
    put_before_nets(scene, monkeypatch)
    return scene


@pytest.fixture
def pair(scene: Duo) -> Pair:
    return Pair(PoseTracker(smoothing=None))


def person_at(pair: Pair, x: float) -> int:
    return next(one.id for one in pair.first.people if one.box[0] < x < one.box[2])


def test_two_people_are_followed_each_by_one(scene: Duo, pair: Pair) -> None:
    scene.people = {100: 0.9, 400: 0.8}
    assert scene.steps(pair) == (100, 400)
    assert scene.steps(pair, 100) == (100, 400)
    assert pair.first.people == pair.second.people and len(pair.first.people) == 2


def test_one_fan_alone_is_the_first_and_searches_for_another_are_rare(scene: Duo, pair: Pair) -> None:
    scene.people = {300: 0.9}
    assert scene.steps(pair, 30) == (300, None)
    scene.detections = 0
    assert scene.steps(pair, 60) == (300, None)
    assert scene.detections <= 2 * 60 * FRAME_NS // GONE_NS
    scene.people[500] = 0.9
    assert scene.steps(pair, GONE_NS // FRAME_NS + 2) == (300, 500)


def test_who_is_lost_makes_no_room_for_the_other(scene: Duo, pair: Pair) -> None:
    scene.people = {100: 0.9, 400: 0.8}
    scene.steps(pair, 5)
    del scene.people[100]
    for _ in range(3 * GRACE_NS // FRAME_NS):
        assert scene.steps(pair) == (None, 400)
    scene.people[110] = 0.9
    assert scene.steps(pair, GONE_NS // FRAME_NS + 2) == (110, 400)


def test_each_has_a_pick_of_its_own_and_gives_up_whom_the_other_is_told_to_follow(
    scene: Duo, pair: Pair
) -> None:
    scene.people = {100: 0.9, 300: 0.8, 500: 0.7}
    assert scene.steps(pair) == (100, 300)
    pair.second.follow(person_at(pair, 500))
    assert scene.steps(pair, 2) == (100, 500)
    pair.first.follow(person_at(pair, 500))
    first, second = scene.steps(pair, 2)
    assert first == 500 and second in (100, 300), "the last pick counts"
    scene.people.pop(500)
    assert scene.steps(pair, 40) == (None, second), "who was picked is waited for"
    scene.people[500] = 0.9
    assert scene.steps(pair, GONE_NS // FRAME_NS + 2) == (500, second)


def test_by_a_rule_nobody_takes_over_from_the_other_dancer(scene: Duo, pair: Pair) -> None:
    """The second one is nearer to the mark: no reason to change players with the first."""
    scene.people = {100: 0.9}
    for tracker in (pair.first, pair.second):
        tracker.choose("centre", (0.5, 0.5))
    scene.steps(pair)
    scene.people[330] = 0.8
    for _ in range(3 * PATIENCE_NS // FRAME_NS):
        first, second = scene.steps(pair)
        assert first == 100 and second in (None, 330)
    assert second == 330


def test_where_the_net_finds_one_body_for_both_it_is_that_of_whom_it_fits(scene: Duo, pair: Pair) -> None:
    """The net prefers one of two who stand close together, until its region is narrower."""
    scene.people = {300: 0.9, 350: 0.8}
    assert scene.steps(pair, 10) == (300, 350)
    scene.prefers = 350.0
    found = [scene.steps(pair) for _ in range(20)]
    assert set(found) == {(None, 350), (300, 350)}
    scene.prefers = 300.0
    found = [scene.steps(pair) for _ in range(20)]
    assert set(found) == {(300, None), (300, 350)}
    scene.prefers = None
    assert scene.steps(pair, 2) == (300, 350)


def test_the_two_who_cross_are_never_one(scene: Duo, pair: Pair) -> None:
    for step in range(120):
        scene.people = {100 + 4 * step: 0.9, 500 - 4 * step: 0.8}
        first, second = scene.steps(pair)
        assert first is None or second is None or first != second, step
    assert first is not None and second is not None


def test_both_forget_everybody(scene: Duo, pair: Pair) -> None:
    scene.people = {100: 0.9, 400: 0.8}
    scene.steps(pair, 5)
    for tracker in (pair.first, pair.second):
        tracker.reset()
    assert pair.first.people == ()
    assert scene.steps(pair) == (100, 400)


def test_an_alone_tracker_has_nobody_to_leave_out(scene: Duo) -> None:
    tracker = PoseTracker(smoothing=None)
    scene.people = {100: 0.9}
    scene.step(tracker, 5)
    scene.people = {}
    scene.detections = 0
    scene.step(tracker, 30)
    assert scene.detections == 30, "it searches in every frame, as ever"
