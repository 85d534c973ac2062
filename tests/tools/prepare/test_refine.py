from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.packs import paint, standing, textured_plate
from tools.matting.cutter import Cutter
from tools.prepare import rules
from tools.prepare.files.journal import Journal
from tools.prepare.files.pictures import Pictures
from tools.prepare.refine import Refined, Refiner, Shots, solid
from tools.prepare.scene.placing import Placement
from tools.prepare.scene.plate import Plate
from tools.prepare.scene.scenes import EmptyScene

SIZE = (256, 256)
PX = 190.0
NONE = (np.nan,) * 4


class Masks(Cutter):
    """Takes the landmark net's mask for the matte."""

    def __init__(self) -> None:
        pass

    def __call__(  # type: ignore[no-untyped-def]
        self, frame: NDArray[np.uint8], mask: NDArray[np.uint8], *_: object
    ) -> NDArray[np.uint8]:
        return mask


def unmoved(count: int) -> Placement:
    return Placement(
        np.tile(np.eye(3), (count, 1, 1)),
        np.zeros((count, 2), np.int64),
        np.ones(count, np.bool_),
        np.zeros(count, np.int64),
        np.ones(count),
    )


def footage(folder: Path, gains: list[float], others: list[tuple[float, ...]]) -> tuple[Pictures, Shots]:
    """A painted player who walks before a textured plate, in a light that changes."""
    pictures = Pictures(folder)
    poses = [standing(70 + 110 * n / max(len(gains) - 1, 1), 230, PX, arms=0.6) for n in range(len(gains))]
    for number, (pose, gain) in enumerate(zip(poses, gains, strict=True)):
        frame, mask = paint(textured_plate(SIZE), pose, PX)
        pictures.write_scanned(number, np.clip(frame * gain, 0, 255).astype(np.uint8))
        pictures.write_soft(number, mask)
    others_seen = np.array(others, np.float32)
    return pictures, Shots(np.arange(len(gains)), np.stack(poses), others_seen, PX, unmoved(len(gains)))


def refine(pictures: Pictures, shots: Shots, plate: NDArray[np.uint8], *, scene: bool = True) -> Refined:
    empty = EmptyScene(Plate(plate, np.zeros(plate.shape[:2], np.bool_)), (0, 0, *SIZE))
    refiner = Refiner(
        pictures,
        Journal(pictures.work / "journal"),
        {0: empty} if scene else {},
        plate,
        [Masks(), Masks()],
    )
    return refiner(shots, checkpoint=2)


def test_the_light_is_corrected_and_one_that_is_far_off_dropped(tmp_path: Path) -> None:
    pictures, shots = footage(tmp_path, [1.0, 0.85, 0.4], [NONE] * 3)
    refined = refine(pictures, shots, textured_plate(SIZE))
    assert refined.reasons.tolist() == ["", "", rules.OTHER_LIGHT]
    np.testing.assert_allclose(refined.gains[:, 1], [1.0, 0.85, 0.4], atol=0.02)
    right, _ = paint(textured_plate(SIZE), shots.landmarks[1], PX)
    assert np.abs(pictures.frame(1).astype(int) - right).mean() < 3
    assert np.array_equal(pictures.frame(0), pictures.scanned(0))
    assert not (tmp_path / "masks/000002.png").exists()
    assert list((tmp_path / "work/thumbs" / rules.OTHER_LIGHT).iterdir())


def test_a_bystander_is_dropped_and_a_poster_is_scenery(tmp_path: Path) -> None:
    box = (215.0, 20.0, 250.0, 100.0)
    pictures, shots = footage(tmp_path, [1.0, 1.0], [box, box])
    frame = pictures.scanned(1)
    frame[20:100, 215:250] = 255 - frame[20:100, 215:250]
    pictures.write_scanned(1, frame)
    assert refine(pictures, shots, textured_plate(SIZE)).reasons.tolist() == ["", rules.BYSTANDER]


