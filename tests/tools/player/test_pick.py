"""The frames of a bank: few that cover many poses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.doll.parts import NAMES, TABLE, directions, distance
from engines.skeleton import Landmark
from tests.drawn import standing
from tests.packs import HEIGHT_PX
from tools.footage.dataset import Footage
from tools.player import pick as module
from tools.player.pick import pick

ARM = NAMES.index("left upper arm")
RAISED = (31, 32, 33)


@pytest.fixture
def dance(footage: Footage) -> Footage:
    """80 frames: the arms sway at the sides, and are over the head in three."""
    poses = np.stack(
        [
            standing(64, 112, HEIGHT_PX, arms=2.7 if row in RAISED else 0.4 + 0.1 * np.sin(row / 5))
            for row in range(80)
        ]
    )
    return replace(footage, landmarks=poses)


def every(footage: Footage) -> NDArray[np.int64]:
    return np.arange(len(footage.landmarks))


def test_a_pose_that_few_frames_have_is_covered(dance: Footage) -> None:
    for count in (2, 4, 8):
        assert set(RAISED) & set(pick(dance, every(dance), count).tolist()), count


def test_the_frames_cover_more_than_as_many_spread_evenly(footage: Footage) -> None:
    def uncovered(rows: NDArray[np.int64]) -> float:
        turned = directions(footage.landmarks.astype(float), TABLE)
        return float(np.min([distance(turned, turned[row]) for row in rows], axis=0).mean())

    even = np.linspace(0, 79, 5).astype(int)
    assert uncovered(pick(footage, every(footage), 5)) < uncovered(even)


def test_frames_are_in_order_and_no_more_than_asked_for(footage: Footage) -> None:
    for count in (1, 7, 80, 500):
        picked = pick(footage, every(footage), count)
        assert len(picked) == min(count, 80) and (np.diff(picked) > 0).all()


def test_frames_that_are_held_out_are_not_picked(footage: Footage) -> None:
    positions, held = footage.split(0.2)
    assert not set(pick(footage, positions, 20).tolist()) & set(held.tolist())
    middle = np.arange(10, 30)
    assert set(pick(footage, middle, 5).tolist()) <= set(middle.tolist())


def test_the_same_footage_gives_the_same_frames(footage: Footage) -> None:
    np.testing.assert_array_equal(*(pick(footage, every(footage), 9) for _ in range(2)))


def test_blurred_frames_are_picked_last(dance: Footage) -> None:
    landmarks = dance.landmarks.copy()
    landmarks[30:35] = landmarks[31]
    ends = [Landmark.LEFT_ELBOW, Landmark.LEFT_WRIST, Landmark.RIGHT_ELBOW, Landmark.RIGHT_WRIST]
    landmarks[30, ends, 0] += 12  # between 29 and 31 the arms fly by; 32 and 33 are calm
    picked = pick(replace(dance, landmarks=landmarks), every(dance), 3)
    assert not {29, 30, 31} & set(picked.tolist()) and {32, 33, 34} & set(picked.tolist())


def test_frames_in_which_a_part_is_hidden_are_picked_last(dance: Footage) -> None:
    landmarks = dance.landmarks.copy()
    landmarks[[31, 33], Landmark.LEFT_ELBOW, 3] = 0
    picked = pick(replace(dance, landmarks=landmarks), every(dance), 3)
    assert 32 in picked


def test_long_footage_is_looked_at_in_parts(dance: Footage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CANDIDATES", 20)
    picked = pick(dance, every(dance), 10)
    assert len(picked) == 10 and picked.min() < 15 and picked.max() > 50
    assert set(picked.tolist()) <= set(np.linspace(0, 79, 20).astype(int).tolist())
