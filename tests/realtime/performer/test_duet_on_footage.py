"""Real people and the real networks: two are followed, and never the same one twice.

The footage is not part of the repository.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engines.pose.tracking.pair import Pair
from engines.pose.tracking.smoothing import LIVE
from engines.pose.tracking.tracker import Pose, PoseTracker
from realtime.config.backgrounds import Colour
from realtime.config.duet import Duet
from realtime.config.show import BUNDLED_OTHERS, BUNDLED_PLAYER, Show
from realtime.performer.networks import load_nets

REAL = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "real"
TRUNK = [11, 12, 23, 24]


@pytest.fixture(scope="module")
def pair() -> Pair:
    return Pair(PoseTracker(threads=2, smoothing=LIVE))


def poses(pair: Pair, name: str, last: int) -> Iterator[tuple[int, Pose | None, Pose | None]]:
    """(frame, first, second)."""
    path = REAL / name
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    pytest.importorskip("av")
    from realtime.pictures.reader import VideoReader

    for tracker in (pair.first, pair.second):
        tracker.follow(None)
        tracker.reset()
    with VideoReader(path) as reader:
        for number, (t_ns, frame) in zip(range(last + 1), reader, strict=False):
            yield number, *pair(frame, t_ns)


@pytest.mark.parametrize(
    ("name", "last", "least"),
    [
        ("drive/vibeold_2girls.mp4", 241, 0.7),
        ("drive/gillhung_4girls.mp4", 300, 0.9),
        ("terryky_seniors5.mp4", 150, 0.9),
    ],
)
def test_two_of_them_are_followed_and_never_the_same_one(
    pair: Pair, name: str, last: int, least: float
) -> None:
    """Two girls cross at frames 145 to 185: meanwhile one of them hides the other."""
    both = frames = 0
    for number, first, second in poses(pair, name, last):
        frames += number >= 30  # by then both were found
        if first is None or second is None:
            continue
        assert first.person_id != second.person_id, number
        places = [pose.landmarks[TRUNK, :2].mean(axis=0) for pose in (first, second)]
        height = np.ptp(first.landmarks[:, 1])
        assert np.hypot(*(places[0] - places[1])) > 0.02 * height, number
        both += number >= 30
    assert both > least * frames, f"{both} of {frames}"


@pytest.mark.parametrize("layered", [False, True])
def test_the_bundled_players_dance_together(tmp_path: Path, layered: bool) -> None:
    path = REAL / "drive/vibeold_2girls.mp4"
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    from tests.realtime.duet_sheet import dance

    green = (Colour(kind="colour", name="green", colour="#00b140"),)
    duet = Duet(player=BUNDLED_OTHERS[0])
    show = Show(player=BUNDLED_PLAYER, duet=duet, backgrounds=green if layered else ())
    steps = list(dance(load_nets(show), show, path, 0, 40))
    assert all(each is not None for each in steps[-1].found)
    ground = np.full_like(steps[-1].picture, (64, 176, 0))
    if not layered:
        ground = steps[0].picture  # nobody is known yet in the first frame, or one at most
    changed = np.abs(steps[-1].picture.astype(int) - ground).max(axis=2) > 30
    middle = changed.shape[1] // 2
    assert changed[:, :middle].mean() > 0.03 and changed[:, middle:].mean() > 0.03, "one to each side"
