from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.packs import paint, standing, textured_plate
from tests.tools.preparing.footage_files import player_frames
from tools.matte import zone
from tools.preparing.camera import Anchor, light, off_centre, sharpness


@pytest.fixture(scope="module")
def scene() -> NDArray[np.uint8]:
    return player_frames(1, side=512)[0]


def moved(picture: NDArray[np.uint8], x: float, y: float, turn: float = 0.0) -> NDArray[np.uint8]:
    matrix = cv2.getRotationMatrix2D((picture.shape[1] / 2, picture.shape[0] / 2), turn, 1)
    matrix[:, 2] += x, y
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REFLECT), np.uint8)


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (0.4, -0.3), (3.0, 2.0), (-9.5, 6.0)])
def test_a_shift_is_measured_to_a_tenth_of_a_pixel(scene: NDArray[np.uint8], x: float, y: float) -> None:
    np.testing.assert_allclose(Anchor(scene).shift(moved(scene, x, y)), [x, y], atol=0.1)


def test_another_light_is_no_shift(scene: NDArray[np.uint8]) -> None:
    darker = (moved(scene, 2, 1) * 0.75).astype(np.uint8)
    np.testing.assert_allclose(Anchor(scene).shift(darker), [2, 1], atol=0.15)


def test_a_camera_that_turned_or_shows_something_else_is_lost(scene: NDArray[np.uint8]) -> None:
    anchor = Anchor(scene)
    assert np.isinf(anchor.shift(moved(scene, 0, 0, turn=20))).all()
    assert np.isinf(anchor.shift(textured_plate((512, 512), seed=9))).all()


def test_nothing_is_said_of_a_plain_wall(scene: NDArray[np.uint8]) -> None:
    wall = np.full_like(scene, 120)
    assert np.isnan(Anchor(wall).shift(scene)).all()
    assert np.isnan(Anchor(scene).shift(scene, np.full(scene.shape[:2], 255, np.uint8))).all()


def test_a_dancer_before_a_plain_wall_is_no_shake() -> None:
    wall = np.full((256, 256, 3), 120, np.uint8)
    poses = [standing(x, 230, 190) for x in (110, 125)]
    pictures = [paint(wall, pose, 190)[0] for pose in poses]
    hidden = [zone(pose, (256, 256), 190, widen=1.6) for pose in poses]
    assert np.isnan(Anchor(pictures[0], hidden[0]).shift(pictures[1], hidden[1])).all()


def test_the_camera_s_place_is_where_it_stands_most_of_the_time() -> None:
    shifts = np.array([[9, 9]] + [[1, 2]] * 5 + [[4, 6], [np.inf, np.inf], [np.nan, np.nan]], np.float32)
    distance = off_centre(shifts)
    np.testing.assert_allclose(distance[1:7], [0, 0, 0, 0, 0, 5], atol=1e-6)
    assert distance[0] > 10 and np.isinf(distance[7]) and np.isnan(distance[8])
    assert np.isnan(off_centre(shifts[8:])).all() and np.isinf(off_centre(shifts[7:8])).all()


def test_the_light_is_the_background_over_the_plate() -> None:
    plate = textured_plate((256, 256))
    hidden = np.zeros((256, 256), np.uint8)
    hidden[:, :100] = 255
    brighter = np.clip(plate * np.array([0.9, 1.0, 1.1]), 0, 255).astype(np.uint8)
    brighter[:, :100] = 255
    np.testing.assert_allclose(light(brighter, plate, hidden), [0.9, 1.0, 1.1], atol=0.02)
    np.testing.assert_array_equal(light(plate, plate, np.full_like(hidden, 255)), [1, 1, 1])


def test_a_smeared_person_is_less_sharp(scene: NDArray[np.uint8]) -> None:
    person = np.zeros(scene.shape[:2], np.uint8)
    person[100:450, 200:320] = 255
    smeared = np.asarray(cv2.blur(scene, (15, 3)), np.uint8)
    assert sharpness(smeared, person) < 0.6 * sharpness(scene, person)
    assert np.isnan(sharpness(scene, np.zeros_like(person)))
