from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tools.evaluate.gallery import SHOWN, Gallery, Shot

WHOLE = (slice(None), slice(None))


def filled(total: int) -> Gallery:
    """`total` grey frames as bright as their number; the nearer to 9.4, the worse."""
    gallery = Gallery()
    gallery.start(total)
    for number in range(total):
        picture = np.full((32, 64, 3), number, np.uint8)
        gallery.add(number, Shot(number, abs(number - 9.4), picture, WHOLE, picture))
    return gallery


def test_the_gallery_keeps_the_worst_moments_first_and_the_even_ones(tmp_path: Path) -> None:
    gallery = filled(20)
    assert [shot.frame for shot in gallery.worst][:3] == [9, 10, 7], "of 8 and 9 the worse"
    assert [shot.frame for shot in gallery.even] == [0, 2, 5, 8, 10, 13, 16, 19]
    gallery.write(tmp_path)
    worst, even = (cv2.imread(str(tmp_path / f"{name}.png")) for name in ("worst", "even"))
    assert worst.shape == even.shape == (SHOWN // 2 * 32, 4 * 64, 3)
    assert worst[31, 62] == pytest.approx(9) and even[31, 62, 0] == 0


def test_one_long_bad_moment_does_not_fill_the_gallery() -> None:
    shown = [shot.frame for shot in filled(160).worst]
    assert shown[0] == 9 and len(shown) == SHOWN
    assert {frame // 10 for frame in shown} == set(range(SHOWN))


def test_a_row_is_truth_and_outputs_cut_to_the_person() -> None:
    truth, output, other = (np.full((32, 64, 3), level, np.uint8) for level in (10, 20, 30))
    shot = Shot(3, 1.0, output, (slice(22, 32), slice(0, 20)), truth)
    row = shot.row(other, cut=True)
    assert row.shape == (10, 60, 3)
    assert row[9, 19, 0] == 10 and row[9, 39, 0] == 20 and row[9, 59, 0] == 30
    assert Shot(3, 1.0, output, WHOLE).row().shape == output.shape
