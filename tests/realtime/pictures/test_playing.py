"""The live show's side: pace, streams, standby loops."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import realtime.pictures.opening as opening
from realtime.cameras.camera_name import CaptureError
from realtime.cameras.video_source import VideoSource
from realtime.performer.capture_thread import Captured, CaptureThread
from realtime.pictures.video_loop import VideoLoop
from realtime.transport.telemetry import Meter
from tests.realtime.pictures.odd_videos import damage, greys, marked, quarters, write_video

CCW = (0, -(1 << 16), 0, 1 << 16, 0, 0, 0, 0, 1 << 30)


def test_damaged_frames_are_counted_in_the_show(tmp_path: Path) -> None:
    path = write_video(tmp_path / "d.mp4", greys(10), fps=50, options={"g": "1", "crf": "4"})
    damage(path, 4)
    frames: list[Captured] = []
    meter = Meter()
    thread = CaptureThread(str(path), frames.append, meter)
    thread.start(must_open=True)
    deadline = time.monotonic() + 60
    counts: dict[str, int] = {}
    while counts.get("frames.damaged", 0) < 2:  # once a round
        assert time.monotonic() < deadline
        for name, number in meter.take().counts.items():
            counts[name] = counts.get(name, 0) + number
        time.sleep(0.02)
    thread.stop()
    assert len(frames) > 4


def test_a_phone_s_clip_is_upright_in_the_standby_loop(tmp_path: Path) -> None:
    path = write_video(tmp_path / "standby.mp4", [marked((96, 64))] * 5, matrix=CCW)
    loop = VideoLoop(path, (64, 96))
    shown = quarters(loop.picture(0))
    loop.close()
    assert shown == pytest.approx([0, 128, 255, 128], abs=8)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_recording_on_a_server_is_paced_and_loops(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", greys(8), container={"movflags": "faststart"})
    with served(tmp_path) as address:
        source = VideoSource(f"{address}/a.mp4")
        assert source.recorded
        stamps, means = [], []
        for _ in range(20):
            stamps.append(source.grab())
            means.append(round(float(source.picture().mean())))
        source.close()
    assert np.diff(stamps) == pytest.approx([1e9 / 30] * 19, abs=1e6)
    assert means[8:16] == means[:8] and len(set(means[:8])) == 8


@contextmanager
def sending(data: bytes, *, then_silent: bool) -> Iterator[str]:
    """A server whose one client is sent `data`, then left waiting or cut off."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(data)
                if then_silent:
                    done.wait(120)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        finally:
            done.set()
            thread.join()


def test_a_stream_comes_as_it_comes_and_its_end_is_a_loss(tmp_path: Path) -> None:
    data = write_video(tmp_path / "a.ts", greys(12)).read_bytes()
    with sending(data, then_silent=False) as address:
        source = VideoSource(address)
        assert not source.recorded
        means = []
        with pytest.raises(CaptureError, match="gives no picture any more: check the cable or the network"):
            while True:
                assert source.grab() == 0
                means.append(float(source.picture().mean()))
        source.close()
    assert means == pytest.approx([40 + 5 * n for n in range(12)], abs=4)


def ticks_while(work: Callable[[], None]) -> int:
    """How often another thread gets its turn meanwhile."""
    thread = threading.Thread(target=work)
    thread.start()
    ticks = 0
    while thread.is_alive():
        time.sleep(0.001)
        ticks += 1
    thread.join()
    return ticks


@pytest.mark.parametrize("already_open", [False, True], ids=["opening", "reading"])
def test_a_silent_stream_is_given_up_and_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, already_open: bool
) -> None:
    monkeypatch.setattr(opening, "STREAM_TIMEOUT_S", 3.0)
    whole = write_video(tmp_path / "a.ts", greys(60)).read_bytes()
    caught: list[str] = []

    def wait(address: str) -> None:
        try:
            source = VideoSource(address)
            while True:
                source.grab()
        except CaptureError as error:
            caught.append(str(error))

    with sending(whole if already_open else b"", then_silent=True) as address:
        began = time.monotonic()
        ticks = ticks_while(partial(wait, address))
        assert time.monotonic() - began < 60
    assert ticks > 50, "Python's lock was held while it waited"
    words = "gives no picture any more" if already_open else "nothing answers there"
    assert words in caught[0]
