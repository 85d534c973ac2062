from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.packs import standing, textured_plate
from tools.preparing.plate import empty_scene
from tools.preparing.refine import spread

SIZE = (96, 96)


def footage(share_in_shadow: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
    """A scene, 60 noisy frames of it with a shadow on the floor in some, and where the player is."""
    random = np.random.default_rng(0)
    scene = textured_plate(SIZE)
    scene = (scene // 2 + 80).astype(np.uint8)
    frames = np.repeat(scene[None], 60, axis=0).astype(np.float32)
    frames[: round(60 * share_in_shadow), 70:90, 20:60] *= 0.65
    frames += random.normal(0, 2, frames.shape)
    covered = np.zeros((60, *SIZE[::-1]), bool)
    covered[:, 10:70, 40:56] = random.random((60, 1, 1)) < 0.5
    frames[covered] = 0
    return scene, frames.clip(0, 255).round().astype(np.uint8), covered


def test_a_shadow_that_lies_there_most_of_the_time_is_off_the_plate() -> None:
    for share in (0.0, 0.8, 0.9):
        scene, frames, covered = footage(share)
        plate, unseen = empty_scene(frames, covered, quiet=True)
        assert not unseen.any()
        assert np.abs(plate.astype(int) - scene).mean() < 1, share
        assert np.abs(plate[70:90, 20:60].astype(int) - scene[70:90, 20:60]).mean() < 2, share


def test_something_dark_of_another_colour_is_no_shadow() -> None:
    scene, frames, covered = footage(0.0)
    frames[:40, 70:90, 20:60] = (20, 20, 120)  # a red towel, most of the time
    plate, _ = empty_scene(frames, covered, quiet=True)
    np.testing.assert_array_equal(plate[80, 40], (20, 20, 120))
    assert np.abs(plate[:70].astype(int) - scene[:70]).mean() < 1


def test_what_was_never_free_is_filled_in_and_marked() -> None:
    scene, frames, covered = footage(0.0)
    covered[:, 40:50, 40:50] = True
    frames[:, 40:50, 40:50] = 0
    plate, unseen = empty_scene(frames, covered, quiet=True)
    assert unseen.sum() == 100 and unseen[40:50, 40:50].all()
    assert plate[40:50, 40:50].mean() > 0.7 * scene[40:50, 40:50].mean()


def test_samples_are_spread_over_time_and_over_the_floor() -> None:
    landmarks = np.stack([standing(100, 200, 150)] * 500)
    landmarks[123] = standing(300, 200, 150)
    landmarks[234] = standing(20, 200, 150)
    chosen = spread(landmarks, 20)
    assert {123, 234} <= set(chosen.tolist())
    assert (np.diff(chosen) > 0).all() and len(chosen) <= 20
    assert chosen[0] == 0 and chosen[-1] == 499
    assert spread(landmarks[:3], 20).tolist() == [0, 1, 2]
