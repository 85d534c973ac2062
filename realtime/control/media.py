"""Hands WHEP on to the playout, which has the pictures: users open one address for everything."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import ClientError, ClientSession, ClientTimeout, UnixConnector, web

from realtime.control.guard import Guard, refuse

PROGRAMME, PREVIEW = "programme", "preview"
TIMEOUT_S = 20.0

KEPT_OF_REQUEST = ("Content-Type", "If-Match")
KEPT_OF_ANSWER = ("Content-Type", "Location", "ETag", "Link", "Accept-Patch", "Retry-After")


class Media:
    """The way to the playout's own server, which answers at a Unix socket.

    The programme is for everybody. The preview can show the fan before the crowd sees him: it needs the
    token. What was joined is left at an address that nobody can guess.
    """

    def __init__(self, whep: Callable[[], str | None], guard: Guard) -> None:
        """whep: the socket's path now; None while there is none."""
        self._whep = whep
        self._guard = guard

    def add_to(self, app: web.Application) -> None:
        app.router.add_post(f"/whep/{PROGRAMME}", self._join_programme)
        app.router.add_post(f"/whep/{PREVIEW}", self._join_preview)
        app.router.add_route("PATCH", "/whep/{rest:.+}", self._same)
        app.router.add_route("DELETE", "/whep/{rest:.+}", self._same)

    async def _join_programme(self, request: web.Request) -> web.Response:
        return await self._hand_on(request, f"/whep/{PROGRAMME}")

    async def _join_preview(self, request: web.Request) -> web.Response:
        self._guard.require(request)
        return await self._hand_on(request, f"/whep/{PREVIEW}")

    async def _same(self, request: web.Request) -> web.Response:
        return await self._hand_on(request, request.path)

    async def _hand_on(self, request: web.Request, path: str) -> web.Response:
        socket = self._whep()
        if socket is None:
            refuse(503, "the programme is starting")
        headers = {name: request.headers[name] for name in KEPT_OF_REQUEST if name in request.headers}
        body = await request.read()
        try:
            async with (
                ClientSession(connector=UnixConnector(socket), timeout=ClientTimeout(TIMEOUT_S)) as session,
                session.request(
                    request.method, f"http://localhost{path}", data=body, headers=headers
                ) as answer,
            ):
                kept = {name: answer.headers[name] for name in KEPT_OF_ANSWER if name in answer.headers}
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)
        except (ClientError, TimeoutError, OSError):
            refuse(503, "the programme does not answer yet")
