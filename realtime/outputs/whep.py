"""WHEP: how a viewer asks for one of the pictures (draft-ietf-wish-whep-03).

POST an offer to /whep/programme or /whep/preview; DELETE the answer's Location to leave. Candidates come
with the offer and the answer; trickling them (PATCH) is not supported.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from aiohttp import web
from aiortc import RTCSessionDescription
from aiortc.sdp import SessionDescription

MOST_OFFER_BYTES = 64 * 1024
LOOPBACK = ("127.0.0.1", "localhost", "::1")
RETRY_AFTER_S = 5
SDP = "application/sdp"
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


class CannotAnswer(ValueError):
    """An offer without an answer; the text is one line for the viewer."""


class TooMany(RuntimeError):
    """Nobody else may watch now; the text is one line for the viewer."""


class Sessions(Protocol):
    """Who makes the connections."""

    async def join(self, source: str, offer: RTCSessionDescription) -> tuple[str, str]:
        """The new session's secret name, and the answer (SDP). Raises CannotAnswer, TooMany."""

    async def leave(self, source: str, session: str) -> bool:
        """False where there is no such session."""


class Whep:
    """The endpoints, as an aiohttp application."""

    def __init__(
        self, sessions: Sessions, sources: tuple[str, ...], *, token: str | None, loopback_only: bool
    ) -> None:
        """sources: what can be asked for. token: what every request must show, None for none.

        loopback_only: no foreign Host is served, so that no web site can rebind its name to us.
        """
        self._sessions = sessions
        self._sources = sources
        self._token = token
        self._loopback_only = loopback_only
        self.app = web.Application(client_max_size=MOST_OFFER_BYTES, middlewares=[self._guard])
        self.app.on_response_prepare.append(_add_headers)
        self.app.router.add_post("/whep/{source}", self._join)
        self.app.router.add_options("/whep/{source}", self._options)
        self.app.router.add_delete("/whep/{source}/{session}", self._leave)

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if self._loopback_only and request.url.host not in LOOPBACK:
            raise web.HTTPForbidden(text="this address serves its own machine alone\n")
        if self._token is not None and request.method != "OPTIONS":
            shown = request.headers.get("Authorization", "")
            if not hmac.compare_digest(shown.encode(), f"Bearer {self._token}".encode()):
                raise web.HTTPUnauthorized(
                    text="show the token: Authorization: Bearer ...\n", headers={"WWW-Authenticate": "Bearer"}
                )
        source = request.match_info.get("source")
        if source is not None and source not in self._sources:
            raise web.HTTPNotFound(text=f"no such picture; there are: {', '.join(self._sources)}\n")
        return await handler(request)

    async def _options(self, _: web.Request) -> web.Response:
        return web.Response(status=204, headers={"Accept-Post": SDP, "Allow": "POST, OPTIONS"})

    async def _join(self, request: web.Request) -> web.Response:
        if request.content_type != SDP:
            raise web.HTTPUnsupportedMediaType(
                text=f"send the offer as {SDP}\n", headers={"Accept-Post": SDP}
            )
        if not _accepts_sdp(request.headers):
            raise web.HTTPNotAcceptable(text=f"the answer is {SDP}\n")
        source = request.match_info["source"]
        try:
            session, answer = await self._sessions.join(source, checked_offer(await request.text()))
        except CannotAnswer as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from error
        except TooMany as error:
            raise web.HTTPServiceUnavailable(
                text=f"{error}\n", headers={"Retry-After": str(RETRY_AFTER_S)}
            ) from error
        return web.Response(
            status=201, text=answer, content_type=SDP, headers={"Location": f"/whep/{source}/{session}"}
        )

    async def _leave(self, request: web.Request) -> web.Response:
        if not await self._sessions.leave(request.match_info["source"], request.match_info["session"]):
            raise web.HTTPNotFound(text="no such session\n")
        return web.Response(text="closed\n")


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _accepts_sdp(headers: Mapping[str, str]) -> bool:
    ranges = [part.split(";")[0].strip().lower() for part in headers.get("Accept", "*/*").split(",")]
    return any(accepted in (SDP, "application/*", "*/*", "") for accepted in ranges)


def checked_offer(body: str) -> RTCSessionDescription:
    """The offer in a request's body.

    The browser's `.local` candidates and the end of candidates are left out: resolving them needs multicast
    DNS, and the browser reaches us at our own candidates anyway (a peer-reflexive candidate, RFC 8445).
    Raises CannotAnswer if it is not an SDP that asks for video.
    """
    lines = [
        line
        for line in body.splitlines()
        if line != "a=end-of-candidates" and not (line.startswith("a=candidate:") and ".local " in line)
    ]
    sdp = "\r\n".join([*lines, ""])
    try:
        media = SessionDescription.parse(sdp).media
    except (ValueError, LookupError, AssertionError, AttributeError) as error:
        raise CannotAnswer("the body is not a session description (SDP)") from error
    if not any(m.kind == "video" and m.ice.usernameFragment and m.dtls for m in media):
        raise CannotAnswer("the offer asks for no video over WebRTC")
    return RTCSessionDescription(sdp=sdp, type="offer")
