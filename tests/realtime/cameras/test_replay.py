"""A recording of inputs as a camera."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime.cameras import replay
from realtime.cameras.camera_name import CameraName, CaptureError, Replayed
from realtime.cameras.replay import NEVER_NS, ReplaySource, read_origin, write_origin
from realtime.cameras.video_source import VideoSource
from realtime.config.inputs import RecordInputs
from realtime.config.redact import shown
from realtime.config.show import Show
from realtime.inputs.folder import begin
from realtime.inputs.track_writer import TrackWriter
from realtime.performer.capture_thread import Captured, CaptureThread
from realtime.transport.telemetry import Meter

MS = 1_000_000
FIRST_NS = 123_456_789_012
STEPS_MS = (0, 33, 70, 99, 420, 455, 480)
"""After the fourth picture the camera gave nothing for a while."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of two cameras: the second one was switched to with the sixth."""
    recording = tmp_path / "a recording"
    begin(RecordInputs(folder=recording), Show(), datetime.now())
    writer = TrackWriter(recording, "camera")
    for n, step_ms in enumerate(STEPS_MS):
        at_ns = FIRST_NS + step_ms * MS
        picture = np.full((48, 64, 3), 40 + 20 * n, np.uint8)
        writer.write(picture, at_ns, {"captured_ns": at_ns, "camera": int(n >= 5)})
    writer.close()
    return recording


def played(camera: str, enough: Callable[[list[Captured]], bool]) -> list[Captured]:
    """What comes until it is enough, and for a moment after it."""
    found: list[Captured] = []
    capture = CaptureThread(camera, found.append, Meter())
    capture.start(must_open=True)
    deadline = time.monotonic() + 60
    while not enough(found):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    time.sleep(0.5)
    capture.stop()
    return found


def is_of(picture: NDArray[np.uint8], place: int) -> bool:
    """Whether it is the picture of this place in the recording."""
    return abs(float(picture.mean()) - (40 + 20 * place)) < 3


def test_each_picture_comes_at_its_own_time(folder: Path, tmp_path: Path) -> None:
    camera = f"replay://{folder}?camera=0&origin={tmp_path / 'origin'}"
    begin_at = partial(write_origin, tmp_path / "origin")
    threading.Timer(0.3, lambda: begin_at(time.monotonic_ns() + 100 * MS - FIRST_NS)).start()
    found = played(camera, lambda found: bool(found) and is_of(found[-1].picture, 4))
    stamps = [(each.captured_ns - read_origin(tmp_path / "origin") - FIRST_NS) / MS for each in found]
    assert set(stamps) <= set(STEPS_MS[:5]), "exactly those of the recording"
    assert stamps == sorted(stamps) and stamps[-1] == 420
    for each, stamp in zip(found, stamps, strict=True):
        assert is_of(each.picture, STEPS_MS.index(round(stamp)))
    assert len(found) <= 5, "no other comes after the last one"


def test_another_camera_plays_in_step_from_where_the_show_is(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = tmp_path / "origin"
    write_origin(origin, time.monotonic_ns() + 600_000 * MS - FIRST_NS)
    other = ReplaySource(Replayed(folder, 1, origin), "replay")
    assert other.grab() == read_origin(origin) + FIRST_NS + 455 * MS
    assert is_of(other.picture(), 5)
    assert other.grab() == read_origin(origin) + FIRST_NS + 480 * MS
    assert other.grab() > time.monotonic_ns() + NEVER_NS // 2
    other.close()
    now_ns = time.monotonic_ns()
    monkeypatch.setattr(replay, "time", SimpleNamespace(monotonic_ns=lambda: now_ns))
    origin.write_text(str(now_ns - FIRST_NS - 90 * MS), encoding="utf-8")
    later = ReplaySource(Replayed(folder, 0, origin), "replay")  # as after the performer was started again
    assert later.grab() == read_origin(origin) + FIRST_NS + 99 * MS
    later.close()


def test_a_recording_that_is_over_gives_nothing_more(folder: Path, tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    origin.write_text(str(time.monotonic_ns() - FIRST_NS - 10_000 * MS), encoding="utf-8")
    source = ReplaySource(Replayed(folder, 0, origin), "replay")
    assert source.grab() > time.monotonic_ns() + NEVER_NS // 2
    source.close()


def test_what_it_gives_is_told(folder: Path) -> None:
    source = VideoSource(f"replay://{folder}")
    assert (source.gives, source.recorded) == ("64x48 replay 28.6", False)
    assert source.name == f"replay://{folder}"
    source.close()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("replay:///none", "there is no folder /none: run_live.py --record-inputs FOLDER makes one"),
        ("replay://{}?camera=x", "write replay://FOLDER"),
        ("replay://{}?fly=1", "write replay://FOLDER"),
        ("replay://{}?camera=7", "nothing was recorded of it"),
    ],
)
def test_what_cannot_be_played_is_one_line(folder: Path, name: str, words: str) -> None:
    camera = name.format(folder)
    with pytest.raises(CaptureError, match=words.replace("?", r"\?")) as error:
        VideoSource(camera)
    assert "\n" not in str(error.value)


def test_an_origin_that_is_damaged_is_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "origin").write_text("soon", encoding="utf-8")
    with pytest.raises(CaptureError, match="cannot be used"):
        ReplaySource(Replayed(folder, 0, tmp_path / "origin"), "replay")


def test_a_replay_that_does_not_begin_is_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "BEGIN_S", 0.1)
    source = ReplaySource(Replayed(folder, 0, tmp_path / "origin"), "replay")
    with pytest.raises(CaptureError, match="has not begun within"):
        source.grab()


def test_its_name_is_no_address(folder: Path) -> None:
    assert CameraName.parse(f"replay://{folder}").kind == "replay"
    assert shown(f"replay://{folder}") == f"replay://{folder}"
