from pathlib import Path

import pytest

from realtime.cameras.camera_name import CaptureError
from realtime.cameras.video_source import VideoSource
from tests.realtime.fakes import write_clip

S = 1_000_000_000


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video" * 100)
    with pytest.raises(CaptureError, match=r"broken\.mp4: it is not a video"):
        VideoSource(str(broken))


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    with pytest.raises(CaptureError, match=r"clip\.mp4"):
        VideoSource(str(clip))


def test_a_stream_that_does_not_answer_is_named() -> None:
    with pytest.raises(CaptureError, match=r"http://127\.0\.0\.1:9/none: nothing answers"):
        VideoSource("http://127.0.0.1:9/none")
