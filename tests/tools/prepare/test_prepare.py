from __future__ import annotations

import errno
import json
import multiprocessing
import os
import random
import shutil
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tools.prepare.footage_files import PLAYER, die_at_write, middle, player_frames, write_video
from tools.footage.dataset import Footage
from tools.prepare import __main__ as prepare
from tools.prepare import rules
from tools.prepare.choose import LEAST_FRAMES
from tools.prepare.files import pictures
from tools.prepare.files.sources import GAP

pytestmark = pytest.mark.usefixtures("own_cache")

TAKES = (44, 26)
"""Frames of the player in each of two takes; the second ends with three without him."""
EMPTY = 3


@pytest.fixture(scope="module")
def frames() -> list[NDArray[np.uint8]]:
    return player_frames(sum(TAKES))


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory, frames: list[NDArray[np.uint8]]) -> Path:
    """A folder with two takes."""
    folder = tmp_path_factory.mktemp("takes")
    write_video(folder / "1.mp4", frames[: TAKES[0]])
    write_video(folder / "2.mp4", [*frames[TAKES[0] :], *[np.full_like(frames[0], 90)] * EMPTY])
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, takes: Path) -> Path:
    """Both takes, prepared in one go."""
    folder = tmp_path_factory.mktemp("prepared") / "sets/cut"
    assert prepare.main(command(takes, folder)) == 0
    return folder


def command(takes: Path, folder: Path, *more: str) -> list[str]:
    return [str(takes), str(folder), "--checkpoint", "16", "--landmarks", "full", *more]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_dataset_is_one_that_training_reads(dataset: Path) -> None:
    footage = Footage.open(dataset)
    assert footage.size == (256, 256)
    assert footage.landmarks.shape == (len(footage.indices), 33, 4)
    assert np.isfinite(footage.landmarks).all()
    assert LEAST_FRAMES <= len(footage.indices) <= sum(TAKES)
    assert 60 < footage.body.near.height < 256
    for position in (0, len(footage.indices) - 1):
        mask = footage.mask(position)
        assert rules.covered(mask, footage.landmarks[position], footage.body.near.height) > 0.8
        assert 0.02 < (mask > 127).mean() < 0.3


