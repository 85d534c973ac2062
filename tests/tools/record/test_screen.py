from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.packs import paint, standing, textured_plate
from tools.coverage.meter import Coverage
from tools.record.checks import Check
from tools.record.prompts import Cue, Prompt, Prompter
from tools.record.screen import PANEL_WIDTH, SIZE, View, draw

FRAME = (640, 480)


@pytest.fixture
def view() -> View:
    coverage = Coverage()
    checks = [Check("framing", True, "OK"), Check("focus", False, "too soft", "focus on the player")]
    return View(Prompter().cue(coverage, 0), checks, coverage, "take-001.mkv", 75, 3600, 0)


def test_the_screen_shows_the_player_as_in_a_mirror(view: View) -> None:
    landmarks = standing(220, 430, 300)
    picture, _ = paint(textured_plate(FRAME), landmarks, 300)
    screen = draw(picture, None, view)
    assert screen.shape == (SIZE[1], SIZE[0], 3)
    middle = screen[100:600, PANEL_WIDTH:-PANEL_WIDTH].astype(int)
    shirt = (middle[..., 2] > 150) & (middle[..., 1] < 80)  # he stands left in the picture: right in a mirror
    assert np.median(np.nonzero(shirt)[1]) > middle.shape[1] / 2


@pytest.mark.parametrize("size", [(1920, 1080), (360, 640), (64, 64)])
def test_any_camera_fits(view: View, size: tuple[int, int]) -> None:
    picture = np.full((size[1], size[0], 3), 200, np.uint8)
    assert draw(picture, standing(size[0] / 2, size[1] * 0.9, size[1] * 0.6), view).shape == (720, 1280, 3)
    assert (picture == 200).all()


def test_what_changes_can_be_seen(view: View) -> None:
    picture = np.full((480, 640, 3), 100, np.uint8)
    assert view.cue is not None
    before = draw(picture, None, view)
    covered = Coverage()
    for tally in covered.tallies.values():
        tally.seconds, tally.moments = 9, 9
    free = Prompt("jazz hands: fingers spread", view.cue.prompt.figure)
    for other in (
        replace(view, cue=None),
        replace(view, cue=replace(view.cue, go=True)),
        replace(view, cue=Cue(free, True, 3)),
        replace(view, checks=[]),
        replace(view, coverage=covered),
        replace(view, dropped=4),
        replace(view, note="camera 0 gives no picture any more"),
    ):
        assert (draw(picture, None, other) != before).any()