def test_a_person_whom_no_picture_shows_is_missed(tmp_path: Path) -> None:
    pictures, shots = footage(tmp_path, [1.0], [NONE])
    pictures.write_soft(0, np.zeros(SIZE[::-1], np.uint8))
    assert refine(pictures, shots, textured_plate(SIZE)).reasons.tolist() == [rules.MISSED]


def test_a_frame_of_another_scene_shows_the_player_before_the_plate(tmp_path: Path) -> None:
    pictures, shots = footage(tmp_path, [1.0], [NONE])
    shots.placement.own[:] = False
    shots.placement.scenes[:] = -1
    plate = np.full((*SIZE[::-1], 3), (200, 60, 10), np.uint8)
    refined = refine(pictures, shots, plate, scene=False)
    assert refined.reasons.tolist() == [""] and np.isnan(refined.gains).all()
    mask, frame, seen = pictures.mask(0), pictures.frame(0), pictures.scanned(0)
    inside, beyond = cv2.erode(mask, np.ones((9, 9))) > 0, cv2.dilate(mask, np.ones((9, 9))) == 0
    assert np.abs(frame[inside].astype(int) - seen[inside]).mean() < 3
    assert np.abs(frame[beyond].astype(int) - plate[beyond]).mean() < 3


def test_a_frame_is_put_into_its_place_and_the_plate_fills_what_it_does_not_show(tmp_path: Path) -> None:
    pictures, shots = footage(tmp_path, [1.0], [NONE])
    shots.placement.maps[0, :2, 2] = (30, -12)
    shots.landmarks[0, :, :2] += (30, -12)
    plate = np.roll(textured_plate(SIZE), (-12, 30), (0, 1))
    assert refine(pictures, shots, plate).reasons.tolist() == [""]
    frame, seen = pictures.frame(0), pictures.scanned(0)
    assert np.abs(frame[10:200, 40:250].astype(int) - seen[22:212, 10:220]).mean() < 2
    assert np.abs(frame[:, :26].astype(int) - plate[:, :26]).mean() < 2
    moved = pictures.mask(0)
    np.testing.assert_array_equal(moved[10:200, 40:250], pictures.soft(0)[22:212, 10:220])


def test_holes_where_the_player_surely_is_are_filled_and_specks_go() -> None:
    soft = np.zeros((100, 100), np.uint8)
    soft[10:90, 30:70] = 250
    soft[40:60, 45:55] = 60  # between arm and body
    alpha = np.where(soft > 200, 255, 0).astype(np.uint8)
    alpha[20:25, 40:45] = 0
    alpha[5:7, 90:92] = 255
    whole = solid(alpha, soft)
    assert (whole[20:25, 40:45] == 255).all()
    assert (whole[42:58, 46:54] == 0).all() and not whole[:, 80:].any()


@pytest.mark.parametrize("corner", [(0, 0), (60, -20), (-500, 0)])
def test_a_view_of_a_scene_knows_where_the_scene_ends(corner: tuple[int, int]) -> None:
    picture = np.arange(120 * 80 * 3, dtype=np.uint8).reshape(80, 120, 3)
    unseen = np.zeros((80, 120), np.bool_)
    unseen[10:20, 10:20] = True
    scene = EmptyScene(Plate(picture, unseen), (-10, -5, 120, 80))
    shown, known = scene.view(np.array(corner), (64, 48))
    assert shown.shape == (48, 64, 3) and known.shape == (48, 64)
    for y, x in ((0, 0), (20, 30), (47, 63)):
        inside = (0 <= y + corner[1] + 5 < 80) and (0 <= x + corner[0] + 10 < 120)
        if inside:
            there = (y + corner[1] + 5, x + corner[0] + 10)
            assert (shown[y, x] == picture[there]).all() and (known[y, x] == 0) == unseen[there]
        else:
            assert known[y, x] == 0
