"""The control server: pages, API, events and metrics on one address. Its loop has a thread of its own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from realtime.config.control import Control, ControlError
from realtime.control.actions import ACTIONS
from realtime.control.desk import AnyDesk, Refused
from realtime.control.network.addresses import Addresses
from realtime.control.network.auth import Guard, refuse
from realtime.control.network.connections import Connections
from realtime.control.network.metrics import CONTENT_TYPE, metrics_text
from realtime.control.network.openapi import described_actions, openapi
from realtime.control.network.websocket import Clients
from realtime.control.network.whep_proxy import WhepProxy
from realtime.control.surfaces.surfaces import Surfaces
from realtime.stages.http_server import set_up
from realtime.transport.telemetry import Totals

log = logging.getLogger(__name__)

CONSOLE = Path(__file__).resolve().parent / "console"
MOST_BODY_BYTES = 64 * 1024
CLOSE_TIMEOUT_S = 2.0
KEEPALIVE_S = 75.0
"""How long a connection that has shown the token may be idle; for others see `connections`."""

BACKLOG = 1024
"""Connections that may wait to be accepted; with few, an operator's waits behind a flood for seconds."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Counted(Protocol):
    """Where the show's counts come from: its `Totals`, or a `RemoteDesk`."""

    def copy(self) -> Totals: ...


