from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.packs import GAP, SIZE, paint_plainly
from tools.footage.dataset import Footage
from tools.footage.video import VideoReader
from tools.player.standby import FPS, SECONDS, at_rate, calmest, write_standby


def moving(steps: np.ndarray) -> np.ndarray:
    """(N, 33, 4): all landmarks go right by `steps` (N-1,) pixels."""
    landmarks = np.zeros((len(steps) + 1, 33, 4), np.float32)
    landmarks[1:, :, 0] = np.cumsum(steps)[:, None]
    return landmarks


def test_the_calmest_stretch_is_found() -> None:
    steps = np.ones(29)
    steps[12:16] = 0.1  # between frames 12 and 16
    assert calmest(moving(steps), np.arange(30), 5).tolist() == [12, 13, 14, 15, 16]


def test_a_gap_is_no_calm() -> None:
    indices = np.arange(30)
    indices[14:] += 1
    steps = np.ones(29)
    steps[12:16] = 0.1
    rows = calmest(moving(steps), indices, 5)
    assert 13 not in rows or 14 not in rows


def test_short_footage_is_taken_whole() -> None:
    assert calmest(moving(np.ones(3)), np.arange(4), 120).tolist() == [0, 1, 2, 3]
    assert calmest(moving(np.ones(0)), np.arange(1), 120).tolist() == [0]


def test_the_loop_goes_forward_and_back(dataset_folder: Path, tmp_path: Path) -> None:
    footage = Footage.open(dataset_folder)
    path = tmp_path / "standby.mp4"
    positions = np.arange(GAP - 12, GAP)
    write_standby(footage, positions, paint_plainly(footage), path)
    reader = VideoReader(path)
    frames = [frame for _, frame in reader]
    reader.close()
    assert (reader.size, reader.fps) == (SIZE, FPS)
    assert len(positions) < SECONDS * FPS and len(frames) == 2 * len(positions) - 2
    for frame, position in zip(frames, [*positions, *positions[-2:0:-1]], strict=True):
        assert np.abs(frame.astype(int) - footage.frame(int(position))).mean() < 6
    seam = np.abs(frames[-1].astype(int) - frames[0]).mean()
    steps = [np.abs(a.astype(int) - b).mean() for a, b in zip(frames[1:], frames[:-1], strict=True)]
    assert seam < 2 * max(steps)


def test_without_pyav_the_loop_is_written_all_the_same(
    dataset_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    footage, path = Footage.open(dataset_folder), tmp_path / "standby.mp4"
    positions = np.arange(GAP - 12, GAP)
    monkeypatch.setitem(sys.modules, "av", None)
    write_standby(footage, positions, paint_plainly(footage), path)
    monkeypatch.undo()
    reader = VideoReader(path)
    frames = [frame for _, frame in reader]
    reader.close()
    assert (reader.size, reader.fps, len(frames)) == (SIZE, FPS, 2 * len(positions) - 2)
    truth = paint_plainly_at(footage, int(positions[-1]))
    assert np.abs(frames[len(positions) - 1].astype(int) - truth).mean() < 8


def paint_plainly_at(footage: Footage, position: int) -> np.ndarray:
    picture = np.empty_like(footage.plate)
    paint_plainly(footage)(footage.landmarks[position], picture)
    return picture


@pytest.mark.parametrize(
    ("fps", "shown"), [(60, range(0, 240, 2)), (30, range(120)), (15, [n // 2 for n in range(120)])]
)
def test_the_loop_is_as_fast_as_it_was_filmed(fps: float, shown: Sequence[int]) -> None:
    found = at_rate(SECONDS * int(fps), fps)
    assert len(found) == SECONDS * FPS
    assert np.abs(found - np.array(shown)).max() <= 1
    assert found[0] == 0 and (np.diff(found) >= 0).all()
    assert at_rate(1, 60).tolist() == [0]
