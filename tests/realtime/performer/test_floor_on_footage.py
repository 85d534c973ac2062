"""Real people, some of them outside the floor: only those on it dance, unless the operator picks.

The footage is not part of the repository.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.pose.tracking.floor import Floor
from engines.pose.tracking.smoothing import LIVE
from engines.pose.tracking.tracker import Pose, PoseTracker

REAL = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "real"
SENIORS = "terryky_seniors5.mp4"
"""Six people, each in a place of their own for the first four seconds; two are behind the trainer."""
PLACES = {"trainer": 290, "red": 575, "yellow": 880, "right": 1055}
"""x of the trunks, pixels of 1280."""


@pytest.fixture(scope="module")
def tracker() -> PoseTracker:
    return PoseTracker(threads=1, smoothing=LIVE)


def followed(
    tracker: PoseTracker, floor: Floor | None, pick: int | None = None, frames: int = 40
) -> list[Pose | None]:
    """pick: x of whom the operator picks, pixels."""
    path = REAL / SENIORS
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    pytest.importorskip("av")
    from tools.footage.video import VideoReader

    tracker.follow(None)
    tracker.reset()
    found, reader = [], VideoReader(path)
    try:
        for _, (t_ns, frame) in zip(range(frames), reader, strict=False):
            tracker.choose("largest", (0.5, 0.5), floor)
            found.append(tracker(frame, t_ns))
            if pick is not None and tracker.people and len(found) == 5:
                tracker.follow(min(tracker.people, key=lambda one: abs(one.box[[0, 2]].mean() - pick)).id)
    finally:
        reader.close()
    return found


def who(pose: Pose) -> str:
    x = float(pose.landmarks[[11, 12, 23, 24], 0].mean())
    return min(PLACES, key=lambda name: abs(PLACES[name] - x))


def around(x: int, half: int = 110) -> Floor:
    """A floor on which somebody at x stands, and nobody beside."""
    left, right = max(0.0, (x - half) / 1280), min(1.0, (x + half) / 1280)
    return Floor(((left, 0.5), (right, 0.5), (right, 1.0), (left, 1.0)))


@pytest.mark.parametrize("name", PLACES)
def test_only_who_stands_on_the_floor_dances(tracker: PoseTracker, name: str) -> None:
    seen = [pose for pose in followed(tracker, around(PLACES[name])) if pose is not None]
    assert len(seen) > 30 and {who(pose) for pose in seen} == {name}


def test_an_empty_floor_has_no_dancer_though_people_stand_behind(tracker: PoseTracker) -> None:
    between = Floor(((0.42, 0.9), (0.56, 0.9), (0.58, 0.97), (0.4, 0.97)))
    assert followed(tracker, between) == [None] * 40
    assert tracker.people, "they are seen all the same"


def test_the_operators_pick_beats_the_floor(tracker: PoseTracker) -> None:
    seen = followed(tracker, around(PLACES["red"]), pick=PLACES["yellow"], frames=60)
    assert {who(pose) for pose in seen[20:] if pose is not None} == {"yellow"}
    assert sum(pose is not None for pose in seen[20:]) > 30
