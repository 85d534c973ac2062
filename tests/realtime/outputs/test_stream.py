"""Streams as FFmpeg's own receivers get them: MPEG-TS over UDP, RTMP from a server that comes and goes."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np

from realtime.config.outputs import Stream
from realtime.config.show import Show
from realtime.outputs.sink import Format
from realtime.stages.table import output_stage
from realtime.transport.programme_ring import ProgrammeFrame
from tests.ports import free_port
from tests.realtime.outputs.feeding import held_nobody_up, playing, wait_for_state, wait_until
from tools.benchmarking.hosting import HostedOutput, hosted

SIZE = (128, 96)
FPS = Fraction(30000, 1001)


def frame(tick: int) -> ProgrammeFrame:
    return ProgrammeFrame(np.full((SIZE[1], SIZE[0], 3), 40 + 4 * (tick % 40), np.uint8))


@contextmanager
def streaming(url: str, **changes: float) -> Iterator[HostedOutput]:
    """A stream in its own process: FFmpeg holds Python's lock while it connects. changes: of its `Stage`."""
    settings = Stream(kind="stream", url=url, keyframe_s=0.5, name="cdn")
    stage = replace(output_stage("stream", "cdn", settings), **changes)
    with hosted(Show(), Format(SIZE, FPS), stage) as output:
        yield output


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
            with av.open(self.url, options=options, timeout=120) as stream:
                for picture in stream.decode(video=0):
                    self.greys.append(picture.to_ndarray(format="bgr24").mean())
                    self.times.append(picture.time)
                    if len(self.greys) == self.pictures:
                        return
        except (OSError, av.FFmpegError) as error:  # told by `result`
            self.error = error

    def result(self) -> tuple[list[float], list[float]]:
        self.join(150)
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
    with streaming(url) as output, playing(output.send, frame, FPS):
        check(*receiver.result())
        wait_for_state(output, "running")
        wait_until(lambda: 20 < output.status().fps < 40, "the programme's rate")


def test_rtmp_comes_back_when_its_server_does() -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/secret"
    with streaming(url) as output, playing(output.send, frame, FPS) as took:
        assert "cdn: cannot reach rtmp://127.0.0.1:" in wait_for_state(output, "failed").reason
        assert "secret" not in str(output.status())
        first = Receiver(url, 15, listen="1")
        check(*first.result())  # the server leaves after 15 pictures
        wait_for_state(output, "failed")
        check(*Receiver(url, 15, listen="1").result())
        assert output.status().dropped["not_connected"] > 0
    assert held_nobody_up(took)


def test_a_server_that_never_answers_holds_nobody_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"rtmp://127.0.0.1:{silent.getsockname()[1]}/live/key"
        with (
            streaming(url, deadline_s=2.0, loading_deadline_s=8.0) as output,
            playing(output.send, frame, FPS) as took,
        ):
            assert "it hung and was stopped" in wait_for_state(output, "failed").reason
    assert held_nobody_up(took)
