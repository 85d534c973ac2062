"""The stage floor and its mark: clicked in a window, or given as numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.pictures.picture import ACCENT, INK

Picture = NDArray[np.uint8]
Place = tuple[float, float]
"""Shares of the picture."""

TITLE = "Dancecam: stage floor"
PROMPTS = (
    "click the floor's corners: 1 of 4",
    "2 of 4",
    "3 of 4",
    "4 of 4",
    "click the stage mark (or return: none)",
    "return: keep it",
)
TELL = "backspace: take the last click back   escape: give up"


class FloorError(ValueError):
    """The floor cannot be taken; the text says why, and what to do."""


class Clicks:
    """The clicks so far: four corners, then the mark."""

    def __init__(self) -> None:
        self.places: list[Place] = []

    def add(self, x: float, y: float) -> None:
        """Shares of the picture; further clicks move the mark."""
        if len(self.places) > 4:
            self.places.pop()
        self.places.append((min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)))

    def undo(self) -> None:
        if self.places:
            self.places.pop()

    @property
    def corners(self) -> list[Place]:
        return self.places[:4]

    @property
    def mark(self) -> Place | None:
        return self.places[4] if len(self.places) > 4 else None

    @property
    def is_enough(self) -> bool:
        return len(self.places) >= 4

    @property
    def prompt(self) -> str:
        return PROMPTS[len(self.places)]


def place_of(word: str, size: tuple[int, int]) -> Place:
    """From "x,y": shares of the picture; numbers above 1 are pixels of a picture of `size`. Raises
    FloorError."""
    try:
        x, y = (float(part) for part in word.split(","))
    except ValueError as error:
        raise FloorError(f"{word}: write a place as x,y: shares from 0 to 1, or pixels") from error
    if max(x, y) > 1:
        x, y = x / size[0], y / size[1]
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise FloorError(f"{word}: it is not in the picture, which is {size[0]}x{size[1]}")
    return round(x, 4), round(y, 4)


def in_order(corners: Sequence[Place]) -> tuple[Place, ...]:
    """The corners around the floor, in whatever order they were clicked: from the far left one, clockwise."""
    x, y = (sum(corner[axis] for corner in corners) / len(corners) for axis in (0, 1))
    around = sorted(corners, key=lambda corner: math.atan2(corner[1] - y, corner[0] - x))
    return tuple((round(corner[0], 4), round(corner[1], 4)) for corner in around)


def pixels_per_metre(
    corners: Sequence[Place], size_m: tuple[float, float], at: Place, size: tuple[int, int]
) -> float:
    """How wide a metre of the floor is in the picture, at a place. corners: `in_order`. size_m: width and
    depth of the floor. size: of the picture, pixels."""
    width, depth = size_m
    on_floor = np.array([[0, 0], [width, 0], [width, depth], [0, depth]], np.float32)
    in_picture = (np.array(corners) * size).astype(np.float32)
    to_floor = cv2.getPerspectiveTransform(in_picture, on_floor)
    here = np.array(at) * size
    pair = np.array([[here, here + np.array([1.0, 0.0])]])
    metres = cv2.perspectiveTransform(pair, to_floor)[0]
    return float(1 / max(float(np.linalg.norm(metres[1] - metres[0])), 1e-9))


def drawn(picture: Picture, corners: Sequence[Place], mark: Place | None, *, grid: bool) -> Picture:
    """A copy with floor and mark in it. grid: with lines at each tenth of the picture, numbered."""
    picture = picture.copy()
    height, width = picture.shape[:2]
    line = max(1, min(width, height) // 360)

    def pixel(place: Place) -> tuple[int, int]:
        return round(place[0] * (width - 1)), round(place[1] * (height - 1))

    for tenth in range(1, 10) if grid else ():
        share = tenth / 10
        for start, end in (((share, 0), (share, 1)), ((0, share), (1, share))):
            cv2.line(picture, pixel(start), pixel(end), INK, 1)
        for at in ((share, 0.03), (0.005, share)):
            cv2.putText(
                picture, f".{tenth}", pixel(at), cv2.FONT_HERSHEY_SIMPLEX, line / 2, ACCENT, line, cv2.LINE_AA
            )
    if corners:
        around = np.array([pixel(corner) for corner in corners], np.int32)
        cv2.polylines(picture, [around], len(corners) == 4, ACCENT, 2 * line, cv2.LINE_AA)
        for corner in corners:
            cv2.circle(picture, pixel(corner), 3 * line, ACCENT, -1, cv2.LINE_AA)
    if mark is not None:
        cv2.drawMarker(picture, pixel(mark), ACCENT, cv2.MARKER_CROSS, 20 * line, 2 * line)
    return picture


def clicked(picture: Picture) -> Clicks:
    """Asks in a window; it needs a display. Raises FloorError where it is given up."""
    clicks = Clicks()
    height, width = picture.shape[:2]

    def on_mouse(event: int, x: int, y: int, _flags: int, _data: object) -> None:
        if event == cv2.EVENT_LBUTTONDOWN:
            clicks.add(x / width, y / height)

    cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    cv2.resizeWindow(TITLE, 1280, round(1280 * height / width))
    cv2.setMouseCallback(TITLE, on_mouse)
    try:
        while True:
            corners = in_order(clicks.corners) if clicks.is_enough else clicks.corners
            shown = drawn(picture, corners, clicks.mark, grid=False)
            for row, text in enumerate((clicks.prompt, TELL)):
                cv2.putText(
                    shown, text, (16, 32 + 28 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.8, ACCENT, 2, cv2.LINE_AA
                )
            cv2.imshow(TITLE, shown)
            key = cv2.waitKey(30) & 0xFF
            if key in (8, 127):
                clicks.undo()
            elif key in (10, 13) and clicks.is_enough:
                return clicks
            elif key == 27 or cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
                raise FloorError("given up: nothing was written")
    finally:
        cv2.destroyAllWindows()
