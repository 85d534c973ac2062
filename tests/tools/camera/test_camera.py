"""The commands, on files: what they print, write and refuse."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.lens import Lens
from realtime.config.venue import load_venue
from tests.calibration.test_board_colour import COLD
from tests.calibration.test_board_colour import board as board_light
from tests.calibration.test_board_colour import filmed as filmed_board
from tests.calibration.test_lens import SIZE, TRUE, filmed
from tools.camera import __main__ as module
from tools.camera.__main__ import main
from tools.camera.venue_file import remember

FLOOR = ["--corners", ".3,.5", ".7,.5", "0,1", "1,1", "--mark", ".5,.8"]


@pytest.fixture
def still(tmp_path: Path) -> str:
    path = tmp_path / "stage.png"
    cv2.imwrite(str(path), np.full((180, 320, 3), 90, np.uint8))
    return str(path)


def test_a_floor_is_kept_in_the_venue(still: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    venue = ["--venue", "arena", "--folder", str(tmp_path)]
    assert main(["floor", "--camera", still, *venue, *FLOOR, "--size-m", "6x4"]) == 0
    said = capsys.readouterr().out
    assert "venues/arena.toml: the floor of camera" in said and "a metre is" in said
    known = load_venue(tmp_path / "venues" / "arena.toml").camera("stage.png")
    assert known is not None and known.floor == ((0.3, 0.5), (0.7, 0.5), (1.0, 1.0), (0.0, 1.0))
    assert known.mark == (0.5, 0.8) and known.floor_size_m == (6.0, 4.0) and known.measured is not None


def test_a_still_stands_for_the_camera(still: str, tmp_path: Path) -> None:
    arguments = ["floor", "--camera", "7", "--still", still, "--venue", "arena", "--folder", str(tmp_path)]
    assert main([*arguments, *FLOOR]) == 0
    assert load_venue(tmp_path / "venues" / "arena.toml").camera("7") is not None


def test_without_a_screen_a_picture_with_a_grid_is_written(
    still: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "has_display", lambda: False)
    assert main(["floor", "--camera", still, "--venue", "arena"]) == 1
    assert "--picture FILE.png" in capsys.readouterr().err
    assert main(["floor", "--camera", still, "--picture", str(tmp_path / "grid.png")]) == 0
    assert cv2.imread(str(tmp_path / "grid.png")).std() > 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["floor", "--camera", "gone.mp4", *FLOOR], "camera gone.mp4: no such file"),
        (["floor", "--camera", "gone.png", *FLOOR], "no picture that can be read"),
        (["floor", "--venue", "../x", *FLOOR], "letters, digits"),
        (["check", "--camera", "test://", "--fps", "fast"], "capture.fps"),
        (["check", "--camera", "test://", "--format", "xyz"], "capture.format"),
        (["check", "--camera", "test://", "--grey", "here"], "x,y"),
        (["lens", "--camera", "test://"], "--venue NAME"),
        (["lens", "--board", "board.svg"], ".png or .pdf"),
        (["colour", "--camera", "test://"], "--venue NAME"),
        (["colour", "--chart", "chart.svg"], ".png"),
        (["colour", "--camera", "test://640x360@30", "--seconds", "1", "--check"], "the chart is not seen"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert words in said and len(said.splitlines()) == 1


def test_a_camera_is_judged_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    rc = main(["check", "--camera", "test://640x360@30", "--seconds", "1", "--no-people"])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "camera test://640x360@30 gives 640x360 test 30.0"
    warned = [line.startswith("WARN") for line in said[1:]]
    assert warned == [" -> " in line for line in said[1:]] and rc == int(any(warned))
    assert "rate" in said[1] and len(said) == 9


@pytest.mark.parametrize("name", ["board.png", "board.pdf"])
def test_the_board_is_written_for_a_sheet_of_a3(name: str, tmp_path: Path) -> None:
    from PIL import Image

    assert main(["lens", "--board", str(tmp_path / name)]) == 0
    assert (tmp_path / name).stat().st_size > 10_000
    if name.endswith("png"):
        with Image.open(tmp_path / name) as board:
            assert [side / 200 * 25.4 for side in board.size] == pytest.approx([405, 270], abs=2)


def test_a_lens_is_measured_from_a_video_and_kept_beside_the_floor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = tmp_path / "board.mkv"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"FFV1"), 5, SIZE)
    rng = np.random.default_rng(3)
    for x in (-3.4, 0, 3.4):
        for y in (-1.7, 0, 1.7):
            for far in (6.5, 8.5):
                picture = filmed(TRUE, rng.uniform(-0.5, 0.5, 3) * (1, 1, 0.3), np.array([x, y, far]))
                writer.write(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR))
    writer.release()
    remember(tmp_path, "arena", str(video), mark=(0.5, 0.8))
    assert main(["lens", "--camera", str(video), "--venue", "arena", "--folder", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "#" in said.out and "pixels off (RMS)" in said.out and "of the picture seen" in said.err
    known = load_venue(tmp_path / "venues" / "arena.toml").camera("board.mkv")
    assert known is not None and known.mark == (0.5, 0.8) and known.lens is not None
    lens = Lens(known.lens.size, known.lens.matrix, known.lens.distortion)
    points = np.array([[20, 20, 0, 1], [600, 300, 0, 1], [320, 20, 0, 1]], np.float32)
    np.testing.assert_allclose(lens.straight(points, SIZE), TRUE.straight(points, SIZE), atol=4)


def test_a_video_without_a_board_is_refused(still: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lens", "--camera", "assets/fan_dance.mp4", "--venue", "arena", "--seconds", "0.3"]) == 1
    assert "the board was seen in 0 different places" in capsys.readouterr().err


def test_the_boards_colours_are_measured_kept_and_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chart, photo = tmp_path / "chart.png", tmp_path / "photo.png"
    assert main(["colour", "--chart", str(chart)]) == 0
    cv2.imwrite(str(photo), filmed_board(board_light(cv2.imread(str(chart)), *COLD)))
    venue = ["--venue", "arena", "--folder", str(tmp_path)]
    assert main(["colour", "--still", str(photo), "--check"]) == 1
    assert "not well" in capsys.readouterr().out
    remember(tmp_path, "arena", "0", mark=(0.5, 0.8))
    assert main(["colour", "--still", str(photo), *venue]) == 0
    said = capsys.readouterr().out
    assert "venues/arena.toml: the board's colours" in said and "white: red -" in said
    known = load_venue(tmp_path / "venues" / "arena.toml")
    assert known.board is not None and known.camera("0") is not None, "what else is in it stays"
    corrected = cv2.LUT(cv2.imread(str(chart)), known.board.correction.table())
    cv2.imwrite(str(photo), filmed_board(board_light(corrected, *COLD)))
    assert main(["colour", "--still", str(photo), "--check"]) == 0
    assert capsys.readouterr().out.endswith("OK\n")
    remember(tmp_path, "arena", "1", mark=(0.5, 0.8))
    assert load_venue(tmp_path / "venues" / "arena.toml").board == known.board
