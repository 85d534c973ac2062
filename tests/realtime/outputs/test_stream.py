"""Streams as FFmpeg's own receivers get them: MPEG-TS over UDP, RTMP from a server that comes and goes."""

import socket
import threading
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
import pytest

from realtime.config.outputs import Stream
from realtime.outputs import hosted
from realtime.outputs.fanout import Outputs
from realtime.outputs.kinds import open_outputs
from realtime.outputs.sink import Format, OutputSink, ProgrammeFrame
from tests.realtime.outputs.feeding import playing, wait_for_state

SIZE = (128, 96)
FPS = Fraction(30000, 1001)


def frame(tick: int) -> ProgrammeFrame:
    return ProgrammeFrame(np.full((SIZE[1], SIZE[0], 3), 40 + 4 * (tick % 40), np.uint8))


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def open_stream(url: str, **settings: object) -> OutputSink:
    (sink,) = open_outputs([Stream(kind="stream", url=url, keyframe_s=0.5, **settings)], Format(SIZE, FPS))
    return sink


def feed(sink: OutputSink) -> Callable[[ProgrammeFrame, int, int], None]:
    return Outputs([sink]).send


class Receiver(threading.Thread):
    """Decodes `pictures` of what arrives at a URL: their greys and times in seconds, or what went wrong."""

    def __init__(self, url: str, pictures: int, **options: str) -> None:
        super().__init__()
        self.url, self.pictures, self.options = url, pictures, options
        self.greys: list[float] = []
        self.times: list[float] = []
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            options = {
                "probesize": "20000",
                "analyzeduration": "300000",
                "fflags": "nobuffer",
                **self.options,
            }
            with av.open(self.url, options=options, timeout=15) as stream:
                for picture in stream.decode(video=0):
                    self.greys.append(picture.to_ndarray(format="bgr24").mean())
                    self.times.append(picture.time)
                    if len(self.greys) == self.pictures:
                        return
        except (OSError, av.FFmpegError) as error:  # told by `result`
            self.error = error

    def result(self) -> tuple[list[float], list[float]]:
        self.join(30)
        assert self.error is None, self.error
        assert len(self.greys) == self.pictures
        return self.greys, self.times


def check(greys: list[float], times: list[float]) -> None:
    """The grey tells the tick, and the time is the tick's own."""
    ticks = np.rint(np.diff(times) * float(FPS))
    np.testing.assert_allclose(np.diff(times), ticks / float(FPS), atol=2e-3)
    moved = np.diff(greys) - 4 * ticks
    np.testing.assert_allclose((moved + 80) % 160 - 80, 0, atol=5)  # the grey starts again after 40 ticks
    assert len({round(grey) for grey in greys}) > 3


def test_mpegts_over_udp_arrives_on_the_programme_clock() -> None:
    url = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    receiver = Receiver(url, 30)
    sink = open_stream(url)
    try:
        with playing(feed(sink), frame, FPS):
            check(*receiver.result())
        assert sink.status().state == "running"
        assert 20 < sink.status().fps < 40
    finally:
        sink.close()


def test_rtmp_comes_back_when_its_server_does() -> None:
    url = f"rtmp://127.0.0.1:{free_port(socket.SOCK_STREAM)}/live/secret"
    sink = open_stream(url, name="cdn")
    try:
        with playing(feed(sink), frame, FPS) as took:
            wait_for_state(sink, "failed")
            assert "cdn: cannot reach rtmp://127.0.0.1:" in sink.status().reason
            assert "secret" not in str(sink.status())
            first = Receiver(url, 15, listen="1")
            check(*first.result())  # the server leaves after 15 pictures
            wait_for_state(sink, "failed")
            check(*Receiver(url, 15, listen="1").result())
            assert sink.status().dropped["not_connected"] > 0
        assert max(took) < 0.25
    finally:
        sink.close()


def test_a_server_that_never_answers_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosted, "START_S", 4.0)
    monkeypatch.setattr(hosted, "SILENT_S", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sink = open_stream(f"rtmp://127.0.0.1:{silent.getsockname()[1]}/live/key")
        with playing(feed(sink), frame, FPS) as took:
            wait_for_state(sink, "failed")
        assert "silent for" in sink.status().reason
        sink.close()
    assert max(took) < 0.25