def test_each_frame_has_its_own_number_and_takes_lie_apart(
    dataset: Path, frames: list[NDArray[np.uint8]]
) -> None:
    footage = Footage.open(dataset)
    steps = np.diff(footage.indices)
    assert (steps > 0).all()
    assert (steps >= GAP // 2).sum() == 1 and footage.indices[0] < TAKES[0]
    second = TAKES[0] - 1 + GAP
    for position in (3, len(footage.indices) - 3):
        number = int(footage.indices[position])
        source = frames[number if number < TAKES[0] else number - second + TAKES[0]]
        assert np.abs(footage.frame(position).astype(int) - source).mean() < 5
    for name in ("frames", "masks"):
        stems = sorted(int(path.stem) for path in (dataset / name).iterdir())
        assert stems == footage.indices.tolist()


def test_what_was_dropped_is_counted_and_told(dataset: Path) -> None:
    summary = json.loads((dataset / "dataset.json").read_text(encoding="utf-8"))
    assert [source["name"] for source in summary["sources"]] == ["1.mp4", "2.mp4"]
    assert [source["frames"] for source in summary["sources"]] == [TAKES[0], TAKES[1] + EMPTY]
    assert sum(source["kept"] for source in summary["sources"]) == summary["kept"]
    assert summary["fps"] == "30" and summary["size"] == [256, 256]
    assert summary["dropped"][rules.NOBODY] >= 1
    assert summary["kept"] + sum(summary["dropped"].values()) == sum(TAKES) + EMPTY
    assert [scene["kind"] for scene in summary["scenes"]] == ["still"]
    assert summary["scenes"][0]["kept"] == summary["kept"] and summary["own_background_share"] == 1
    assert summary["light"]["p5"] == pytest.approx(1, abs=0.02)
    page = (dataset / "report.html").read_text(encoding="utf-8")
    assert f"{summary['kept']} of {sum(TAKES) + EMPTY} frames kept" in page
    assert rules.NOBODY in page and rules.ADVICE[rules.NOBODY] in page
    assert "http" not in page.replace("data:image/jpeg", "")  # all of it is in the file
    assert page.count("data:image/jpeg") >= 4  # plate, mattes, poses, an example of a dropped frame


def test_the_plate_is_the_scene_without_the_player(dataset: Path) -> None:
    footage = Footage.open(dataset)
    frame = footage.frame(5).astype(int)
    person = cv2.dilate(footage.mask(5), np.ones((25, 25), np.uint8)) > 0
    difference = np.abs(frame - footage.plate).max(axis=2)
    assert np.median(difference[~person]) < 6
    assert np.percentile(difference[~person], 95) < 30  # the player's shadow is gone too
    assert np.median(difference[footage.mask(5) > 250]) > 15  # he is gone


def test_nothing_unfinished_is_left(dataset: Path) -> None:
    assert [path.name for path in dataset.parent.iterdir()] == ["cut"]
    assert not (dataset / "work").exists()


def test_a_run_that_is_killed_again_and_again_ends_as_one_that_was_not(
    takes: Path, dataset: Path, tmp_path: Path
) -> None:
    """Each run is killed at one of its writes. The first three together write fewer files than there will be,
    so none of them ends by itself; the last one may."""
    folder = tmp_path / "sets/cut"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tools.prepare.__main__"])
    whole = len(files_of(dataset))
    killed = 0
    ends = np.diff([0, *sorted(random.sample(range(5, whole), 3))]).tolist()
    for writes in (*ends, random.randrange(whole // 2, 3 * whole // 2)):
        run = context.Process(target=die_at_write, args=(writes, tmp_path, command(takes, folder)))
        run.start()
        run.join()
        killed += run.exitcode == -signal.SIGKILL
        run.close()
        assert not folder.exists() or (folder / "dataset.json").is_file()
    assert killed >= 3
    assert prepare.main(command(takes, folder)) == 0
    assert files_of(folder) == files_of(dataset)
    assert [path.name for path in folder.parent.iterdir()] == ["cut"]


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(
    takes: Path,
    dataset: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = []

    def full(path: Path, content: bytes) -> int:
        if len(written) >= 50:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        written.append(path)
        with path.open("wb") as file:
            return file.write(content)

    folder = tmp_path / "cut"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        line = refused(capsys, command(takes, folder))
    assert "No space left on device" in line and "the same command goes on" in line
    assert not folder.exists()
    first = next((tmp_path / ".cut.part/work/journal").iterdir())
    before = first.stat().st_mtime_ns
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)  # to see what was done anew
    assert prepare.main(command(takes, folder)) == 0
    assert "going on with an interrupted run" in capsys.readouterr().err
    assert (folder / "work/journal" / first.name).stat().st_mtime_ns == before
    footage = Footage.open(folder)
    np.testing.assert_array_equal(footage.landmarks, Footage.open(dataset).landmarks)


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], status: int = 1) -> str:
    """Runs the command; returns its one line of complaint."""
    assert prepare.main(arguments) == status
    error = capsys.readouterr().err
    lines = [line for line in error.replace("\r", "\n").splitlines() if line.startswith("prepare: ")]
    assert len(lines) == 1 and "Traceback" not in error, error
    return lines[0]


def test_a_missing_broken_or_truncated_file_is_one_line(
    tmp_path: Path, takes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sets/cut"
    assert "nowhere.mp4: no such file" in refused(capsys, [str(tmp_path / "nowhere.mp4"), str(folder)])
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    assert "broken.mp4: it is not a video" in refused(capsys, [str(broken), str(folder)])
    whole = (takes / "1.mp4").read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    assert "broken.mp4: it is not a video" in refused(capsys, [str(broken), str(folder)])
    assert not folder.parent.exists()


def test_a_file_that_breaks_off_midway_is_used_up_to_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], frames: list[NDArray[np.uint8]]
) -> None:
    """As a file that was not copied whole."""
    whole = write_video(tmp_path / "whole.mp4", [*frames, *frames[::-1]], options={"movflags": "faststart"})
    data = whole.read_bytes()
    video = tmp_path / "broken.mp4"
    video.write_bytes(data[: 3 * len(data) // 4])
    folder = tmp_path / "sets/cut"
    assert prepare.main(command(video, folder)) == 0
    told = capsys.readouterr().out
    assert "broken.mp4 breaks off after" in told and "was used" in told
    summary = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    assert LEAST_FRAMES <= summary["kept"] <= summary["sources"][0]["frames"] < 2 * len(frames)


def test_the_empty_scene_that_was_filmed_is_what_lies_behind_the_player(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], frames: list[NDArray[np.uint8]]
) -> None:
    """The player stands still, so most of what is behind the player is never seen free."""
    video = write_video(tmp_path / "still.mp4", [frames[0]] * (LEAST_FRAMES + 4))
    scene = cv2.imread(str(PLAYER.parents[1] / "players/demo/plate.png"))
    scene = middle(np.asarray(scene, np.uint8))
    empty = np.asarray(cv2.resize(scene, (256, 256), interpolation=cv2.INTER_AREA), np.uint8)
    cv2.imwrite(str(tmp_path / "empty.png"), empty)
    folder = tmp_path / "cut"
    told = ["--empty", str(tmp_path / "empty.png")]
    assert prepare.main(command(video, folder, *told)) == 0
    summary = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    assert summary["plate_unseen_share"] == 0
    assert np.abs(Footage.open(folder).plate.astype(int) - empty).mean() < 4
    cv2.imwrite(str(tmp_path / "empty.png"), empty[::-1])
    assert prepare.main(command(video, tmp_path / "another", *told)) == 0, "hours of work are not thrown away"
    assert "does not show the scene" in capsys.readouterr().out
    cv2.imwrite(str(tmp_path / "empty.png"), empty[:128])
    assert "256x128" in refused(capsys, command(video, tmp_path / "other", *told))
    told[-1] = str(tmp_path / "nothing.png")
    assert "nothing.png: No such file" in refused(capsys, command(video, tmp_path / "other", *told))


def test_a_video_without_a_person_or_too_short_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], frames: list[NDArray[np.uint8]]
) -> None:
    empty = write_video(tmp_path / "empty.mp4", [np.full((96, 128, 3), 90, np.uint8)] * 5)
    line = refused(capsys, command(empty, tmp_path / "sets/empty"))
    assert "empty.mp4 has 0 usable frames" in line and "5 without a person" in line
    short = write_video(tmp_path / "short.mp4", frames[:8])
    line = refused(capsys, command(short, tmp_path / "sets/short"))
    assert "short.mp4 has 8 usable frames, 60 are the least (too short)" in line
    assert not list((tmp_path / "sets").iterdir())


def test_a_failure_leaves_the_old_dataset_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "sets/empty"
    old.mkdir(parents=True)
    (old / "dataset.json").write_text("old", encoding="utf-8")
    empty = write_video(tmp_path / "empty.mp4", [np.full((96, 128, 3), 90, np.uint8)] * 3)
    refused(capsys, command(empty, old))
    assert (old / "dataset.json").read_text(encoding="utf-8") == "old"
    assert [path.name for path in old.parent.iterdir()] == ["empty"]


def test_a_place_that_may_not_be_written_to_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert "file" in refused(capsys, command(PLAYER, tmp_path / "file/cut"))
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)  # root may write anywhere
    try:
        line = refused(capsys, command(PLAYER, Path("/not-allowed/cut")))
    finally:
        if before == 0:
            os.seteuid(before)
    assert "Permission denied" in line and "/not-allowed" in line


def test_ctrl_c_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pictures.cv2, "imencode", interrupted)
    empty = write_video(tmp_path / "empty.mp4", [np.full((96, 128, 3), 90, np.uint8)] * 3)
    line = refused(capsys, command(empty, tmp_path / "sets/empty"), status=130)
    assert "the same command goes on" in line
