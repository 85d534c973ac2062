from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.packs import textured_plate
from tests.tools.prepare.footage_files import player_frames
from tools.prepare.camera import light, sharpness


@pytest.fixture(scope="module")
def scene() -> NDArray[np.uint8]:
    return player_frames(1, side=512)[0]


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
