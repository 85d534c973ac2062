from pathlib import Path

import pytest

from realtime.cameras import camera_name
from realtime.cameras.camera_name import CameraName, CaptureError, Rehearsal
from realtime.config.redact import redact, shown
from tests.realtime.fakes import write_clip


@pytest.mark.parametrize(
    ("camera", "words"),
    [
        ("none.mp4", "camera none.mp4: no such file"),
        ("97", "camera 97: there is no /dev/video97"),
        ("/dev/video97", "camera /dev/video97: no such device"),
        ("/", "camera / is a folder"),
        ("ndi://", "camera ndi://: which one?"),
        ("test://wide", "camera test://wide: write test://1280x720@30"),
        ("test://1280x720@fast", "camera test://1280x720@fast: write"),
        ("test://500x300", "camera test://500x300: it may be from 512x64@1 to 3840x2160@120"),
        ("test://@0", "camera test://@0: it may be from"),
    ],
)
def test_a_camera_that_is_not_there_is_named(camera: str, words: str) -> None:
    with pytest.raises(CaptureError) as caught:
        CameraName.parse(camera)
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_what_a_camera_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_name, "find_spec", lambda name: name)
    clip = write_clip(tmp_path / "clip.mp4")
    assert CameraName.parse(str(clip)) == CameraName("file", str(clip))
    assert CameraName.parse("rtsp://10.0.0.7/a") == CameraName("stream", "rtsp://10.0.0.7/a")
    assert CameraName.parse("ndi://STUDIO (Cam 1)") == CameraName("ndi", "STUDIO (Cam 1)")
    assert CameraName.parse("test://") == CameraName("test", "test://")


def test_a_rehearsal_has_a_size_and_a_rate() -> None:
    assert Rehearsal.parse("test://") == Rehearsal((1280, 720), 30.0)
    assert Rehearsal.parse("test://1920x1080") == Rehearsal((1920, 1080), 30.0)
    assert Rehearsal.parse("test://@59.94") == Rehearsal((1280, 720), 59.94)
    assert Rehearsal.parse("test://640x360@25") == Rehearsal((640, 360), 25.0)


def test_without_cyndilib_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_name, "find_spec", lambda name: None)
    with pytest.raises(CaptureError) as caught:
        CameraName.parse("ndi://Cam")
    assert str(caught.value).startswith(
        "camera ndi://Cam: NDI needs the package cyndilib: install it with: pip install cyndilib=="
    )


def test_our_own_names_are_no_addresses_and_are_shown_whole() -> None:
    for name in ("test://1280x720@30", "ndi://STUDIO (Cam #1?)", "ndi://a@b"):
        assert shown(name) == name
        assert redact(f"camera {name}: no") == f"camera {name}: no"
