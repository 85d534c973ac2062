from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.packs import paint, standing, textured_plate
from tools.prepare.files.pictures import Pictures
from tools.prepare.scene.placing import Placement
from tools.prepare.scene.scenes import MOST_VIEWS, Sampled, _choose, box_of, build

SIZE = (256, 256)
PX = 190.0


def walk(folder: Path, maps: NDArray[np.float64]) -> tuple[Pictures, Sampled, NDArray[np.uint8]]:
    """A painted player who walks through a wide scene, filmed by a camera that these maps bring back into
    it."""
    scene = textured_plate((512, 256))
    pictures, poses = Pictures(folder), []
    for number, matrix in enumerate(maps):
        left = round(float(matrix[0, 2]))
        pose = standing(70 + 110 * number / len(maps), 230, PX, arms=0.6)
        frame, mask = paint(np.ascontiguousarray(scene[:, left : left + 256]), pose, PX)
        pictures.write_scanned(number, frame)
        pictures.write_soft(number, mask)
        poses.append(pose)
    numbers = np.arange(len(maps))
    return pictures, Sampled(numbers, np.stack(poses), maps, np.full(len(maps), PX)), scene


def pan(count: int, reach: float) -> NDArray[np.float64]:
    maps = np.tile(np.eye(3), (count, 1, 1))
    maps[:, 0, 2] = np.linspace(0, reach, count).round()
    return maps


def test_the_scene_comes_from_where_the_player_is_not(tmp_path: Path) -> None:
    pictures, frames, scene = walk(tmp_path, pan(12, 0))
    empty = build(pictures, frames, (0, 0, 256, 256))
    assert empty is not None and empty.plate.unseen.mean() < 0.05
    seen = ~empty.plate.unseen
    assert np.abs(empty.plate.picture.astype(int) - scene[:, :256])[seen].mean() < 4


def test_a_camera_that_pans_sees_a_scene_wider_than_its_picture(tmp_path: Path) -> None:
    pictures, frames, scene = walk(tmp_path, pan(24, 200))
    empty = build(pictures, frames, (0, 0, 456, 256))
    assert empty is not None and empty.plate.picture.shape == (256, 456, 3)
    seen = ~empty.plate.unseen
    assert seen.mean() > 0.9
    assert np.abs(empty.plate.picture.astype(int) - scene[:, :456])[seen].mean() < 4


def test_an_empty_picture_that_was_given_goes_before_everything(tmp_path: Path) -> None:
    pictures, frames, scene = walk(tmp_path, pan(12, 0))
    given = (255 - scene[:, :256]).astype(np.uint8)
    whole = np.full((256, 256), 255, np.uint8)
    empty = build(pictures, frames, (0, 0, 256, 256), [(given, whole)])
    assert empty is not None and not empty.plate.unseen.any()
    assert np.abs(empty.plate.picture.astype(int) - given).mean() < 2


def test_frames_without_a_person_are_used_and_too_few_frames_make_no_scene(tmp_path: Path) -> None:
    pictures, frames, scene = walk(tmp_path, pan(12, 0))
    for number in (0, 1, 2):
        pictures.write_scanned(number, np.ascontiguousarray(scene[:, :256]))
        frames.landmarks[number] = np.nan
    empty = build(pictures, frames, (0, 0, 256, 256))
    assert empty is not None and not empty.plate.unseen.any()
    few = Sampled(frames.numbers[3:7], frames.landmarks[3:7], frames.maps[3:7], frames.standing_px[3:7])
    assert build(pictures, few, (0, 0, 256, 256)) is None


def test_samples_are_spread_over_time_and_over_the_floor() -> None:
    landmarks = np.stack([standing(100, 200, 150)] * 500)
    landmarks[123] = standing(300, 200, 150)
    landmarks[234] = standing(20, 200, 150)
    frames = Sampled(np.arange(500), landmarks, np.tile(np.eye(3), (500, 1, 1)), np.full(500, 150.0))
    chosen = _choose(frames, 20)
    assert {123, 234} <= set(chosen.tolist())
    assert (np.diff(chosen) > 0).all() and len(chosen) <= 20
    assert chosen[0] == 0 and chosen[-1] == 499


def test_a_scene_is_as_large_as_the_views_of_it_up_to_a_limit() -> None:
    views = np.array([[0, 0], [100, 0], [-40, 10]])
    placement = Placement(
        np.tile(np.eye(3), (3, 1, 1)), views, np.ones(3, np.bool_), np.zeros(3, np.int64), np.ones(3)
    )
    assert box_of(placement, np.ones(3, np.bool_), SIZE) == (-40, 0, 396, 266)
    views[1] = (int(MOST_VIEWS * SIZE[0]), 0)
    assert box_of(placement, np.ones(3, np.bool_), SIZE) == (0, 0, *SIZE)
