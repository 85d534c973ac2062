from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.packs import textured_plate
from tools.prepare.scene.plate import Plate, empty_scene, plain

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


def test_something_of_another_colour_that_stands_there_is_part_of_the_scene() -> None:
    scene, frames, covered = footage(0.0)
    frames[:, 70:90, 20:60] = (20, 20, 120)  # a red towel
    plate, _ = empty_scene(frames, covered, quiet=True)
    assert np.abs(plate[72:88, 22:58].astype(int) - (20, 20, 120)).max() < 6
    assert np.abs(plate[:66].astype(int) - scene[:66]).mean() < 2


def test_what_was_free_at_different_times_in_different_light_fits_together() -> None:
    scene, frames, covered = footage(0.0)
    covered[:30, :, :48] = True  # the left half is seen later than the right one, in a dimmer light
    covered[30:, :, 48:] = True
    covered[28:32] = False
    frames[30:] = (frames[30:] * 0.8).astype(np.uint8)
    plate, unseen = empty_scene(frames, covered, quiet=True)
    assert not unseen.any()
    ratio = (plate.astype(float) + 8) / (scene.astype(float) + 8)
    step = np.abs(ratio[:, 46:48].mean() - ratio[:, 48:50].mean())
    assert step < 0.04, step


def test_what_was_never_free_is_continued_from_around_and_marked() -> None:
    stripes = np.zeros((*SIZE[::-1], 3), np.uint8)
    stripes[:, ::8] = stripes[:, 1::8] = stripes[:, 2::8] = stripes[:, 3::8] = 150
    stripes += 50
    frames = np.repeat(stripes[None], 20, axis=0)
    covered = np.zeros(frames.shape[:3], np.bool_)
    covered[:, 30:66, 40:58] = True
    frames[:, 30:66, 40:58] = 0
    plate, unseen = empty_scene(frames, covered, quiet=True)
    assert unseen[30:66, 40:58].all() and unseen.sum() == 36 * 18
    flat = np.abs(plate[unseen].astype(int) - int(stripes.mean())).mean()
    assert (
        np.abs(plate.astype(int) - stripes)[unseen].mean()
        < 0.5 * np.abs(stripes.astype(int) - 125)[unseen].mean()
    )
    assert flat > 20  # stripes, not a smear


def test_a_part_before_a_plain_ground_is_sure_though_it_was_never_free() -> None:
    picture = np.full((96, 96, 3), 240, np.uint8)
    picture[:, 60:] = textured_plate(SIZE)[:, 60:]
    unseen = np.zeros((96, 96), np.bool_)
    unseen[20:60, 20:40] = unseen[20:60, 70:80] = True
    sure = plain(Plate(picture, unseen))
    assert sure[20:60, 20:40].all() and sure.sum() == 40 * 20
