from pathlib import Path

import pytest

from realtime.pictures.video_source import CameraName, CaptureError, VideoSource
from tests.realtime.fakes import write_clip

S = 1_000_000_000


@pytest.mark.parametrize(
    ("camera", "words"),
    [
        ("none.mp4", "camera none.mp4: no such file"),
        ("97", "camera 97: there is no /dev/video97"),
        ("/dev/video97", "camera /dev/video97: no such device"),
        ("/", "camera / is a folder"),
    ],
)
def test_a_camera_that_is_not_there_is_named(camera: str, words: str) -> None:
    with pytest.raises(CaptureError) as caught:
        CameraName.parse(camera)
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_what_a_camera_may_be(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    assert CameraName.parse(str(clip)) == CameraName("file", str(clip))
    assert CameraName.parse("rtsp://10.0.0.7/a") == CameraName("stream", "rtsp://10.0.0.7/a")


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
