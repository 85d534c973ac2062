"""WHEP: how a viewer asks for one of the pictures (draft-ietf-wish-whep-03).

POST an offer to /whep/programme or /whep/preview (OPTIONS tells the STUN servers to use, as RFC 9725, section
4.6, writes them); DELETE the answer's Location to leave. Candidates come
with the offer and the answer; trickling them (PATCH) is not supported. What an offer says is not trusted: it
is checked here, and whatever goes wrong with it is one line for its sender.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiortc import RTCSessionDescription
from aiortc.codecs import CODECS
from aiortc.rtcpeerconnection import is_codec_compatible
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.sdp import MediaDescription, SessionDescription

from realtime.outputs.webrtc.seats import TooMany
from realtime.stages.http_server import is_packed
from realtime.transport.texts import one_line

logger = logging.getLogger(__name__)

MOST_OFFER_BYTES = 64 * 1024
MOST_SECTIONS = 4
"""Each may cost sockets. Players ask for a video, some for sound as well."""

MOST_CANDIDATES = 60
"""Each is an address that is sent packets."""

OPERATOR = "Dancecam-Operator"
"""The header by which the control server says that who asks has shown the token."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")
RETRY_AFTER_S = 5
SDP = "application/sdp"
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


class CannotAnswer(ValueError):
    """An offer without an answer; the text is one line for the viewer."""


class NoH264(CannotAnswer):
    """An offer of a browser that has no H.264. Trying again does not help."""

    def __init__(self) -> None:
        super().__init__(
            "this browser offers no H.264, and the picture comes in nothing else: use another one"
        )


class Sessions(Protocol):
    """Who makes the connections."""

    async def join(self, source: str, offer: RTCSessionDescription, *, operator: bool) -> tuple[str, str]:
        """The new session's secret name, and the answer (SDP). Raises CannotAnswer, TooMany."""

    async def leave(self, source: str, session: str) -> bool:
        """False where there is no such session."""


class Whep:
    """The endpoints, as an aiohttp application."""

    def __init__(
        self,
        sessions: Sessions,
        sources: tuple[str, ...],
        for_operators: frozenset[str],
        *,
        stun: Sequence[str],
        token: str | None,
        loopback_only: bool,
        behind_control_server: bool,
    ) -> None:
        """sources: what can be asked for. for_operators: those of them that nobody else can ask for.

        stun: URLs of STUN servers, for viewers. token: what every request must show, None for none.
        loopback_only: no foreign Host is served, so that no web site can rebind its name to us.
        behind_control_server: every request comes from there, so its header OPERATOR is believed.
        """
        self._sessions = sessions
        self._sources = sources
        self._for_operators = for_operators
        self._behind_control_server = behind_control_server
        self._links = {"Link": ", ".join(f'<{url}>; rel="ice-server"' for url in stun)} if stun else {}
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
        try:
            return await handler(request)
        except (web.HTTPException, ConnectionError):
            raise
        except (HttpProcessingError, web.RequestPayloadError, UnicodeError) as error:
            raise web.HTTPBadRequest(text="the request is malformed\n") from error
        except Exception as error:
            logger.warning("webrtc: %s failed: %s", request.method, one_line(error))
            raise web.HTTPInternalServerError(text="this request failed\n") from error

    async def _options(self, _: web.Request) -> web.Response:
        headers = {"Accept-Post": SDP, "Allow": "POST, OPTIONS", **self._links}
        return web.Response(status=204, headers=headers)

    async def _join(self, request: web.Request) -> web.Response:
        if request.content_type != SDP or is_packed(request):
            raise web.HTTPUnsupportedMediaType(
                text=f"send the offer as {SDP}\n", headers={"Accept-Post": SDP}
            )
        if not _accepts_sdp(request.headers):
            raise web.HTTPNotAcceptable(text=f"the answer is {SDP}\n")
        source = request.match_info["source"]
        operator = source in self._for_operators or (
            self._behind_control_server and OPERATOR in request.headers
        )
        body = await request.read()
        try:
            session, answer = await self._sessions.join(source, checked_offer(body), operator=operator)
        except NoH264 as error:
            raise web.HTTPNotAcceptable(text=f"{error}\n") from error
        except CannotAnswer as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from error
        except TooMany as error:
            raise web.HTTPServiceUnavailable(
                text=f"{error}\n", headers={"Retry-After": str(RETRY_AFTER_S)}
            ) from error
        return web.Response(
            status=201,
            text=answer,
            content_type=SDP,
            headers={"Location": f"/whep/{source}/{session}", **self._links},
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


def checked_offer(body: bytes) -> RTCSessionDescription:
    """The offer in a request's body.

    The browser's `.local` candidates and the end of candidates are left out: resolving them needs multicast
    DNS, and the browser reaches us at our own candidates anyway (a peer-reflexive candidate, RFC 8445).
    Raises CannotAnswer if it is not an SDP that asks for video alone or with sound, NoH264 if it takes none.
    """
    try:
        lines = [
            line
            for line in body.decode().splitlines()
            if line != "a=end-of-candidates"
            and not (line.startswith("a=candidate:") and ".local " in line.lower())
        ]
        sdp = "\r\n".join([*lines, ""])
        media = SessionDescription.parse(sdp).media
        videos = [m for m in media if m.kind == "video" and _has_keys(m)]
        takes_h264 = any(_is_ours(codec) for video in videos[:1] for codec in video.rtp.codecs)
    except Exception as error:  # the parser of aiortc raises anything
        raise CannotAnswer("the body is not a session description (SDP)") from error
    if not videos:
        raise CannotAnswer("the offer asks for no video over WebRTC")
    if len(media) > MOST_SECTIONS or any(m.kind not in ("video", "audio") for m in media):
        raise CannotAnswer(
            f"the offer asks for more than a video with sound ({MOST_SECTIONS} sections at most)"
        )
    if not all(map(_has_keys, media)):  # aiortc answers it, and fails later, in a task of its own
        raise CannotAnswer("a section of the offer has no ICE password or no fingerprint")
    if len({m.rtp.muxId for m in media}) < len(media):
        raise CannotAnswer("two sections of the offer have the same mid")
    if sum(len(m.ice_candidates) for m in media) > MOST_CANDIDATES:
        raise CannotAnswer(f"the offer has more than {MOST_CANDIDATES} candidates")
    if not takes_h264:
        raise NoH264
    return RTCSessionDescription(sdp=sdp, type="offer")


def _has_keys(media: MediaDescription) -> bool:
    """Whether a connection can be made with it at all."""
    return bool(media.ice.usernameFragment and media.ice.password and media.dtls and media.dtls.fingerprints)


def _is_ours(theirs: RTCRtpCodecParameters) -> bool:
    """Whether it is H.264 of a kind that we send."""
    return any(
        ours.mimeType == "video/H264" and is_codec_compatible(ours, theirs) for ours in CODECS["video"]
    )
