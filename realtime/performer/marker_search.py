"""Searches the camera's pictures for the marker that the programme shows, while the operator measures."""

from __future__ import annotations

import threading

import zmq

from calibration import marker
from engines.time_units import NS_PER_MS
from realtime.performer.capture_thread import Captured
from realtime.transport.bus import Bus, MarkerReading

EVERY_NS = 100 * NS_PER_MS
"""A search takes some tens of milliseconds of a processor: no more than one begins in this time."""


class MarkerSearch:
    """Call `take` in the capture thread. Its own thread, which searches, begins with the first picture."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._changed = threading.Condition()
        self._waiting: Captured | None = None
        self._thread: threading.Thread | None = None
        self._next_ns = 0

    def take(self, captured: Captured) -> None:
        """Never waits: a picture that comes during a search takes the place of the one that waits."""
        if captured.captured_ns < self._next_ns:
            return
        self._next_ns = captured.captured_ns + EVERY_NS
        if self._thread is None:
            self._thread = threading.Thread(target=self._search, name="marker", daemon=True)
            self._thread.start()
        with self._changed:
            self._waiting = captured
            self._changed.notify()

    def _search(self) -> None:
        socket = self._bus.sender("markers", "performer")
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting is not None)
                captured, self._waiting = self._waiting, None
            assert captured is not None  # noqa: S101  # waited for
            number = marker.read(captured.picture)
            if number is not None:
                socket.send(MarkerReading(number, captured.captured_ns).pack(), zmq.NOBLOCK)
