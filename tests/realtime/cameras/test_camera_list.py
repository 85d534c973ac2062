from pathlib import Path

import pytest

from realtime.cameras import camera_list
from realtime.cameras.camera_name import CaptureError


def device(v4l2: Path, number: int, name: str, index: int) -> None:
    (v4l2 / f"video{number}").mkdir(parents=True)
    (v4l2 / f"video{number}" / "name").write_text(f"{name}\n", encoding="utf-8")
    (v4l2 / f"video{number}" / "index").write_text(f"{index}\n", encoding="utf-8")


def test_devices_and_ndi_sources_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_list, "ndi_sources", lambda seconds: ["STUDIO (Cam 1)"])
    device(tmp_path, 10, "Cam Link 4K", 0)
    device(tmp_path, 2, "C920", 0)
    device(tmp_path, 3, "C920", 1)  # its metadata
    lines = [line.split() for line in camera_list.camera_lines(tmp_path)]
    assert lines[0] == ["2", "C920", "(/dev/video2)"]
    assert lines[1] == ["10", "Cam", "Link", "4K", "(/dev/video10)"]
    assert lines[2] == ['"ndi://STUDIO', "(Cam", '1)"']
    assert lines[3][0] == "test://1280x720@30"
    assert len(lines) == 4


def test_what_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(seconds: float) -> list[str]:
        raise CaptureError("NDI needs the package cyndilib: install it")

    monkeypatch.setattr(camera_list, "ndi_sources", missing)
    lines = list(camera_list.camera_lines(tmp_path))
    assert lines[:2] == ["no capture device on this machine", "NDI needs the package cyndilib: install it"]
    monkeypatch.setattr(camera_list, "ndi_sources", lambda seconds: [])
    assert "no NDI source was found in 3 s" in camera_list.camera_lines(tmp_path)
