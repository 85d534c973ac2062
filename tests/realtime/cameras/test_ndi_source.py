"""NDI sources of another process as cameras, over the loopback and without avahi."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from realtime.cameras import ndi_source
from realtime.cameras.camera_name import CaptureError, NotThereYet
from realtime.cameras.ndi_source import matching, ndi_sources
from realtime.cameras.video_source import VideoSource
from realtime.performer.capture_thread import Captured, CaptureThread
from realtime.transport.telemetry import Meter

SIZE, FPS = (192, 128), 60
"""Of `ndi_sender`."""

ROOT = Path(__file__).resolve().parents[3]
MS = 1_000_000


@pytest.fixture(autouse=True)
def _loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cyndilib", reason="cyndilib is not installed")
    config = {"ndi": {"networks": {"ips": "127.0.0.1,"}}}
    (tmp_path / "ndi-config.v1.json").write_text(json.dumps(config), encoding="utf-8")
    monkeypatch.setenv("NDI_CONFIG_DIR", str(tmp_path))
    monkeypatch.setattr(ndi_source, "LOST_S", 20.0)  # a sender on a busy machine is not lost


@contextmanager
def sending(name: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.realtime.cameras.ndi_sender", name]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def name_of(test: str) -> str:
    """A name that no other run on this machine has."""
    return f"{test} {os.getpid()}"


def open_soon(camera: str) -> VideoSource:
    """Opened as soon as it is there: the sender's process has only begun."""
    deadline = time.monotonic() + 90
    while True:
        try:
            return VideoSource(camera)
        except NotThereYet:
            assert time.monotonic() < deadline


def test_pictures_come_in_bgr_with_the_senders_time() -> None:
    name = name_of("Colours")
    with sending(name):
        source = open_soon(f"ndi://{name}")
        assert (source.fps, source.gives, source.recorded) == (FPS, f"{SIZE[0]}x{SIZE[1]} NDI 60.0", False)
        taken_ns, arrived_ns, greys = [], [], set()
        for _ in range(60):
            taken_ns.append(source.grab())
            arrived_ns.append(time.monotonic_ns())
            picture = source.picture()
            greys.add(int(picture[64, 96, 0]) // 8)
        assert any(name in each for each in ndi_sources(0.5))
        source.close()
    assert picture.shape == (SIZE[1], SIZE[0], 3)
    np.testing.assert_allclose(picture[64, 20], (20, 20, 220), atol=12)
    np.testing.assert_allclose(picture[64, -20], (220, 20, 20), atol=12)
    assert len(greys) >= 25, "each picture is another one"
    assert np.all(np.diff(taken_ns) > 0)
    assert np.all(np.array(taken_ns) <= np.array(arrived_ns))
    assert np.median(np.array(arrived_ns) - np.array(taken_ns)) < 50 * MS


def test_a_source_that_is_not_there_is_named_with_those_that_are() -> None:
    there, absent = name_of("There"), name_of("Absent")
    with sending(there):
        open_soon(f"ndi://{there}").close()
        with pytest.raises(NotThereYet) as caught:
            VideoSource(f"ndi://{absent}")
    text = str(caught.value)
    assert text.startswith(f"camera ndi://{absent}: there is no NDI source of that name; found: ")
    assert f"({there})" in text
    assert "\n" not in text


def test_a_source_that_is_not_found_is_looked_for_by_another_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndi_source, "FIND_S", 0.2)
    network = ndi_source._the_network()
    before = network._finder
    with pytest.raises(NotThereYet):
        VideoSource(f"ndi://{name_of('Nowhere')}")
    assert network._finder is not before


def test_a_source_is_waited_for_lost_and_found_again() -> None:
    name = name_of("Comes and goes")
    frames: list[Captured] = []
    events: list[str] = []
    meter = Meter()
    thread = CaptureThread(f"ndi://{name}", frames.append, meter)
    thread.start(must_open=False)

    def until_more_than(n: int) -> None:
        deadline = time.monotonic() + 90
        while len(frames) <= n:
            assert time.monotonic() < deadline, events
            events.extend(text for _, text in meter.take().events)
            time.sleep(0.02)

    try:
        deadline = time.monotonic() + 60
        while "there is no NDI source" not in thread.trouble:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with sending(name):
            until_more_than(20)
            assert thread.trouble == ""
        deadline = time.monotonic() + 60
        while not thread.trouble:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        before = len(frames)
        with sending(name):
            until_more_than(before + 20)
    finally:
        thread.stop()
    events.extend(text for _, text in meter.take().events)
    assert events[0].startswith(f"camera ndi://{name}: there is no NDI source of that name")
    assert events[1:3] == [
        f"camera ndi://{name} is back",
        f"camera ndi://{name} gives {SIZE[0]}x{SIZE[1]} NDI 60.0",
    ]
    assert any("gives no picture any more: check its sender" in text for text in events[3:])
    assert events.count(f"camera ndi://{name} is back") == 2
    assert [frame.frame_id for frame in frames] == list(range(len(frames)))


def test_a_name_means_the_whole_one_or_the_sources_part() -> None:
    names = ["STUDIO (Cam 1)", "OB VAN (Cam 1)", "STUDIO (Cam (wide))", "Cam 1"]
    assert matching("STUDIO (Cam 1)", names) == ["STUDIO (Cam 1)"]
    assert matching("Cam 1", names) == ["Cam 1"], "a whole name comes first"
    assert matching("Cam 1", names[:3]) == names[:2]
    assert matching("Cam (wide)", names) == ["STUDIO (Cam (wide))"]
    assert matching("Cam 2", names) == []


def test_a_missing_package_is_one_line_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    ndi_source._the_network.cache_clear()
    monkeypatch.setitem(sys.modules, "cyndilib.receiver", None)
    with pytest.raises(CaptureError, match="pip install cyndilib") as failure:
        ndi_source.NdiSource("ndi://Cam", "Cam")
    assert "\n" not in str(failure.value)
    with pytest.raises(CaptureError, match="pip install cyndilib"):
        ndi_sources(0.1)
