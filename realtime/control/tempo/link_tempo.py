"""The tempo of Ableton Link, with which the music programs of a network agree on one. Needs aalink (the extra
`link`).

Whoever joins Link takes over the tempo of who is there. A show that is there first would impose its own on
the music; so it only listens to Link's greetings until somebody has been there for a while, and leaves once
it is alone again.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import time
from typing import Any

import psutil

from realtime.transport.orders import LEAST_BPM, MOST_BPM
from realtime.transport.statuses import TempoStatus

INSTALL = "install it with: pip install aalink==0.2.3"

GROUP, PORT = "224.76.78.75", 20808
GREETINGS = (b"_asdp_v\x01\x01", b"_asdp_v\x01\x02")
"""Where Link's peers greet each other; how "I am here" and its answer begin (Ableton/link, discovery/v1)."""

YOUNGER_S, SILENT_S = 2.0, 1.5
"""It joins who has greeted for so long, without a break of so long: of two who have begun within half a
second either may give the tempo. Greetings come four times a second."""

JOINING_S = 5.0
"""Whoever was heard is found so long after joining, or was not there. Once alone again it leaves at once."""

JOIN_EVERY_S = 10.0
"""How often it is looked for new networks to listen on."""

SOURCE = "Ableton Link"
NOBODY = "nobody is heard on Ableton Link: switch it on in the music's program"

ANY_BPM = 120.0
"""Before it has joined; nobody hears of it."""


class LinkError(RuntimeError):
    """Ableton Link cannot be heard; one line that says what to do."""


class LinkTempo:
    """For one thread. Ask `status` several times a second: it does the work."""

    def __init__(self) -> None:
        """Raises LinkError."""
        try:
            from aalink import Link
        except ImportError as error:
            raise LinkError(f"Ableton Link needs aalink ({error}): {INSTALL}") from error
        self._loop = asyncio.new_event_loop()
        self._link: Any = self._loop.run_until_complete(_made(Link))
        self._greetings: Greetings | None = None
        self._leave_s = 0.0

    def status(self) -> TempoStatus:
        """The tempo now."""
        self._loop.run_until_complete(asyncio.sleep(0))  # what Link has called back meanwhile
        peers, reason = int(self._link.num_peers), ""
        now_s = time.monotonic()
        if not peers and self._link.enabled and now_s >= self._leave_s:
            self._link.enabled = False
        if not self._link.enabled:
            reason = self._listen(now_s)
        if not peers:
            return TempoStatus(SOURCE, reason or NOBODY)
        self._leave_s = now_s
        bpm = round(float(self._link.tempo), 2)
        if not LEAST_BPM <= bpm <= MOST_BPM:  # Link itself knows 20 to 999
            reason = f"Ableton Link's {bpm:g} bpm is no tempo from {LEAST_BPM:g} to {MOST_BPM:g}"
            return TempoStatus(SOURCE, reason)
        return TempoStatus(SOURCE, "", bpm)

    def close(self) -> None:
        self._link.enabled = False
        if self._greetings is not None:
            self._greetings.close()
        self._loop.close()

    def _listen(self, now_s: float) -> str:
        """Joins once somebody is heard. Why nobody can be, or ""."""
        try:
            if self._greetings is None:
                self._greetings = Greetings()
            heard = self._greetings.heard(now_s)
        except OSError as error:
            return f"Ableton Link cannot be heard on port {PORT} ({error.strerror}): close what has it"
        if heard >= YOUNGER_S:
            self._greetings.close()
            self._greetings = None
            self._link.enabled = True
            self._leave_s = now_s + JOINING_S
        return ""


async def _made(link: Any) -> Any:
    """It keeps the loop that runs when it is made."""
    return link(ANY_BPM)


class Greetings:
    """A socket that hears the greetings of Link's peers on every network of this machine."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._joined: set[str] = set()
        self._next_join_s = 0.0
        self._first_s = self._last_s = -math.inf
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if hasattr(socket, "SO_REUSEPORT"):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._socket.setblocking(False)
            self._socket.bind((GROUP, PORT))
        except OSError:
            self._socket.close()
            raise

    def heard(self, now_s: float) -> float:
        """For how many seconds somebody has been greeting. Raises OSError."""
        if now_s >= self._next_join_s:
            self._next_join_s = now_s + JOIN_EVERY_S
            self._join()
        for _ in range(100):
            try:
                if not self._socket.recv(2048).startswith(GREETINGS):
                    continue
            except BlockingIOError:
                break
            if now_s - self._last_s > SILENT_S:
                self._first_s = now_s
            self._last_s = now_s
        return now_s - self._first_s if now_s - self._last_s <= SILENT_S else 0.0

    def _join(self) -> None:
        addresses = {
            address.address
            for network in psutil.net_if_addrs().values()
            for address in network
            if address.family == socket.AF_INET
        }
        for address in addresses - self._joined:
            group = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(address))
            try:
                self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
            except OSError:
                continue  # a network without multicast; it may have some later
            self._joined.add(address)
        self._joined &= addresses

    def close(self) -> None:
        self._socket.close()
