from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.packs import standing
from tools import prepare
from tools.footage import Footage
from tools.prepare import LEAST_FRAMES, SIDE_MULTIPLE, fit_height, smooth_landmarks
from tools.video import VideoReader

PLAYER = Path(__file__).resolve().parents[2] / "assets" / "player_train.mp4"
FRAMES = 66


def write(path: Path, frames: list[NDArray[np.uint8]]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30), options={"crf": "18"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def cut() -> list[NDArray[np.uint8]]:
    """The first frames of the player's video, and three without him."""
    reader = VideoReader(PLAYER)
    frames = [
        cv2.resize(frame, (256, 256), interpolation=cv2.INTER_AREA)
        for _, (_, frame) in zip(range(FRAMES), reader, strict=False)
    ]
    reader.close()
    return [*frames, *[np.full_like(frames[0], 90)] * 3]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, cut: list[NDArray[np.uint8]]) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    assert prepare.main([str(write(folder / "cut.mp4", cut)), str(folder / "sets/cut")]) == 0
    return folder / "sets/cut"


def test_the_dataset_is_one_that_training_reads(dataset: Path) -> None:
    footage = Footage.open(dataset)
    assert footage.size == (256, 256)
    assert footage.landmarks.shape == (len(footage.indices), 33, 4)
    assert LEAST_FRAMES <= len(footage.indices) <= FRAMES
    assert (np.diff(footage.indices) > 0).all() and footage.indices[-1] < FRAMES
    assert 60 < footage.body.near.height < 256
    for position in (0, len(footage.indices) - 1):
        mask = footage.mask(position)
        joints = footage.landmarks[position, 11:29]
        on = mask[joints[:, 1].astype(int), joints[:, 0].astype(int)] > 127
        assert on.mean() > 0.8
        assert 0.02 < (mask > 127).mean() < 0.3
    assert (dataset / "contact_sheet.jpg").stat().st_size > 1000
    assert len(list((dataset / "frames").iterdir())) >= len(footage.indices)


def test_what_was_dropped_is_counted(dataset: Path) -> None:
    summary = json.loads((dataset / "dataset.json").read_text())
    assert summary["source"] == "cut.mp4" and summary["fps"] == "30"
    assert summary["dropped"]["without a person"] >= 1
    assert summary["kept"] + sum(summary["dropped"].values()) == FRAMES + 3
    assert 0 <= summary["plate_unseen_share"] < 0.25


def test_the_plate_is_the_scene_without_the_player(dataset: Path, cut: list[NDArray[np.uint8]]) -> None:
    footage = Footage.open(dataset)
    position = 5
    frame = cut[int(footage.indices[position])].astype(int)
    person = cv2.dilate(footage.mask(position), np.ones((25, 25), np.uint8)) > 0
    difference = np.abs(frame - footage.plate).max(axis=2)
    assert np.median(difference[~person]) < 6
    assert np.percentile(difference[~person], 95) < 20
    assert np.median(difference[footage.mask(position) > 250]) > 15  # he is gone


def test_nothing_unfinished_is_left(dataset: Path) -> None:
    assert [path.name for path in dataset.parent.iterdir()] == ["cut"]


def refused(capsys: pytest.CaptureFixture[str], video: Path, folder: Path) -> str:
    """Runs the command; returns its one line of complaint."""
    assert prepare.main([str(video), str(folder)]) == 1
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if line.strip() and "it/s" not in line and "|" not in line]
    assert len(lines) == 1 and lines[0].startswith("prepare: "), error
    assert not folder.exists()
    return lines[0]


def test_a_missing_or_broken_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "sets/cut"
    assert "nowhere.mp4: no such file" in refused(capsys, tmp_path / "nowhere.mp4", folder)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    assert "broken.mp4 is no video" in refused(capsys, tmp_path / "broken.mp4", folder)
    assert not folder.parent.exists()


def test_a_video_without_a_person_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = write(tmp_path / "empty.mp4", [np.full((96, 128, 3), 90, np.uint8)] * 5)
    line = refused(capsys, empty, tmp_path / "sets/empty")
    assert "empty.mp4 has 0 usable frames" in line and "5 without a person" in line


def test_a_failure_leaves_the_old_dataset_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "sets/empty"
    old.mkdir(parents=True)
    (old / "dataset.json").write_text("old")
    empty = write(tmp_path / "empty.mp4", [np.full((96, 128, 3), 90, np.uint8)] * 3)
    assert prepare.main([str(empty), str(old)]) == 1
    assert (old / "dataset.json").read_text() == "old"
    assert [path.name for path in old.parent.iterdir()] == ["empty"]


@pytest.mark.parametrize(
    ("size", "height", "expected"),
    [
        ((512, 512), 720, (512, 512)),
        ((1920, 1080), 720, (1280, 704)),
        ((1080, 1920), 720, (384, 704)),
        ((100, 70), 720, (96, 64)),
    ],
)
def test_pictures_are_scaled_down_and_cut(
    size: tuple[int, int], height: int, expected: tuple[int, int]
) -> None:
    frame = np.zeros((size[1], size[0], 3), np.uint8)
    frame[size[1] // 2 - 2 : size[1] // 2 + 2, size[0] // 2 - 2 : size[0] // 2 + 2] = 255
    fitted = fit_height(frame, height)
    assert (fitted.shape[1], fitted.shape[0]) == expected
    assert all(side % SIDE_MULTIPLE == 0 for side in fitted.shape[:2])
    rows, columns = np.nonzero(fitted[..., 0] > 100)
    assert rows.mean() == pytest.approx(expected[1] / 2, abs=1)  # the middle stays
    assert columns.mean() == pytest.approx(expected[0] / 2, abs=1)


def test_jitter_is_smoothed_but_not_over_a_gap() -> None:
    random = np.random.default_rng(0)
    true = np.stack([standing(100 + (50 if n >= 20 else 0) + n, 200, 150) for n in range(40)])
    seen = true.copy()
    seen[..., :2] += random.normal(0, 1, (40, 33, 2))
    indices = np.array([*range(20), *range(50, 70)])
    smooth = smooth_landmarks(seen, indices)
    before, after = (np.abs(each - true)[..., :2].mean() for each in (seen, smooth))
    assert after < 0.8 * before
    np.testing.assert_array_equal(smooth[..., 3], seen[..., 3])
    np.testing.assert_allclose(smooth_landmarks(true, indices), true, atol=1e-3)  # the jump is kept
    np.testing.assert_array_equal(smooth_landmarks(seen[:4], indices[:4]), seen[:4])
