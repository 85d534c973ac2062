from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.packs import paint, standing, textured_plate
from tools.record.checks import Check, Sharpness, StillCamera, alone, exposure, framing, sharpness

SIZE = (640, 480)
HEIGHT = 300.0
FRAME_NS = 33_333_333

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def plate() -> Picture:
    noise = np.random.default_rng(1).normal(0, 12, (SIZE[1], SIZE[0], 1))
    return np.asarray((textured_plate(SIZE) + noise).clip(0, 255), np.uint8)


def person(plate: Picture, x: float = 320, arms: float = 0.4) -> tuple[Picture, NDArray[np.float32]]:
    """A drawn player whose clothes have a pattern."""
    landmarks = standing(x, 430, HEIGHT, arms=arms)
    picture, mask = paint(plate, landmarks, HEIGHT)
    checks = np.indices(mask.shape).sum(axis=0) // 4 % 2 * 50
    pattern = (picture.astype(int) - checks[..., None]).clip(0, 255).astype(np.uint8)
    return np.where(mask[..., None] > 0, pattern, picture), landmarks


def blurred(picture: Picture, sigma: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


def by_name(checks: tuple[Check, ...], name: str) -> Check:
    return next(check for check in checks if check.name == name)


def test_sharpness_falls_with_blur_and_not_with_size_or_contrast(plate: Picture) -> None:
    picture, landmarks = person(plate)
    sharp = sharpness(picture, landmarks)
    falling = [sharp, *(sharpness(blurred(picture, sigma), landmarks) for sigma in (1, 2, 4))]
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] < 0.1 * sharp
    flat = (picture * 0.4 + 60).astype(np.uint8)
    assert sharpness(flat, landmarks) == pytest.approx(sharp, rel=0.1)


def test_a_soft_picture_is_told_to_be_focused(plate: Picture) -> None:
    picture, landmarks = person(plate)
    for sigma, ok in ((0.0, True), (3.0, False)):
        meter = Sharpness()
        shown = blurred(picture, sigma) if sigma else picture
        first = by_name(meter.add(shown, landmarks, 0), "focus")
        assert first.ok is None
        for number in range(1, 10):
            check = by_name(meter.add(shown, landmarks, number * FRAME_NS), "focus")
        assert check.ok is ok
        assert ("focus" in check.todo) is not ok


def test_a_long_shutter_blurs_fast_moves_only(plate: Picture) -> None:
    for smear, ok in ((1, True), (25, False)):
        meter = Sharpness()
        checks: tuple[Check, ...] = ()
        for number in range(60):
            fast = number >= 30
            x = 320 + (20 * (number % 2) if fast else 0)
            picture, landmarks = person(plate, x)
            if fast and smear > 1:
                picture = np.asarray(cv2.blur(picture, (smear, 1)), np.uint8)
            checks = meter.add(picture, landmarks, number * FRAME_NS)
        assert by_name(checks, "motion blur").ok is ok
        assert by_name(checks, "focus").ok


def test_motion_blur_cannot_be_told_from_a_person_who_stands(plate: Picture) -> None:
    meter = Sharpness()
    picture, landmarks = person(plate)
    for number in range(20):
        checks = meter.add(picture, landmarks, number * FRAME_NS)
    assert by_name(checks, "motion blur").ok is None


def test_exposure_is_judged_on_the_person_first(plate: Picture) -> None:
    picture, landmarks = person(plate)
    assert exposure(picture, landmarks).ok
    dark = (picture * 0.12).astype(np.uint8)
    assert "too dark" in exposure(dark, landmarks).text
    bright = (picture.astype(int) * 2 + 120).clip(0, 255).astype(np.uint8)
    assert exposure(bright, landmarks).text == "player too bright"
    window = picture.copy()
    window[:200, :300] = 255
    assert exposure(window, landmarks).text == "picture too bright"
    assert exposure(window, None).text == "picture too bright"


@pytest.mark.parametrize(
    ("x", "floor", "height", "text"),
    [
        (320, 430, 300, "OK"),
        (320, 479, 300, "feet cut off"),
        (10, 430, 300, "cut off at the side"),
        (320, 380, 400, "cut off at the top"),
        (320, 440, 400, "no room for raised arms"),
    ],
)
def test_framing(x: float, floor: float, height: float, text: str) -> None:
    check = framing(standing(x, floor, height), SIZE)
    assert check.text == text
    assert check.ok is (text == "OK")
    assert bool(check.todo) is not check.ok


def test_nobody_and_several_people() -> None:
    assert framing(None, SIZE).ok is False
    assert alone(0).ok is None
    assert alone(1).ok
    assert str(alone(2)) == "alone: 2 people - one person in the picture, nobody behind"


def test_a_camera_that_moves_is_told_from_a_dancer_who_does(plate: Picture) -> None:
    camera = StillCamera()
    for x in (320, 250, 400):
        picture, landmarks = person(plate, x)
        check = camera.add(picture, landmarks)
        assert check.ok, check
    picture, landmarks = person(plate, 320)
    moved = np.roll(picture, 4, axis=1)
    check = camera.add(moved, landmarks)
    assert check.ok is False
    assert check.text == "moved 4 px"


def test_a_plain_wall_does_not_tell(plate: Picture) -> None:
    picture, landmarks = person(np.full_like(plate, 100))
    assert StillCamera().add(picture, landmarks).ok is None
    assert StillCamera().add(picture, None).ok is None
