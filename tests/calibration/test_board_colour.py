"""The board's colours: a chart on a board that is played, filmed at an angle by a camera that is played."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.board_colour import ColourError, Correction, draw_chart, is_grey, measure, read, shown

SIZE = (1280, 720)
COLD = ((0.72, 0.80, 0.86), (1.12, 1.0, 0.94))
"""A board that is blue, more so in the darks: gains and gammas of red, green, blue."""
AROUND = np.array([[150, 90], [1100, 160], [1060, 640], [190, 600]], np.float32)
"""Where the camera sees the board's corners."""


def board(
    picture: NDArray[np.uint8], gain: tuple[float, ...], gamma: tuple[float, ...]
) -> NDArray[np.float64]:
    """What the board makes of a picture BGR, 0 to 1."""
    return np.asarray(np.array(gain)[::-1] * (picture / 255) ** np.array(gamma)[::-1])


def filmed(light: NDArray[np.float64], ambient: float = 0.04, noise: float = 2.0) -> NDArray[np.uint8]:
    """As a camera sees the board: at an angle, blurred, with light on it and noise."""
    onto = cv2.getPerspectiveTransform(
        np.array([[0, 0], [SIZE[0], 0], [SIZE[0], SIZE[1]], [0, SIZE[1]]], np.float32), AROUND
    )
    seen = cv2.warpPerspective((255 * light).astype(np.float32), onto, SIZE, borderValue=(30, 30, 30))
    seen = cv2.GaussianBlur(seen, (5, 5), 0) + 255 * ambient
    seen += np.random.default_rng(1).normal(0, noise, seen.shape)
    return np.clip(seen, 0, 255).astype(np.uint8)


def test_the_chart_is_read_as_it_is_shown() -> None:
    seen = read([draw_chart(SIZE)], SIZE)
    np.testing.assert_allclose(seen, 255 * shown(), atol=1.0)


@pytest.mark.parametrize("size", [(1280, 720), (1920, 480), (640, 640), (3840, 2160), (480, 1080)])
def test_any_shape_of_board_has_its_chart(size: tuple[int, int]) -> None:
    seen = read([draw_chart(size)], size)
    np.testing.assert_allclose(seen[is_grey()], 255 * shown()[is_grey()], atol=1.0)


@pytest.mark.parametrize("size", [(128, 1080), (64, 4320), (7680, 64), (480, 1920)])
def test_a_narrow_board_has_one_too(size: tuple[int, int]) -> None:
    chart = draw_chart(size)
    assert chart.shape == (size[1], size[0], 3)
    assert (chart[size[1] // 2, size[0] // 2] != chart[0, 0]).any()


def test_a_chart_without_room_for_its_markers_is_refused() -> None:
    with pytest.raises(ColourError, match="too small"):
        draw_chart((8, 8))


def test_a_negative_is_no_chart() -> None:
    with pytest.raises(ColourError, match="do not rise"):
        measure(rising_at_both_ends())


def rising_at_both_ends() -> NDArray[np.float64]:
    """White is brighter than black, and all between is the other way round."""
    seen = 255 * 0.9 * (1 - shown())
    seen[(shown() == 0).all(axis=1)] = 10
    seen[(shown() == 1).all(axis=1)] = 100
    return np.asarray(seen)


def test_a_cold_board_becomes_neutral() -> None:
    chart = draw_chart(SIZE)
    found = measure(read([filmed(board(chart, *COLD))], SIZE))
    assert found.tint == pytest.approx((0.72 / 0.80, 0.86 / 0.80), abs=0.02)
    assert found.cast > 0.08 and found.left < 0.015
    corrected = cv2.LUT(chart, found.correction.table())
    again = measure(read([filmed(board(corrected, *COLD))], SIZE))
    assert again.cast < 0.02 and again.tint == pytest.approx((1, 1), abs=0.02)
    assert again.contrast == pytest.approx(found.contrast, abs=0.03)


def test_contrast_is_corrected_only_if_asked_for() -> None:
    chart = draw_chart(SIZE)
    steep = ((0.85, 0.85, 0.85), (1.4, 1.4, 1.4))
    seen = read([filmed(board(chart, *steep))], SIZE)
    assert measure(seen).correction.gamma == pytest.approx((1, 1, 1), abs=0.03)
    found = measure(seen, contrast=True)
    again = measure(read([filmed(board(cv2.LUT(chart, found.correction.table()), *steep))], SIZE))
    assert found.contrast == pytest.approx(1.4, abs=0.04) and again.contrast == pytest.approx(1, abs=0.04)


def test_a_good_board_stays_as_it_is() -> None:
    found = measure(read([filmed(board(draw_chart(SIZE), (0.85,) * 3, (1.0,) * 3))], SIZE))
    assert found.correction.gain == pytest.approx((1, 1, 1), abs=0.02)
    assert found.correction.gamma == pytest.approx((1, 1, 1), abs=0.03)


def test_colours_of_the_corrected_board_are_those_of_the_programme() -> None:
    """Skins and hues, that is the player, and not the greys alone by which it was fitted."""
    chart = draw_chart(SIZE)
    found = measure(read([filmed(board(chart, *COLD))], SIZE))
    before = read([filmed(board(chart, *COLD), 0, 0)], SIZE)[~is_grey()]
    after = read([filmed(board(cv2.LUT(chart, found.correction.table()), *COLD), 0, 0)], SIZE)[~is_grey()]
    true = 255 * shown()[~is_grey()]
    assert _tint_error(after, true) < 0.35 * _tint_error(before, true)


def _tint_error(seen: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """How far the shares of red, green and blue are from the true ones."""
    return float(np.abs(seen / seen.sum(1, keepdims=True) - true / true.sum(1, keepdims=True)).mean())


def test_pictures_are_averaged() -> None:
    """A board that flickers: darker in every other picture."""
    light = board(draw_chart(SIZE), *COLD)
    seen = read([filmed(light), filmed(0.8 * light)], SIZE)
    np.testing.assert_allclose(seen, read([filmed(0.9 * light)], SIZE), atol=1.5)


def test_what_cannot_be_measured_says_why() -> None:
    chart = draw_chart(SIZE)
    with pytest.raises(ColourError, match="the chart is not seen"):
        read([np.full((720, 1280, 3), 90, np.uint8)], SIZE)
    with pytest.raises(ColourError, match="the chart is not seen"):
        read([chart[:600]], SIZE)
    with pytest.raises(ColourError, match="burnt out"):
        measure(read([filmed(board(chart, (1.0,) * 3, (1.0,) * 3), 0.1)], SIZE))
    with pytest.raises(ColourError, match="apart"):
        measure(read([filmed(board(chart, (0.17,) * 3, (1.0,) * 3), 0.3, 0.5)], SIZE))
    with pytest.raises(ColourError, match="no board"):
        measure(read([filmed(board(chart, (0.85,) * 3, (6.0, 1.0, 1.0)), 0, 0)], SIZE))


def test_the_table_is_for_pictures_as_opencv_has_them() -> None:
    grey = np.full((1, 1, 3), 128, np.uint8)
    blue, green, red = cv2.LUT(grey, Correction((0.5, 1.0, 0.75), (1.0, 1.0, 1.0)).table())[0, 0]
    assert (red, green, blue) == (64, 128, 96)
    same = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    np.testing.assert_array_equal(cv2.LUT(same, Correction().table()), same)
