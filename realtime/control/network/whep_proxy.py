"""Hands WHEP on to the process of the output "webrtc": users open one address for everything."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import ClientError, ClientSession, ClientTimeout, UnixConnector, web

from realtime.control.network.auth import Guard, for_foreign_pages, open_to_foreign_pages, refuse

PROGRAMME, PREVIEW = "programme", "preview"
TIMEOUT_S = 20.0

MOST_AT_ONCE = 30
"""Requests of strangers that are being answered at once; a join takes milliseconds."""

KEPT_OF_REQUEST = ("Content-Type", "If-Match")
KEPT_OF_ANSWER = ("Content-Type", "Location", "ETag", "Link", "Accept-Post", "Retry-After")

OPERATOR = "Dancecam-Operator"
"""Tells the output that who asks has shown the token; `outputs.whep` has the same name."""

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": ", ".join(KEPT_OF_ANSWER),
}
"""For pages of other sites that embed the programme (Fetch standard, CORS protocol); without cookies."""

PREFLIGHT = {
    "Access-Control-Allow-Methods": "OPTIONS, POST, PATCH, DELETE",
    "Access-Control-Allow-Headers": ", ".join(KEPT_OF_REQUEST),
    "Access-Control-Max-Age": "600",
}


class WhepProxy:
    """The way to the output's own server, which answers at a Unix socket.

    The programme is for everybody, also for pages of other sites. The preview can show the fan before the
    crowd sees the fan: it needs the token. What was joined is left at an address that nobody can guess.
    """

    def __init__(self, whep: Callable[[], str | None], guard: Guard) -> None:
        """whep: the socket's path now; None while there is none."""
        self._whep = whep
        self._guard = guard
        self._strangers = 0

    def add_to(self, app: web.Application) -> None:
        app.router.add_options(f"/whep/{PROGRAMME}", self._options)
        app.router.add_options(f"/whep/{PROGRAMME}/{{session}}", self._options)
        app.router.add_options(f"/whep/{PREVIEW}", self._preview)
        app.router.add_post(f"/whep/{PROGRAMME}", self._programme)
        app.router.add_post(f"/whep/{PREVIEW}", self._preview)
        for method in ("PATCH", "DELETE"):
            app.router.add_route(method, f"/whep/{PROGRAMME}/{{session}}", self._programme)
            app.router.add_route(method, f"/whep/{PREVIEW}/{{session}}", self._stranger)
        app.on_response_prepare.append(_add_cors)

    @open_to_foreign_pages
    async def _options(self, request: web.Request) -> web.Response:
        if "Access-Control-Request-Method" in request.headers:
            return web.Response(status=204, headers=PREFLIGHT)
        return await self._stranger(request)

    @open_to_foreign_pages
    async def _programme(self, request: web.Request) -> web.Response:
        """WHEP of the programme: POST an offer; DELETE the answer's Location to leave."""
        if self._guard.who(request) is not None and not self._guard.is_foreign(request):
            return await self._hand_on(request, operator=True)
        return await self._stranger(request)

    async def _stranger(self, request: web.Request) -> web.Response:
        """WHEP of a picture, for who has not shown the token."""
        if self._strangers >= MOST_AT_ONCE:
            refuse(503, "too many ask at once; try again")
        self._strangers += 1
        try:
            return await self._hand_on(request, operator=False)
        finally:
            self._strangers -= 1

    async def _preview(self, request: web.Request) -> web.Response:
        """WHEP of the preview: POST an offer; DELETE the answer's Location to leave."""
        self._guard.require(request)
        return await self._hand_on(request, operator=True)

    async def _hand_on(self, request: web.Request, *, operator: bool) -> web.Response:
        socket = self._whep()
        if socket is None:
            refuse(503, "the programme is starting")
        headers = {name: request.headers[name] for name in KEPT_OF_REQUEST if name in request.headers}
        if operator:
            headers[OPERATOR] = "yes"
        body = await request.read()  # the guard has waited for it
        try:
            async with (
                ClientSession(connector=UnixConnector(socket), timeout=ClientTimeout(TIMEOUT_S)) as session,
                session.request(
                    request.method, f"http://localhost{request.path}", data=body, headers=headers
                ) as answer,
            ):
                kept = {name: answer.headers[name] for name in KEPT_OF_ANSWER if name in answer.headers}
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)
        except (ClientError, TimeoutError, OSError):
            refuse(503, "the programme does not answer yet")


async def _add_cors(request: web.Request, response: web.StreamResponse) -> None:
    """To refusals too: the page should be able to say why."""
    if for_foreign_pages(request):
        response.headers.update(CORS)
