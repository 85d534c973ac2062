from __future__ import annotations

from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.packs import standing
from tools.dance.dance import SynthesisError
from tools.footage.video import VideoError, VideoWriter
from tools.synthesize.scene import Backdrop, fill, over, render


def test_a_held_pose_is_not_drawn_again_and_an_empty_scene_is_the_plate() -> None:
    class Brush:
        drawn, forgotten = 0, 0

        def __call__(self, landmarks: np.ndarray, out: np.ndarray) -> None:
            self.drawn += 1
            out[:] = self.drawn

        def reset(self) -> None:
            self.forgotten += 1

    brush, pose, plate = Brush(), standing(50, 160, 100), np.full((4, 4, 3), 200, np.uint8)
    pictures = render(brush, plate, [None, pose, pose, None, pose])  # type: ignore[arg-type]
    assert [int(picture[0, 0, 0]) for picture in pictures] == [200, 1, 1, 200, 2]
    assert (brush.drawn, brush.forgotten) == (2, 2)


def test_a_picture_fills_the_frame_and_its_middle_is_kept() -> None:
    wide = np.zeros((20, 80, 3), np.uint8)
    wide[:, 30:50] = 255
    filled = fill(wide, (64, 64))
    assert filled.shape == (64, 64, 3)
    assert filled[:, 4:-4].min() == 255  # the middle square, and nothing beside it
    assert fill(np.zeros((33, 17, 3), np.uint8), (64, 32)).shape == (32, 64, 3)


def test_a_layer_is_mixed_by_its_alpha() -> None:
    layer = np.full((1, 3, 4), 200, np.uint8)
    layer[0, :, 3] = (0, 128, 255)
    mixed = over(layer, np.full((1, 3, 3), 100, np.uint8))
    assert mixed[0, :, 0].tolist() == pytest.approx([100, 150, 200], abs=1)


def test_a_still_backdrop_is_the_same_at_all_times(tmp_path: Path) -> None:
    path = tmp_path / "plate.png"
    cv2.imwrite(str(path), np.full((40, 40, 3), 77, np.uint8))
    pictures = list(Backdrop(path, (16, 8)).at([0, 10, 20]))
    assert [picture.shape for picture in pictures] == [(8, 16, 3)] * 3 and pictures[2].min() == 77


def test_a_video_backdrop_keeps_its_own_times_and_loops(tmp_path: Path) -> None:
    path = tmp_path / "plate.mp4"
    with VideoWriter(path, (32, 32), fps=Fraction(10), time_base=Fraction(1, 10), crf=1) as writer:
        for number in range(3):
            writer.write(number * 100_000_000, np.full((32, 32, 3), 80 * number, np.uint8))
    times = [number * 50_000_000 for number in range(14)]  # twice its rate, more than twice its length
    levels = [round(picture.mean() / 80) for picture in Backdrop(path, (32, 32)).at(times)]
    assert levels == [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2, 0, 0]
    skipped = Backdrop(path, (32, 32)).at(range(0, 10**10, 10**9))  # far apart: a second is 1 in its 3 tenths
    assert [round(picture.mean() / 80) for picture in islice(skipped, 3)] == [0, 1, 2]


def test_a_backdrop_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"neither picture nor video")
    with pytest.raises(VideoError, match=r"broken\.jpg"):
        Backdrop(broken, (8, 8))
    with pytest.raises(SynthesisError, match=r"none\.png: no such file"):
        Backdrop(tmp_path / "none.png", (8, 8))
