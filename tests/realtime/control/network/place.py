"""A control server with a desk that is played, and requests to it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web

from realtime.control.desk import Desk
from realtime.control.keys import Keymap
from realtime.control.network.server import ControlServer, cookie_name
from realtime.transport.orders import Orders
from realtime.transport.telemetry import Totals

TOKEN = "a-token-of-a-test"


BEARER = {"Authorization": f"Bearer {TOKEN}"}


CHOICES = {"player": {"Demo": "", "Jones": "Jones"}, "background": {"plate": ""}}


class Place:
    """A server with its desk; requests to it."""

    def __init__(self, whep: str | None = None) -> None:
        self.desk = Desk(Orders(), Keymap(), CHOICES)
        self.totals = Totals()
        self.whep = whep
        self.server = ControlServer(
            self.desk, self.totals, lambda: self.whep, token=TOKEN, host="127.0.0.1", port=0
        )

        self.cookie = cookie_name(int(self.server.url.rsplit(":", 1)[1].strip("/")), None)

    def close(self) -> None:
        self.server.close()

    def ask(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, body: str | None = None
    ) -> tuple[int, Any, Mapping[str, str]]:
        """(status, JSON or text, headers)."""

        async def asked(session: ClientSession) -> tuple[int, Any, Mapping[str, str]]:
            url = f"{self.server.url}{path}"
            async with session.request(method, url, headers=headers or BEARER, data=body) as answer:
                text = await answer.text()
                is_json = answer.content_type == "application/json"
                return answer.status, json.loads(text) if is_json else text, answer.headers

        return self.run(asked)

    def run(self, work: Callable[[ClientSession], Awaitable[Any]]) -> Any:
        async def session() -> Any:
            async with ClientSession() as one:
                return await work(one)

        return asyncio.run(session())


class FakeWhep:
    """The playout's end: answers WHEP at a Unix socket, and remembers what it was asked."""

    LINK = '<stun:stun.example>; rel="ice-server"'

    def __init__(self, path: Path) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.headers: list[Mapping[str, str]] = []
        self._path = path
        self._held = threading.Event()
        self._held.set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._runner = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result()

    async def _serve(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.UnixSite(runner, str(self._path)).start()
        return runner

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path, await request.text()))
        self.headers.append(request.headers)
        while not self._held.is_set():
            await asyncio.sleep(0.01)
        if request.method != "POST":
            return web.Response(text="closed", headers={"Link": self.LINK})
        headers = {"Location": f"{request.path}/x1", "ETag": '"1"', "X-Other": "not handed on"}
        return web.Response(status=201, text="v=0", content_type="application/sdp", headers=headers)

    def hold(self) -> None:
        """Answers nobody until `go_on`."""
        self._held.clear()

    def go_on(self) -> None:
        self._held.set()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
