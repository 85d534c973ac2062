"""The screen for player and crew while filming. It only draws; its content comes in a `View`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.stick_figure import draw_stick_figure
from tools.coverage.mannequin import portrait
from tools.coverage.meter import Coverage
from tools.coverage.picture import shown
from tools.coverage.pose_space import AXES
from tools.record.checks import Check
from tools.record.prompts import Cue

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

SIZE = (1280, 720)
PANEL_WIDTH, TOP_HEIGHT, METER_HEIGHT = 264, 44, 84
INK, QUIET, GREEN, AMBER, RED = (
    (244, 239, 236),
    (163, 147, 138),
    (138, 211, 127),
    (65, 169, 217),
    (63, 84, 220),
)
SHADE = 0.3
"""How much of the camera's picture is visible through the panels."""
FIGURE = (220, 250)
KEYS = "space pause    n next    q finish"


@dataclass(frozen=True)
class View:
    """cue: None while paused. take: the file's name. seconds: filmed so far. left_s: room on the disk, in
    seconds. note: what the crew must know first; or ""."""

    cue: Cue | None
    checks: Sequence[Check]
    coverage: Coverage
    take: str
    seconds: float
    left_s: float
    dropped: int
    note: str = ""


def draw(picture: Picture, landmarks: NDArray[np.float32] | None, view: View) -> Picture:
    """(720, 1280, 3) BGR: the camera's picture (H, W, 3), mirrored, with what is to be done."""
    screen = _fit(picture, landmarks)
    width, height = SIZE
    bottom = height - METER_HEIGHT
    for x0, y0, x1, y1 in (
        (0, 0, width, TOP_HEIGHT),
        (0, TOP_HEIGHT, PANEL_WIDTH, bottom),
        (width - PANEL_WIDTH, TOP_HEIGHT, width, bottom),
        (0, bottom, width, height),
    ):
        area = screen[y0:y1, x0:x1]
        area[:] = (area * SHADE).astype(np.uint8)
    _top(screen, view)
    _prompt(screen, view.cue)
    _checks(screen, view.checks)
    _meter(screen, view.coverage)
    if view.note:
        _text(screen, view.note, (PANEL_WIDTH + 20, bottom - 20), 0.6, AMBER, 2)
    return screen


def _fit(picture: Picture, landmarks: NDArray[np.float32] | None) -> Picture:
    scale = min(SIZE[0] / picture.shape[1], SIZE[1] / picture.shape[0])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    fitted = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    if landmarks is not None:
        moved = landmarks.copy()
        moved[:, :2] *= scale
        draw_stick_figure(np.asarray(fitted, np.uint8), moved)
    screen = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    x, y = (SIZE[0] - size[0]) // 2, (SIZE[1] - size[1]) // 2
    screen[y : y + size[1], x : x + size[0]] = fitted[:, ::-1]
    return screen


def _top(screen: Picture, view: View) -> None:
    minutes, seconds = divmod(int(view.seconds), 60)
    if view.cue is not None:
        cv2.circle(screen, (24, 22), 9, RED, -1, cv2.LINE_AA)
    state = view.take if view.cue is not None else "PAUSED"
    _text(screen, f"{state}   {minutes}:{seconds:02d}", (44, 29), 0.65, INK, 1)
    left = f"disk {min(view.left_s / 60, 999):.0f} min"
    drops = f"{view.dropped} frames dropped" if view.dropped else "no frame dropped"
    _text(screen, f"{left}   {drops}", (420, 29), 0.55, AMBER if view.dropped else QUIET, 1)
    _text(screen, KEYS, (SIZE[0] - 390, 29), 0.55, QUIET, 1)


def _prompt(screen: Picture, cue: Cue | None) -> None:
    top = TOP_HEIGHT + 14
    if cue is None:
        _text(screen, "paused", (24, top + 40), 1.0, AMBER, 2)
        return
    prompt = cue.prompt
    figure = prompt.figure if prompt.axis is None or prompt.bin is None else shown(prompt.axis, prompt.bin)
    tile = portrait(figure, FIGURE)[:, ::-1]
    screen[top : top + FIGURE[1], 22 : 22 + FIGURE[0]] = tile
    colour = GREEN if cue.go else AMBER
    cv2.rectangle(screen, (22, top), (22 + FIGURE[0], top + FIGURE[1]), colour, 2)
    y = top + FIGURE[1] + 42
    for line in textwrap.wrap(prompt.text, 16):
        _text(screen, line, (20, y), 0.85, INK, 2)
        y += 36
    _text(screen, "now" if cue.go else "get ready", (20, y + 22), 0.85, colour, 2)
    _text(screen, str(cue.countdown), (180, y + 36), 1.7, colour, 3)


def _checks(screen: Picture, checks: Sequence[Check]) -> None:
    x, y = SIZE[0] - PANEL_WIDTH + 20, TOP_HEIGHT + 34
    for check in checks:
        colour = QUIET if check.ok is None else GREEN if check.ok else RED
        cv2.circle(screen, (x + 6, y - 6), 7, colour, -1, cv2.LINE_AA)
        _text(
            screen,
            f"{check.name}: {check.text}"[:30],
            (x + 24, y),
            0.49,
            INK if check.ok is not None else QUIET,
            1,
        )
        for line in textwrap.wrap(check.todo, 27):
            y += 22
            _text(screen, line, (x + 24, y), 0.5, AMBER, 1)
        y += 36


def _meter(screen: Picture, coverage: Coverage) -> None:
    """A column of cells for each axis, and a bar of all."""
    verdict = coverage.verdict()
    top = SIZE[1] - METER_HEIGHT + 8
    wide = (SIZE[0] - 40) / len(AXES)
    for number, axis in enumerate(AXES):
        left = 20 + number * wide
        cell = (wide - 8) / len(axis.bins)
        for column, one in enumerate(axis.bins):
            progress = coverage.progress(axis, one)
            colour = GREEN if progress >= 1 else AMBER if progress > 0 else (70, 60, 52)
            x0, x1 = round(left + column * cell), round(left + (column + 1) * cell) - 2
            cv2.rectangle(screen, (x0, top), (x1, top + 16), colour, -1)
        _text(
            screen,
            axis.name.replace("left ", "L ").replace("right ", "R "),
            (round(left), top + 32),
            0.36,
            QUIET,
            1,
        )
    bar = top + 44
    cv2.rectangle(screen, (20, bar), (560, bar + 18), (70, 60, 52), -1)
    share = round(20 + 540 * verdict.share)
    cv2.rectangle(screen, (20, bar), (share, bar + 18), GREEN if verdict.enough else AMBER, -1)
    so_far = f"{verdict.share:.0%} and {verdict.minutes:.1f} min"
    text = f"enough: {so_far}" if verdict.enough else f"{so_far}; lacks {', '.join(verdict.lacks)}"
    _text(screen, text, (576, bar + 14), 0.49, GREEN if verdict.enough else INK, 1)


def _text(screen: Picture, text: str, at: tuple[int, int], size: float, colour: Colour, weight: int) -> None:
    cv2.putText(screen, text, at, cv2.FONT_HERSHEY_DUPLEX, size, colour, weight, cv2.LINE_AA)
