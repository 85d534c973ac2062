"""WebSocket clients: each is pushed every event of the desk, and may ask for actions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import WSMsgType, web

from realtime.control.desk import UNPROCESSABLE, AnyDesk, Event, Refused

MOST_CLIENTS = 32
LONGEST_QUEUE = 256
"""Events that may wait for a client; one that does not read them is let go, and may come again."""

HEARTBEAT_S = 10.0
LONGEST_MESSAGE = 16 * 1024


class Clients:
    """All WebSocket clients of a show. Lives in the server's loop, but for `push`."""

    def __init__(self, desk: AnyDesk, hello: Mapping[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        """hello: what a client is told first, besides the desk's state."""
        self._desk = desk
        self._hello = hello
        self._loop = loop
        self._queues: dict[web.WebSocketResponse, asyncio.Queue[str]] = {}
        self._closing: set[asyncio.Task[bool]] = set()

    def push(self, event: Event) -> None:
        """Tells all clients, from any thread."""
        if self._queues:
            self._loop.call_soon_threadsafe(self._push, json.dumps(event))

    def _push(self, text: str) -> None:
        for socket, queue in list(self._queues.items()):
            try:
                queue.put_nowait(text)
            except asyncio.QueueFull:
                del self._queues[socket]
                closing = self._loop.create_task(
                    socket.close(code=1013, message=b"events were not read in time")
                )
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    async def serve(self, request: web.Request, who: str) -> web.WebSocketResponse:
        """One client, until it leaves."""
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=LONGEST_MESSAGE)
        await socket.prepare(request)
        if len(self._queues) >= MOST_CLIENTS:
            await socket.close(code=1013, message=b"too many clients")
            return socket
        queue: asyncio.Queue[str] = asyncio.Queue(LONGEST_QUEUE)
        self._queues[socket] = queue  # first, so that nothing is missed between the hello and the events
        await socket.send_json({"type": "hello", **self._hello, **self._desk.state()})
        sender = asyncio.create_task(_send(socket, queue))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await socket.send_json(await asyncio.to_thread(self._asked, message.data, who))
        finally:
            self._queues.pop(socket, None)
            sender.cancel()
        return socket

    def _asked(self, text: str, who: str) -> dict[str, Any]:
        """The reply to {"action": ..., "arguments": {...}, "confirm": true, "id": ...}."""
        try:
            asked = json.loads(text)
        except (ValueError, RecursionError) as error:
            return _reply(None, 400, f"this is not JSON: {str(error)[:200]!a}")
        if not isinstance(asked, dict) or not isinstance(asked.get("action"), str):
            return _reply(None, UNPROCESSABLE, 'send {"action": NAME, "arguments": {...}, "confirm": true}')
        arguments = asked.get("arguments", {})
        if not isinstance(arguments, dict):
            return _reply(asked.get("id"), UNPROCESSABLE, "arguments must be an object")
        try:
            self._desk.act(asked["action"], arguments, who=who, confirmed=asked.get("confirm") is True)
        except Refused as error:
            return _reply(asked.get("id"), error.status, str(error))
        return _reply(asked.get("id"), 200, "done")

    async def close(self) -> None:
        """Says goodbye to all."""
        sockets = list(self._queues)
        self._queues.clear()
        for socket in sockets:
            await socket.close(code=1001, message=b"the show has ended")


async def _send(socket: web.WebSocketResponse, queue: asyncio.Queue[str]) -> None:
    try:
        while True:
            await socket.send_str(await queue.get())
    except ConnectionError:
        return  # it has left; `serve` sees that too


def _reply(number: object, status: int, result: str) -> dict[str, Any]:
    return {"type": "reply", "id": number, "status": status, "result": result}
