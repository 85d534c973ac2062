"""The page in a real browser, fed by a sink with a picture that moves."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import cv2
import numpy as np
import pytest

from realtime.outputs.sink import ProgrammeFrame
from realtime.outputs.webrtc import WebRtcSink
from tests.browser import chromium_page, screenshot

pytestmark = pytest.mark.browser

SIZE = (320, 240)


@contextmanager
def show(port: int) -> Iterator[WebRtcSink]:
    """A sink with a white ball that crosses a green court once in two seconds."""
    sink = WebRtcSink(SIZE, Fraction(30), port=port, state=lambda: {"state": "LIVE", "delay_ms": 71.4})
    done = threading.Event()

    def play() -> None:
        start_ns, tick = time.monotonic_ns(), 0
        frame = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
        while not done.wait(max(0.0, (start_ns + tick * 1e9 / 30 - time.monotonic_ns()) / 1e9)):
            frame[:] = (40, 120, 40)
            cv2.circle(frame, (tick % 60 * SIZE[0] // 60, SIZE[1] // 2), 30, (255, 255, 255), -1)
            sink.send(ProgrammeFrame(frame), tick, start_ns + tick * 1_000_000_000 // 30)
            tick += 1

    clock = threading.Thread(target=play)
    clock.start()
    try:
        yield sink
    finally:
        done.set()
        clock.join()
        sink.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_the_page_plays_the_programme_and_comes_back_after_a_restart() -> None:
    port = free_port()
    with show(port) as sink, chromium_page(sink.url) as page:
        notice = page.locator("#notice")
        notice.wait_for(state="hidden", timeout=20_000)
        page.wait_for_timeout(500)
        first = screenshot(page)
        page.wait_for_timeout(700)
        second = screenshot(page)
        court = np.abs(first.astype(int) - (40, 120, 40)).max(axis=2) < 12
        assert 0.4 < court.mean() < 0.95  # the green, in its own colour
        assert (first.min(axis=2) > 220).mean() > 0.02  # the ball
        assert (np.abs(first.astype(int) - second).max(axis=2) > 60).mean() > 0.02  # has moved

        page.get_by_text("LIVE", exact=True).wait_for(timeout=5_000)
        assert "fps shown · 71 ms delay" in page.locator("#numbers").inner_text()
        assert page.title() == "Dancecam"

        sink.close()
        page.get_by_text("NO SHOW").wait_for(timeout=5_000)
        page.get_by_text("Trying again").wait_for(timeout=30_000)
        with show(port):
            notice.wait_for(state="hidden", timeout=30_000)
            page.get_by_text("LIVE", exact=True).wait_for(timeout=5_000)
