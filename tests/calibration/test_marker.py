"""The marker is read from what a camera may make of it."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from calibration import marker


def programme(number: int, size: tuple[int, int] = (1280, 720)) -> NDArray[np.uint8]:
    rng = np.random.default_rng(number)
    picture = rng.integers(0, 255, (size[1] // 40, size[0] // 40, 3), np.uint8)
    picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    marker.draw(picture, number)
    return picture


def filmed(picture: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """At an angle, `share` as wide, out of focus, noisy and darker."""
    height, width = picture.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    seen = corners * share + np.array([(90, 60), (70, 75), (85, 50), (95, 80)], np.float32)
    turned = cv2.warpPerspective(
        picture, cv2.getPerspectiveTransform(corners, seen), (width, height), flags=cv2.INTER_AREA
    )
    noise = np.random.default_rng(1).normal(0, 6, picture.shape)
    soft = cv2.GaussianBlur(turned, (0, 0), 1.0) * 0.7 + 20 + noise
    return np.clip(soft, 0, 255).astype(np.uint8)


@given(st.integers(0, 5000))
def test_what_is_drawn_is_read(number: int) -> None:
    picture = np.full((180, 320, 3), 120, np.uint8)
    marker.draw(picture, number)
    assert marker.read(picture) == number % marker.MODULUS


@pytest.mark.parametrize("number", [0, 7, 123, 999])
@pytest.mark.parametrize("share", [0.8, 0.4, 0.25])
def test_it_is_read_as_a_camera_sees_it(number: int, share: float) -> None:
    assert marker.read(filmed(programme(number), share)) == number


def test_nothing_is_read_where_there_is_none() -> None:
    picture = programme(3)
    picture[-marker.side_of(picture) :] = 0
    assert marker.read(picture) is None
    assert marker.read(np.zeros((20, 30, 3), np.uint8)) is None


def test_the_largest_comes_first() -> None:
    picture = np.full((720, 1280, 3), 90, np.uint8)
    smaller = np.full((360, 640, 3), 90, np.uint8)
    marker.draw(smaller, 41)
    picture[:360, -640:] = smaller
    marker.draw(picture, 42)
    assert marker.read_all(picture) == [42, 41]
    assert marker.read(picture) == 42


@pytest.mark.parametrize("size", [(64, 64), (128, 96), (1920, 1080), (1080, 1920)])
def test_it_fits_into_any_picture(size: tuple[int, int]) -> None:
    picture = np.full((size[1], size[0], 3), 5, np.uint8)
    marker.draw(picture, 1)
    side = marker.side_of(picture)
    assert 0 < side <= min(size) / 2
    assert (picture[:-side] == 5).all() and (picture[:, side:] == 5).all()
