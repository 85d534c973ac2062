"""The stand-ins for a camera and for a GPU's failures."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from realtime.cameras.camera_name import CaptureError
from realtime.cameras.video_source import VideoSource
from tests.realtime.fakes import fake_nets, fake_show, write_clip
from tools.reliability.trial_show.camera import corrupted, jpeg, pictures_of
from tools.reliability.trial_show.nets import faulty
from tools.reliability.trial_show.show import ROOT, free_port


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[str]:
    """Its address."""
    clip, port = write_clip(tmp_path / "clip.mp4"), free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "tools.reliability.trial_show.camera", clip, str(port), tmp_path], cwd=ROOT
    )
    yield f"http://127.0.0.1:{port}/"
    server.kill()
    server.wait()


def opened(url: str) -> VideoSource:
    deadline = time.monotonic() + 120
    while True:
        try:
            return VideoSource(url)
        except CaptureError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def until(source: VideoSource, wanted: str) -> None:
    """Reads until the pictures are what is wanted."""
    for _ in range(300):
        source.grab()
        picture = source.picture()
        if (wanted == "black") == (picture.mean() < 5):
            return
    pytest.fail(f"no picture is {wanted}")


def test_the_camera_does_what_its_file_says(camera: str, tmp_path: Path) -> None:
    word = tmp_path / "camera"
    source = opened(camera)
    assert not source.recorded
    until(source, "bright")
    word.write_text("black", encoding="utf-8")
    until(source, "black")
    word.unlink()
    until(source, "bright")
    word.write_text("unplugged", encoding="utf-8")
    with pytest.raises(CaptureError, match="gives no picture any more"):
        while True:
            source.grab()
    with pytest.raises(CaptureError):
        VideoSource(camera)
    source.close()
    word.unlink()
    opened(camera).close()


def test_a_corrupt_picture_has_its_head_and_another_end(tmp_path: Path) -> None:
    (first, *_) = pictures_of(write_clip(tmp_path / "clip.mp4"))
    wrong = corrupted(first)
    assert wrong != first and len(wrong) == len(first)
    assert wrong[: len(first) // 2] == first[: len(first) // 2]
    assert jpeg(np.zeros((8, 8, 3), np.uint8)).startswith(b"\xff\xd8")


def test_networks_fail_as_their_file_says(tmp_path: Path) -> None:
    show, _ = fake_show(tmp_path)
    other = fake_nets(show)
    nets = faulty(replace(fake_nets(show), load_player=lambda folder: other), tmp_path)
    frame, word = np.full((4, 4, 3), 9, np.uint8), tmp_path / "nets"
    for tracker in (nets.tracker, nets.load_player(tmp_path).tracker):
        assert tracker.backend == "fake pose"
        well = tracker(frame, 0)
        assert well is not None and np.isfinite(well.landmarks).all()
        word.write_text("nan", encoding="utf-8")
        wrong = tracker(frame, 0)
        assert isinstance(wrong, SimpleNamespace) and np.isnan(wrong.landmarks).all()
        word.write_text("out-of-memory", encoding="utf-8")
        with pytest.raises(RuntimeError, match="CUDA out of memory"):
            tracker(frame, 0)
        word.unlink()
