"""Whom the tracker follows among several, by rule, pick and stage floor: with made-up nets and time."""

from __future__ import annotations

from engines.pose.tracking.choosing import PATIENCE_NS
from engines.pose.tracking.floor import Floor
from engines.pose.tracking.tracker import REFRESH_NS, PoseTracker
from tests.engines.pose.tracking.scene import FRAME_NS, Scene


def test_by_a_rule_another_takes_over_after_a_while(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {100: 0.9}
    tracker.choose("centre", (0.5, 0.5))
    scene.step(tracker)
    scene.people = {100: 0.9, 330: 0.8}
    ids = []
    for _ in range(200):
        pose = scene.step(tracker)
        assert pose is not None, "nobody is lost on the way"
        ids.append(pose.person_id)
    assert ids == sorted(ids) and set(ids) == {1, 2}
    assert PATIENCE_NS <= ids.index(2) * FRAME_NS <= PATIENCE_NS + 2 * REFRESH_NS


def test_without_a_rule_nobody_takes_over(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {100: 0.7, 330: 0.7}
    first = scene.step(tracker)
    pose = scene.step(tracker, 200)
    assert first is not None and pose is not None and pose.person_id == first.person_id


def test_somebody_picked_is_kept_whatever_the_rule(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {100: 0.9, 330: 0.8}
    tracker.choose("centre", (0.5, 0.5))
    scene.step(tracker)
    tracker.follow(1)
    pose = scene.step(tracker, 200)
    assert pose is not None and pose.person_id == 1


LEFT = Floor(((0.0, 0.1), (0.3, 0.1), (0.3, 1.0), (0.0, 1.0)))
"""Of the scene's pictures, 640 wide: up to 192."""


def test_nobody_outside_the_floor_is_followed(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {400: 0.9, 100: 0.7}
    tracker.choose("largest", (0.5, 0.5), LEFT)
    pose = scene.step(tracker)
    assert pose is not None and pose.landmarks[0, 0] == 100
    assert len(tracker.people) == 2, "who is outside is seen, and can be picked"


def test_with_everybody_outside_nobody_dances(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {400: 0.9}
    tracker.choose("largest", (0.5, 0.5), LEFT)
    assert scene.step(tracker, 30) is None
    tracker.choose("largest", (0.5, 0.5), None)
    assert scene.step(tracker) is not None


def test_a_pick_by_the_operator_beats_the_floor(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {400: 0.9, 100: 0.7}
    tracker.choose("largest", (0.5, 0.5), LEFT)
    scene.step(tracker)
    outside = next(one.id for one in tracker.people if one.box[0] > 192)
    tracker.follow(outside)
    for _ in range(200):
        pose = scene.step(tracker)
        assert pose is not None and pose.person_id == outside
    tracker.follow(None)
    ids = [None if pose is None else pose.person_id for pose in (scene.step(tracker) for _ in range(200))]
    stayed = ids.index(next(each for each in ids if each != outside))
    assert PATIENCE_NS <= stayed * FRAME_NS <= PATIENCE_NS + 2 * FRAME_NS, "then the floor counts again"
    assert ids[-1] not in (outside, None)


def test_who_leaves_the_floor_makes_room(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {150: 0.9}
    tracker.choose("largest", (0.5, 0.5), LEFT)
    scene.step(tracker)
    for x in range(150, 400, 10):
        scene.people = {x: 0.9}
        assert scene.step(tracker) is not None, "nobody is dropped at once"
    assert scene.step(tracker, 120) is None
