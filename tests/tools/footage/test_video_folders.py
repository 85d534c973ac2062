from __future__ import annotations

from pathlib import Path

import pytest

from tools.coverage.__main__ import videos_of
from tools.footage.video_folders import videos_in
from tools.prepare.files import PrepareError
from tools.prepare.files.sources import find_videos
from tools.synthesize.batch import plan


def test_what_is_no_video_of_the_user_s_is_passed_over(tmp_path: Path) -> None:
    for name in (
        "IMG_0001.MOV",
        "b.mp4",
        "v1.2 take.mkv",
        "._IMG_0001.MOV",  # macOS
        ".b.part.mp4",  # our own writer's
        "c.part.mp4",
        "d.mp4.part",
        "notes.txt",
    ):
        (tmp_path / name).touch()
    (tmp_path / "folder.mp4").mkdir()
    right = [tmp_path / name for name in ("IMG_0001.MOV", "b.mp4", "v1.2 take.mkv")]
    assert videos_in(tmp_path) == find_videos([tmp_path]) == videos_of(tmp_path) == right
    assert [source for source, _ in plan(tmp_path, tmp_path / "out", ".mp4")] == right


def test_a_folder_of_left_overs_holds_no_video(tmp_path: Path) -> None:
    (tmp_path / "._IMG_0001.MOV").touch()
    with pytest.raises(PrepareError, match="holds no video"):
        find_videos([tmp_path])
