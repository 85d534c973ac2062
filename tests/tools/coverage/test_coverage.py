from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.realtime.pictures.odd_videos import greys, write_video
from tools.coverage.__main__ import LOOKS_PER_S, add_source, main
from tools.coverage.mannequin import Mannequin
from tools.coverage.meter import NS_PER_S, Coverage
from tools.coverage.picture import write_picture
from tools.coverage.pose_space import AXES
from tools.coverage.report import advice, report, table, text
from tools.footage.dataset import Footage

ASSETS = Path(__file__).resolve().parents[3] / "assets"


def seen(*figures: Mannequin) -> Coverage:
    coverage = Coverage()
    for second, figure in enumerate(figures * 3):
        for number in range(0, NS_PER_S, NS_PER_S // 10):
            coverage.add(figure.landmarks((640, 360)), (640, 360), second * NS_PER_S + number)
    return coverage


def test_the_table_names_what_is_missing_and_nothing_else() -> None:
    lines = dict(zip((axis.name for axis in AXES), table(seen(Mannequin(), Mannequin(turn=45))), strict=True))
    assert lines["turn"].count("■") == 2
    assert "half right" in lines["turn"]
    assert "front" not in lines["turn"].replace("front left", "")
    assert "half left" not in lines["turn"]
    assert len(lines) == len(AXES)


def test_advice_tells_what_to_film_and_how_much_is_left() -> None:
    lines = list(advice(Coverage()))
    assert lines[0] == "film again:"
    assert lines[1] == "  - let the left arm hang"
    assert "more" in lines[-1]


def test_the_text_ends_with_the_verdict_and_says_what_was_of_no_use() -> None:
    coverage = Coverage()
    for number in range(31):
        coverage.add(None, (640, 360), number * NS_PER_S // 30)
    *_, unusable, verdict = text(coverage).splitlines()
    assert unusable == "of no use: 1 s nobody in the frame"
    assert verdict.startswith("not enough yet: 0.0 usable minutes")


def test_a_report_is_a_state_that_can_be_taken_up_again() -> None:
    coverage = seen(Mannequin())
    data = json.loads(json.dumps(report(coverage)))
    assert data["enough"] is False
    assert data["film"][0]["do"]
    assert Coverage.from_json(data).to_json() == coverage.to_json()


def test_a_prepared_dataset_is_counted(dataset_folder: Path) -> None:
    coverage = Coverage()
    add_source(coverage, dataset_folder, dataset_fps=10)
    assert coverage.usable_s == pytest.approx(8, abs=0.2)  # 80 frames
    assert coverage.tallies["turn", "front"].seconds > 7
    assert coverage.tallies["turn", "back"].seconds == 0
    by_its_own_rate = Coverage()
    add_source(by_its_own_rate, dataset_folder)
    fps = Footage.open(dataset_folder).fps
    assert fps != 10 and by_its_own_rate.usable_s == pytest.approx(80 / fps, abs=0.2)


def test_a_video_in_a_folder_is_counted_with_its_own_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "jones"
    folder.mkdir()
    shutil.copy(ASSETS / "fan_dance.mp4", folder / "take-001.mp4")
    (folder / "notes.txt").write_text("not a video", encoding="utf-8")
    picture = tmp_path / "coverage.png"
    assert main([str(folder), "--json", "--every", "30", "--picture", str(picture)]) == 0
    data = json.loads(capsys.readouterr().out)
    # 20 looks a second apart, each of which counts for no more than a fifth of a second
    assert data["usable_minutes"] * 60 == pytest.approx(19 * 0.2, abs=0.5)
    assert cv2.imread(str(picture)).shape == (960, 1600, 3)
    assert LOOKS_PER_S == 15


def test_the_picture_shows_what_was_seen(tmp_path: Path) -> None:
    pictures = []
    for name, coverage in (("empty", Coverage()), ("some", seen(Mannequin(), Mannequin(turn=45)))):
        write_picture(coverage, tmp_path / f"{name}.png", name)
        pictures.append(cv2.imread(str(tmp_path / f"{name}.png")).astype(int))
    empty, some = pictures
    green = [(p[..., 1] - p[..., 2] > 40).mean() for p in (empty, some)]
    assert green[0] < 0.01 < 0.03 < green[1]
    assert np.abs(empty - some).mean() > 1


def test_a_picture_that_cannot_be_drawn_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"no picture format has the ending '\.doc'; use \.png"):
        write_picture(Coverage(), tmp_path / "coverage.doc", "x")
    with pytest.raises(OSError, match="nowhere"):
        write_picture(Coverage(), tmp_path / "nowhere" / "coverage.png", "x")


def test_what_is_no_footage_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text_file = tmp_path / "text.mp4"
    text_file.write_text("no video at all", encoding="utf-8")
    broken = tmp_path / "dataset"
    broken.mkdir()
    (broken / "landmarks.npy").write_bytes(b"")
    empty = tmp_path / "empty"
    empty.mkdir()
    for source, expected in (
        (tmp_path / "none.mp4", "no such file"),
        (text_file, "not a video that can be read"),
        (empty, "neither a video nor a prepared dataset"),
        (broken, "no prepared dataset"),
    ):
        assert main([str(source)]) == 1
        error = capsys.readouterr().err.strip()
        assert error.startswith("coverage: ")
        assert str(source) in error
        assert expected in error
        assert "\n" not in error


def test_a_video_without_anybody_covers_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(write_video(tmp_path / "grey.mp4", greys(24))), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["enough"], data["share"], data["usable_s"]) == (False, 0, 0)
    assert list(data["faults"]) == ["nobody in the frame"]
