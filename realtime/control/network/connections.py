"""Bounds how many connections the control server holds, how long an idle one stays, and who goes for whom."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from aiohttp import web

from realtime.config.hosts import is_loopback
from realtime.control.network.addresses import Addresses

MOST_CONNECTIONS = 256
MOST_PER_ADDRESS = 64
RESERVED = 16
"""Further connections that this machine may open when all are taken."""

IDLE_S = 15.0
"""After so long without a request a connection is closed, unless it has shown the token."""

BUSY_S = 60.0
"""So long one request may take, unless it has shown the token."""

STUCK_S = 2.0
"""So long one request may take where its connection is wanted for somebody else."""

LOOK_EVERY_S = 1.0
ACCEPT_AGAIN_S = 0.02
ACCEPT_PAUSE_S = 0.5
"""How long nobody is let in when the process has no file handle left."""

NO_HANDLES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

Key = TypeVar("Key")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def most_connections() -> int:
    """How many this process can afford: a quarter of its file handles, and no more than MOST_CONNECTIONS.
    Requests need others, on their way to the picture."""
    handles, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if handles < 0 else max(8, min(MOST_CONNECTIONS, handles // 4))


@dataclass
class Connection:
    """since_s: when it was opened, or when its present or last request began or ended."""

    address: str
    since_s: float
    busy: bool = False
    trusted: bool = False
    """It has shown the token."""

    def is_stuck(self, now_s: float) -> bool:
        """Busy for so long that it hardly wants an answer: its body does not come, or it does not read."""
        return self.busy and not self.trusted and now_s - self.since_s > STUCK_S


class ConnectionTable(Generic[Key]):
    """Who is connected. Pure: time is an argument."""

    def __init__(self, most: int, most_per_address: int) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._table: dict[Key, Connection] = {}

    def __len__(self) -> int:
        return len(self._table)

    def add(self, key: Key, address: str, now_s: float) -> None:
        self._table[key] = Connection(address, now_s)

    def remove(self, key: Key) -> None:
        self._table.pop(key, None)

    def remove_all(self, has_left: Callable[[Key], bool]) -> None:
        for key in [key for key in self._table if has_left(key)]:
            del self._table[key]

    def begin(self, key: Key, now_s: float) -> None:
        """A request begins."""
        if (connection := self._table.get(key)) is not None:
            connection.busy, connection.since_s = True, now_s

    def end(self, key: Key, now_s: float) -> None:
        """It has been answered."""
        if (connection := self._table.get(key)) is not None:
            connection.busy, connection.since_s = False, now_s

    def trust(self, key: Key) -> None:
        if (connection := self._table.get(key)) is not None:
            connection.trusted = True

    def make_room(self, address: str, now_s: float, *, proxy: bool) -> tuple[bool, Key | None]:
        """Whether somebody from this address may come in, and whose connection is closed for it.

        An address that has its share gives up its own oldest connection that is idle, or whose request takes
        long; when all are taken, the address with most such ones does. One that shows the token does not lose
        its connection to other addresses.
        """
        idle = sorted(
            (key for key, one in self._table.items() if not one.busy or one.is_stuck(now_s)),
            key=lambda key: (self._table[key].trusted, self._table[key].busy, self._table[key].since_s),
        )
        if not proxy and self._count(address) >= self._most_per_address:
            own = next((key for key in idle if self._table[key].address == address), None)
            return own is not None, own
        if len(self._table) < self._most:
            return True, None
        others = [key for key in idle if not self._table[key].trusted]
        if others:
            holds = Counter(self._table[key].address for key in others)
            return True, max(others, key=lambda key: holds[self._table[key].address])
        return is_loopback(address) and len(self._table) < self._most + RESERVED, None

    def _count(self, address: str) -> int:
        return sum(one.address == address for one in self._table.values())

    def expired(self, now_s: float) -> list[Key]:
        """Connections that have been idle, or busy with one request, for too long."""
        return [
            key
            for key, one in self._table.items()
            if not one.trusted and now_s - one.since_s > (BUSY_S if one.busy else IDLE_S)
        ]

    def oldest_idle(self, n: int) -> list[Key]:
        """Up to n connections that can be spared."""
        idle = [key for key, one in self._table.items() if not one.busy and not one.trusted]
        return sorted(idle, key=lambda key: self._table[key].since_s)[:n]


class Connections:
    """Accepts the server's connections and keeps the table. Lives in the server's loop.

    It accepts by itself: asyncio's own server accepts everything, and writes a traceback for each attempt
    when the process has no file handle left.
    """

    def __init__(
        self,
        listener: socket.socket,
        addresses: Addresses,
        tell: Callable[[str], None],
        most: int | None = None,
    ) -> None:
        """tell: hears once when the process has no file handle left. most: by default `most_connections`."""
        self._listener = listener
        self._addresses = addresses
        self._tell = tell
        self._most = most_connections() if most is None else most
        self._told = False
        self._table: ConnectionTable[asyncio.Transport] = ConnectionTable(
            self._most, min(MOST_PER_ADDRESS, max(4, self._most // 2))
        )
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, server: web.Server) -> None:
        self._listener.setblocking(False)
        self._tasks = [asyncio.create_task(self._accept_all(server)), asyncio.create_task(self._look_after())]

    async def close(self) -> None:
        """Accepts nobody any more; the server closes the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listener.close()

    def trust(self, request: web.Request) -> None:
        """The request has shown the token."""
        if request.transport is not None:
            self._table.trust(request.transport)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Notes which connections are busy."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("it has left")
        loop = asyncio.get_running_loop()
        self._table.begin(transport, loop.time())
        try:
            return await handler(request)
        finally:
            self._table.end(transport, loop.time())

    async def _accept_all(self, server: web.Server) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, peer = await loop.sock_accept(self._listener)
            except OSError as error:
                if error.errno in NO_HANDLES:
                    await self._make_handles_free()
                else:
                    await asyncio.sleep(ACCEPT_AGAIN_S)
                continue
            address = str(peer[0])
            self._forget_closed()
            proxy = self._addresses.is_proxy(address)
            welcome, leaves = self._table.make_room(address, loop.time(), proxy=proxy)
            if leaves is not None:
                self._close(leaves)
            if not welcome:
                accepted.close()
                await asyncio.sleep(0)
                continue
            try:
                transport, _ = await loop.connect_accepted_socket(server, accepted)
            except OSError:  # it has left already
                accepted.close()
                continue
            self._table.add(transport, address, loop.time())

    async def _make_handles_free(self) -> None:
        if not self._told:
            self._told = True
            self._tell(
                "this process has no file handle left for the console; idle connections are closed. "
                "Raise the limit (ulimit -n) before the next show"
            )
        for transport in self._table.oldest_idle(8):
            self._close(transport)
        await asyncio.sleep(ACCEPT_PAUSE_S)

    async def _look_after(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self._forget_closed()
            for transport in self._table.expired(loop.time()):
                self._close(transport)

    def _forget_closed(self) -> None:
        self._table.remove_all(lambda transport: transport.is_closing())

    def _close(self, transport: asyncio.Transport) -> None:
        self._table.remove(transport)
        transport.abort()
