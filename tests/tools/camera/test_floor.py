from __future__ import annotations

import itertools
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tools.camera.floor import Clicks, FloorError, clicked, drawn, in_order, pixels_per_metre, place_of

CORNERS = ((0.3, 0.5), (0.7, 0.5), (1.0, 1.0), (0.0, 1.0))
SIZE = (1280, 720)


def test_corners_may_be_clicked_in_any_order() -> None:
    assert {in_order(order) for order in itertools.permutations(CORNERS)} == {CORNERS}


def test_clicks_are_four_corners_and_a_mark_that_moves() -> None:
    clicks = Clicks()
    for x, y in CORNERS:
        assert not clicks.is_enough
        clicks.add(x, y)
    assert clicks.is_enough and clicks.mark is None and "mark" in clicks.prompt
    clicks.add(0.5, 0.7)
    clicks.add(0.5, 1.3)
    assert clicks.mark == (0.5, 1.0) and tuple(clicks.corners) == CORNERS
    clicks.undo()
    clicks.undo()
    assert not clicks.is_enough and clicks.mark is None
    for _ in range(9):
        clicks.undo()
    assert clicks.places == []


@pytest.mark.parametrize(
    ("word", "place"),
    [(".5,.8", (0.5, 0.8)), ("640,576", (0.5, 0.8)), ("1,1", (1.0, 1.0)), ("0,0", (0.0, 0.0))],
)
def test_a_place_is_shares_or_pixels(word: str, place: tuple[float, float]) -> None:
    assert place_of(word, SIZE) == place


@pytest.mark.parametrize("word", ["", "5", "a,b", "1,2,3", "-0.1,0.5", "1281,3", "nan,0.5", "inf,2"])
def test_what_is_no_place_is_one_line(word: str) -> None:
    with pytest.raises(FloorError) as caught:
        place_of(word, SIZE)
    assert len(str(caught.value).splitlines()) == 1


def test_a_metre_is_wider_near_the_camera() -> None:
    square = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
    assert pixels_per_metre(square, (4.0, 2.0), (0.5, 0.5), SIZE) == pytest.approx(160)
    far, near = (pixels_per_metre(CORNERS, (4.0, 4.0), (0.5, y), SIZE) for y in (0.5, 1.0))
    assert far == pytest.approx(0.4 * 1280 / 4, rel=0.01) and near == pytest.approx(1280 / 4, rel=0.01)


def test_the_floor_is_drawn_into_a_copy() -> None:
    picture = np.zeros((360, 640, 3), np.uint8)
    plain = drawn(picture, CORNERS, (0.5, 0.8), grid=False)
    assert not picture.any() and plain[180, 200:440].any(axis=1).all() and plain[287, 319].any()
    assert drawn(picture, (), None, grid=True)[36, ::7].any(axis=1).all()
    assert cv2.countNonZero(cv2.cvtColor(drawn(picture, (), None, grid=False), cv2.COLOR_BGR2GRAY)) == 0


def test_in_the_window_clicks_keys_and_giving_up_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of OpenCV's window only what it shows is real."""
    mouse: list[Callable[..., None]] = []
    shown: list[NDArray[np.uint8]] = []
    script: list[tuple[float, float] | int] = []

    def wait(_: int) -> int:
        step = script.pop(0)
        if isinstance(step, tuple):
            mouse[-1](cv2.EVENT_LBUTTONDOWN, round(step[0] * 640), round(step[1] * 360), 0, None)
            return 255
        return step

    for name in ("namedWindow", "resizeWindow", "destroyAllWindows"):
        monkeypatch.setattr(cv2, name, lambda *_: None)
    monkeypatch.setattr(cv2, "setMouseCallback", lambda _, call: mouse.append(call))
    monkeypatch.setattr(cv2, "imshow", lambda _, picture: shown.append(picture))
    monkeypatch.setattr(cv2, "waitKey", wait)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1.0)
    picture = np.zeros((360, 640, 3), np.uint8)
    script[:] = [CORNERS[0], CORNERS[2], 13, (0.9, 0.1), 8, CORNERS[1], CORNERS[3], (0.5, 0.75), 13]
    clicks = clicked(picture)
    assert in_order(clicks.corners) == CORNERS and clicks.mark == (0.5, 0.75)
    assert not picture.any() and all(each[:70].any() for each in shown), "it says what to click"
    script[:] = [CORNERS[0], 27]
    with pytest.raises(FloorError, match="given up"):
        clicked(picture)