class ControlServer:
    """Serves from the moment it is made until `close`."""

    def __init__(
        self,
        desk: AnyDesk,
        totals: Counted,
        whep: Callable[[], str | None],
        *,
        token: str,
        host: str,
        port: int,
        control: Control | None = None,
        public_url: str | None = None,
        trusted_proxies: Sequence[str] = (),
        most_connections: int | None = None,
        checkup: Callable[[], dict[str, Any]] = lambda: {"findings": []},
    ) -> None:
        """whep: see `WhepProxy`. port: 0 takes any free one, see `url`. control: whose surfaces are heard
        too; None: none. public_url, trusted_proxies: see `Addresses`. most_connections: see `Connections`.
        checkup: what /api/doctor answers (`Checkup.answer`).

        Raises ControlError where an address cannot be had.
        """
        self._desk = desk
        self._totals = totals
        listener = _listen(host, port)
        bound = listener.getsockname()[1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{bound}/"
        self.console_url = f"{self.url}console#token={token}"
        self._addresses = Addresses(host, public_url, trusted_proxies)
        self._connections = Connections(listener, self._addresses, desk.tell, most_connections)
        self._guard = Guard(
            token,
            self._addresses,
            cookie=cookie_name(bound, public_url),
            tell=lambda who, text: desk.note(who, "log in", text),
            trust=self._connections.trust,
        )
        self._whep_proxy = WhepProxy(whep, self._guard)
        self._checkup = checkup
        self._loop = asyncio.new_event_loop()
        self._moved_ns = time.monotonic_ns()
        self._clients = Clients(desk, {"actions": described_actions(desk)}, self._loop)
        self._surfaces = Surfaces(desk, control or Control())
        self._thread = threading.Thread(target=self._loop.run_forever, name="control", daemon=True)
        self._thread.start()
        try:
            self._runner = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result()
        except ControlError:
            self._loop.call_soon_threadsafe(self._surfaces.close)
            listener.close()
            self._stop_loop()
            raise
        self._stop_listening = desk.listen(self._clients.push)

    def alive_ns(self) -> int:
        """When its loop last moved; to be asked again and again: each answer tells of the time before it."""
        self._loop.call_soon_threadsafe(self._move)
        return self._moved_ns

    def _move(self) -> None:
        self._moved_ns = time.monotonic_ns()

    def close(self) -> None:
        """Says goodbye to the clients and frees the ports."""
        self._stop_listening()
        asyncio.run_coroutine_threadsafe(self._shut_down(), self._loop).result()
        self._stop_loop()

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> web.AppRunner:
        await self._surfaces.start()
        app = web.Application(
            client_max_size=MOST_BODY_BYTES,
            middlewares=[self._connections.middleware, self._guard.middleware],
        )
        app.on_response_prepare.append(_add_headers)
        app.router.add_get("/", self._viewer)
        app.router.add_get("/console", self._console)
        app.router.add_static("/console/", CONSOLE)
        app.router.add_get("/state", self._public_state)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/api/openapi.json", self._openapi)
        app.router.add_post("/api/login", self._log_in)
        app.router.add_get("/api/state", self._state)
        app.router.add_get("/api/actions", self._actions)
        app.router.add_post("/api/actions/{action}", self._act)
        app.router.add_get("/api/doctor", self._doctor)
        app.router.add_get("/api/events", self._events)
        self._whep_proxy.add_to(app)
        runner = await set_up(app, log, shutdown_timeout=CLOSE_TIMEOUT_S, keepalive_timeout=KEEPALIVE_S)
        assert runner.server is not None  # noqa: S101  # it is set up
        self._connections.start(runner.server)
        return runner

    async def _shut_down(self) -> None:
        await self._connections.close()
        await self._clients.close()
        self._surfaces.close()
        await self._runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=CLOSE_TIMEOUT_S)
        await self._loop.shutdown_default_executor()

    # For everybody.

    async def _viewer(self, _: web.Request) -> web.FileResponse:
        return web.FileResponse(CONSOLE / "viewer.html")

    async def _console(self, _: web.Request) -> web.FileResponse:
        return web.FileResponse(CONSOLE / "operator.html")

    async def _public_state(self, _: web.Request) -> web.Response:
        """State, player, delay and rate of the programme."""
        state = self._desk.state()
        show, stats = state["show"], state["stats"]
        return web.json_response(
            {
                "state": show.get("state"),
                "player": show.get("player"),
                "delay_ms": stats.get("latency_ms"),
                "fps": stats.get("fps"),
            }
        )

    async def _openapi(self, request: web.Request) -> web.Response:
        """This document."""
        return web.json_response(openapi(request.app.router.routes()))

    async def _log_in(self, request: web.Request) -> web.Response:
        """Trades the token for a cookie."""
        return self._guard.log_in(request, (await _body(request)).get("token"))

    async def _metrics(self, request: web.Request) -> web.Response:
        """Metrics for Prometheus; from another machine, or through a proxy, they need the token."""
        if not self._addresses.is_this_machine(request):
            self._guard.require(request)
        totals = await asyncio.to_thread(self._totals.copy)  # the desk may take long to answer
        text = metrics_text(totals, self._desk.state(), self._surfaces.ignored)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})

    # For those who have the token.

    async def _state(self, request: web.Request) -> web.Response:
        """The whole state."""
        self._guard.require(request)
        return web.json_response(self._desk.state())

    async def _actions(self, request: web.Request) -> web.Response:
        """The table of actions, with keys, arguments, ranges and choices."""
        self._guard.require(request)
        return web.json_response({"actions": described_actions(self._desk)})

    async def _act(self, request: web.Request) -> web.Response:
        """Does an action; the answer is the state after it."""
        who = self._guard.require(request)
        name = request.match_info["action"]
        if name not in ACTIONS:  # before the body is looked at: it may be another action's
            refuse(404, f"there is no action {name!r}; there are: {', '.join(ACTIONS)}")
        given = await _body(request)
        confirmed = given.pop("confirm", False) is True
        try:
            await asyncio.to_thread(self._desk.act, name, given, who=who, confirmed=confirmed)
        except Refused as error:
            refuse(error.status, str(error))
        return web.json_response({"action": name, "result": "done", **self._desk.state()})

    async def _doctor(self, request: web.Request) -> web.Response:
        """What was found on this machine before the show."""
        self._guard.require(request)
        return web.json_response(self._checkup())

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        """A WebSocket: first `hello`, with actions and state, then every event, as JSON with its `type`."""
        return await self._clients.serve(request, self._guard.require(request))


async def _body(request: web.Request) -> dict[str, Any]:
    """A JSON object, whatever its content type says; nothing at all is {}. Refuses others with 400."""
    data = await request.read()
    if not data.strip():
        return {}
    try:
        body = json.loads(data)
    except RecursionError:
        refuse(400, "the body is not JSON: it is nested too deeply")
    except ValueError as error:
        refuse(400, f"the body is not JSON: {str(error)[:200]!a}")
    if not isinstance(body, dict):
        refuse(400, "the body must be a JSON object")
    return body


def cookie_name(port: int, public_url: str | None) -> str:
    """Browsers send cookies to every port of a host: two shows on one host need two names."""
    address = f"{port} {public_url or ''}"
    return f"dancecam-{hashlib.sha256(address.encode()).hexdigest()[:8]}"


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ControlError(
            f"the page cannot be served on {host}:{port} ({error.strerror}): close the program that has it, "
            "or choose another port with --port"
        ) from error
