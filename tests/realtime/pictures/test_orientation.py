from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from realtime.cameras.video_source import VideoSource
from realtime.pictures.orientation import Orientation, orientation_of
from realtime.pictures.reader import VideoReader
from tests.realtime.pictures.odd_videos import marked, quarters, write_video

ONE = 1 << 16
TURNS = [
    (a, b, c, d)
    for a, b, c, d in itertools.product((-1, 0, 1), repeat=4)
    if abs(a * d - b * c) == 1 and a * b == c * d == 0
]


def display_matrix(a: int, b: int, c: int, d: int) -> list[int]:
    return [a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30]


def moved(picture: np.ndarray, a: int, b: int, c: int, d: int) -> np.ndarray:
    """Each pixel at (x, y) about the middle goes to (a x + c y, b x + d y)."""
    height, width = picture.shape[:2]
    wide, high = (height, width) if b else (width, height)
    shown = np.zeros((high, wide, 3), np.uint8)
    y, x = np.mgrid[:height, :width]
    from_middle = 2 * x - width + 1, 2 * y - height + 1
    to_x = (a * from_middle[0] + c * from_middle[1] + wide - 1) // 2
    to_y = (b * from_middle[0] + d * from_middle[1] + high - 1) // 2
    shown[to_y, to_x] = picture
    return shown


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_every_way_up_is_brought_upright_offline_and_live(
    tmp_path: Path, turn: tuple[int, int, int, int]
) -> None:
    path = write_video(tmp_path / "phone.mp4", [marked()] * 2, matrix=display_matrix(*turn))
    right = moved(marked(), *turn)
    with VideoReader(path) as reader:
        assert reader.size == (right.shape[1], right.shape[0])
        (_, offline), _ = reader
    source = VideoSource(str(path))
    source.grab()
    live = source.picture()
    source.close()
    assert offline.shape == right.shape
    assert quarters(offline) == pytest.approx(quarters(right), abs=8)
    np.testing.assert_array_equal(live, offline)
    live[:] = 0  # the caller's to keep, and to write to


def test_there_are_eight_ways_up() -> None:
    assert len(TURNS) == 8
    assert len({orientation_of(display_matrix(*turn)) for turn in TURNS}) == 8


def test_a_matrix_that_is_nearly_a_quarter_turn_is_one() -> None:
    assert orientation_of([3000, ONE, 0, -ONE, 3000, 0, 0, 0, 1 << 30]) == Orientation(True, True, False)
    assert orientation_of([0] * 9) == Orientation()


@pytest.mark.parametrize("degrees", [0, 90, 180, -90, 270, -180])
def test_an_angle_alone_says_the_same(degrees: int) -> None:
    cos, sin = round(np.cos(np.radians(degrees))), round(np.sin(np.radians(degrees)))
    assert Orientation.turned(degrees) == orientation_of(display_matrix(cos, -sin, sin, cos))
