"""The performer reads the programme's marker in the camera's pictures, beside its work."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from calibration import marker
from realtime.performer import marker_search
from realtime.performer.capture_thread import Captured
from realtime.performer.marker_search import EVERY_NS, MarkerSearch
from realtime.transport.bus import Bus, MarkerReading
from realtime.transport.messages import MessageError


def captured(number: int | None, at_ns: int) -> Captured:
    picture = np.full((180, 320, 3), 90, np.uint8)
    if number is not None:
        marker.draw(picture, number)
    return Captured(0, picture, at_ns)


def test_what_is_read_is_sent_with_the_time_of_its_picture(tmp_path: Path) -> None:
    bus = Bus(tmp_path)
    search = MarkerSearch(bus)
    search.take(captured(None, EVERY_NS))  # binds the socket
    heard = bus.receiver("markers", "playout")
    at_ns = 10 * EVERY_NS
    for n in range(200):  # a subscriber misses what was sent before it was known
        search.take(captured(n, at_ns + n * EVERY_NS))
        if heard.poll(300):
            break
    reading = MarkerReading.unpack(heard.recv())
    assert reading.captured_ns == at_ns + reading.number * EVERY_NS


def test_the_newest_wins_and_few_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = threading.Semaphore(0), threading.Semaphore(0)
    searched: list[int] = []

    def slow(picture: np.ndarray) -> None:
        searched.append(int(picture[0, 0, 0]))
        begun.release()
        assert go.acquire(timeout=120)

    monkeypatch.setattr(marker_search.marker, "read", slow)
    search = MarkerSearch(Bus(tmp_path))

    def take(grey: int, at_ns: int) -> None:
        search.take(Captured(0, np.full((2, 2, 3), grey, np.uint8), at_ns))

    take(1, EVERY_NS)
    assert begun.acquire(timeout=60)
    take(2, EVERY_NS + 1)  # too soon after the one before
    take(3, 2 * EVERY_NS)
    take(4, 3 * EVERY_NS)  # in place of 3, which waits
    go.release()
    assert begun.acquire(timeout=60)
    go.release()
    assert searched == [1, 4]


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff" * 11, b"\x04" + b"\x00" * 30])
def test_what_is_no_reading_is_refused(data: bytes) -> None:
    with pytest.raises(MessageError):
        MarkerReading.unpack(data)
