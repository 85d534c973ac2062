"""Sends malformed requests and messages to a show that runs on this machine, many at once.

    python -m tools.reliability.malformed.sending PID TOKEN COUNT [SEED]      COUNT of them, by seed
    python -m tools.reliability.malformed.sending PID TOKEN 1 SEED NUMBER     one of them again

Its last line is JSON: how many of each kind had which answer, and the numbers of those that were answered
with a failure of the server's own (500), which nothing that is sent may bring about.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

import zmq

from realtime.transport.bus import TOPICS
from tools.reliability.malformed.kinds import Sent, sent
from tools.reliability.trial_show.running import RunningShow, find

AT_ONCE = 24
SLOW = 16
"""Further connections that send a byte of a header now and then, for as long as the rest lasts."""

HEARD = ("status", "actions", "asked", "wants")
"""Topics on which a process of the show hears whoever connects."""

SLOW_S, ANSWER_S, HALF_S = 0.25, 2.0, 0.3
FAILED = "500"


class Sender:
    """answers: kind → answer → how many. failed: numbers of messages that were answered with FAILED."""

    def __init__(self, show: RunningShow, seed: int) -> None:
        self._token, self._seed = show.token, seed
        self._page = show.page()
        self._osc = show.osc()
        others = [port for port in show.ports() if port != self._page]
        folder = show.sockets()
        self._whep = str(folder / "whep")
        self._between: list[str | tuple[str, int]] = [
            *(str(folder / topic) for topic in TOPICS if (folder / topic).exists()),
            *others,
        ]
        self._context = zmq.Context()
        self._messages = [self._to(str(folder / topic)) for topic in HEARD]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.failed: list[int] = []

    def _to(self, path: str) -> zmq.Socket[bytes]:
        pushing = self._context.socket(zmq.PUSH)
        pushing.setsockopt(zmq.LINGER, 1000)
        pushing.connect(f"ipc://{path}")
        return pushing

    async def run(self, numbers: Iterator[int]) -> None:
        slow = [asyncio.create_task(self._drip()) for _ in range(SLOW)]
        await asyncio.gather(*(self._one_after_another(numbers) for _ in range(AT_ONCE)))
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        self._context.destroy()
        self._udp.close()

    async def _one_after_another(self, numbers: Iterator[int]) -> None:
        for n in numbers:
            one = sent(self._seed, n, self._token)
            answer = await self._send(one, n)
            self.answers[one.kind][answer] += 1
            if answer == FAILED:
                self.failed.append(n)

    async def _send(self, one: Sent, n: int) -> str:
        """The answer's status, or what came instead."""
        if one.way == "osc":
            if self._osc is None:
                return "nobody listens"
            self._udp.sendto(one.parts[0], self._osc)
            await asyncio.sleep(0)
            return "sent"
        if one.way == "message":
            target = self._messages[n % len(self._messages)]
            try:
                target.send_multipart(one.parts, zmq.NOBLOCK)
            except zmq.Again:
                await asyncio.sleep(0.01)
                return "not taken"
            await asyncio.sleep(0)
            return "sent"
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._connected(one, n)
        except TimeoutError:
            return "none"
        except OSError:
            return "closed"

    async def _connected(self, one: Sent, n: int) -> str:
        place: str | tuple[str, int]
        if one.way == "bytes":
            place = self._between[n % len(self._between)]
        else:
            place = self._page if one.way == "page" else self._whep
        if isinstance(place, str):
            reader, writer = await asyncio.open_unix_connection(place)
        else:
            reader, writer = await asyncio.open_connection(*place)
        try:
            (data,) = one.parts
            writer.write(data[: len(data) // 2] if one.half else data)
            if one.leave:
                return "not read"
            if one.half or one.way == "bytes":
                await asyncio.sleep(HALF_S)
                return "not read"
            head = await reader.read(1024)
            return head[9:12].decode("ascii", "replace") if head.startswith(b"HTTP/") else "closed"
        finally:
            writer.transport.abort()

    async def _drip(self) -> None:
        """Slowloris: a request that never ends."""
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(*self._page)
                try:
                    writer.write(b"GET /state HTTP/1.1\r\nHost: 127.0.0.1\r\n")
                    while not reader.at_eof():
                        writer.write(b"X: y\r\n")
                        await writer.drain()
                        await asyncio.sleep(SLOW_S)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(SLOW_S)


def main(arguments: list[str]) -> int:
    pid, token, count, *rest = arguments
    seed, first = [*map(int, rest), *(1, 0)[len(rest) :]]
    show = find(int(pid), token)
    sender = Sender(show, seed)
    began_s = time.monotonic()
    asyncio.run(sender.run(iter(range(first, first + int(count)))))
    told = {
        "sent": int(count),
        "seconds": round(time.monotonic() - began_s, 1),
        "answers": {kind: dict(sender.answers[kind].most_common()) for kind in sorted(sender.answers)},
        "failed": sorted(sender.failed),
    }
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
