"""Views whose landmarks are off, and footage of one who is drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.reference import View
from engines.skeleton import Landmark
from tests.packs import doll_error
from tools import registration as module
from tools.footage import Footage
from tools.references import pick_views
from tools.registration import register

OFF = np.array([3, 0], np.float32)
"""So far the landmarks of a leg are off, pixels: across it, since it is of one colour."""
LEG = [Landmark.LEFT_KNEE, Landmark.LEFT_ANKLE]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRAMES", 24)


@pytest.fixture
def views(footage: Footage) -> list[View]:
    positions, _ = footage.split(0.2)
    return pick_views(footage, positions, 2)


def spoiled(view: View) -> View:
    landmarks = view.landmarks.copy()
    landmarks[LEG, :2] += OFF
    return replace(view, landmarks=landmarks)


def test_landmarks_that_are_off_are_moved_back(footage: Footage, views: list[View]) -> None:
    positions, _ = footage.split(0.2)
    one, other = (register(each, footage, positions) for each in (views, [spoiled(view) for view in views]))
    for right, moved in zip(one, other, strict=True):
        left = moved.landmarks[LEG, :2] - right.landmarks[LEG, :2]
        assert np.linalg.norm(left.mean(axis=0)) < 0.5 * np.linalg.norm(OFF)


def test_the_doll_lies_better_in_frames_that_were_held_out(footage: Footage, views: list[View]) -> None:
    positions, held = footage.split(0.2)
    wrong = [spoiled(view) for view in views]
    before, after = (doll_error(footage, each, held) for each in (wrong, register(wrong, footage, positions)))
    assert after < 0.9 * before
    assert doll_error(footage, register(views, footage, positions), held) < 1.05 * doll_error(
        footage, views, held
    )


def test_pictures_stay_and_the_given_views_are_not_touched(footage: Footage, views: list[View]) -> None:
    positions, _ = footage.split(0.2)
    kept = [view.landmarks.copy() for view in views]
    for view, old, new in zip(views, kept, register(views, footage, positions), strict=True):
        np.testing.assert_array_equal(view.landmarks, old)
        assert new.picture is view.picture and new.height == view.height
        assert not np.array_equal(new.landmarks, old)
        np.testing.assert_array_equal(new.landmarks[:, 2:], old[:, 2:])


def test_frames_that_are_held_out_are_not_looked_at(footage: Footage, views: list[View]) -> None:
    positions, held = footage.split(0.2)

    class Guarded(Footage):
        def frame(self, position: int) -> NDArray[np.uint8]:
            assert position not in held
            return super().frame(position)

    assert len(register(views, Guarded(**vars(footage)), positions)) == len(views)


def test_a_part_that_is_never_seen_leaves_its_landmarks_alone(footage: Footage, views: list[View]) -> None:
    positions, _ = footage.split(0.2)

    class Empty(Footage):
        def mask(self, position: int) -> NDArray[np.uint8]:
            return np.zeros_like(super().mask(position))

    for old, new in zip(views, register(views, Empty(**vars(footage)), positions), strict=True):
        np.testing.assert_array_equal(new.landmarks, old.landmarks)
