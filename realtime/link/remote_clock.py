"""Measures the clock of the performer's machine on the playout's, so that the stamps of frames can be
compared.

The playout asks for the time once a second (`RemoteClock`); the performer answers (`answer`).
"""

from __future__ import annotations

import struct
import threading
import time

import zmq

from realtime.link.clock_offset import ClockOffset
from realtime.transport.bus import Bus
from realtime.transport.messages import PROTOCOL

ASK_EVERY_S, ANSWER_WITHIN_S = 1.0, 0.5
FIRST_EXCHANGES = 4
"""Exchanges in a row at the start and after an interruption: a single one may be off by chance."""
LOST_AFTER = 10
"""After this many unanswered questions, the other machine may have restarted, with another clock."""

_TIME = struct.Struct("<Bq")
"""A message: the version of the protocol, and the time."""


class RemoteClock:
    """Asks for the time, in a thread of its own. offset_ns: what to add to the other machine's times to get
    ours; None while unknown. error_ns: the most by which it can be wrong."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._clock = ClockOffset()
        self._stop = threading.Event()
        self.offset_ns: int | None = None
        self.error_ns: int | None = None
        self._thread = threading.Thread(target=self._ask, name="remote clock", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(ANSWER_WITHIN_S + 1)

    def _ask(self) -> None:
        socket = self._bus.sender("clock", "playout")
        answered = missed = 0
        while not self._stop.is_set():
            sent_ns = time.monotonic_ns()
            socket.send(b"")
            there = time_in(socket.recv()) if socket.poll(int(1000 * ANSWER_WITHIN_S)) else None
            if there is not None:
                self._clock.add(sent_ns, there, time.monotonic_ns())
                answered, missed = answered + 1, 0
            else:
                missed += 1
                answered = 0
                if missed >= LOST_AFTER:
                    self._clock.forget()
            self.offset_ns, self.error_ns = self._clock.offset_ns, self._clock.error_ns
            if answered >= FIRST_EXCHANGES:
                self._stop.wait(ASK_EVERY_S)


def answer(bus: Bus, stop: threading.Event) -> None:
    """Answers with our monotonic time until `stop` is set. It runs in a thread."""
    socket = bus.receiver("clock", "performer")
    while not stop.is_set():
        if socket.poll(int(1000 * ANSWER_WITHIN_S)):
            socket.recv()
            socket.send(_TIME.pack(PROTOCOL, time.monotonic_ns()), zmq.NOBLOCK)


def time_in(answer: bytes) -> int | None:
    """The other machine's time; None where it uses another version of the protocol."""
    if len(answer) != _TIME.size or answer[0] != PROTOCOL:
        return None
    return int(_TIME.unpack(answer)[1])
