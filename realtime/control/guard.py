"""Who may come in: the token, the cookie that stands for it in a browser, and requests from foreign pages."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import json
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

from aiohttp import web
from yarl import URL

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HandlerMethod = TypeVar("HandlerMethod", bound=Callable[..., Awaitable[web.StreamResponse]])

COOKIE = "dancecam"
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
WRONG_TOKEN_S = 0.5
"""How long the answer to a wrong token takes."""


def refuse(status: int, text: str) -> NoReturn:
    """Ends a request with one line for people, as {"error": ...}."""
    error = web.HTTPException(text=json.dumps({"error": text}), content_type="application/json")
    error.set_status(status)
    raise error


class Guard:
    """The token, and who has shown it.

    A browser gives the token once and then sends a cookie that is derived from it, so it stays logged in over
    a restart of the show as long as the show file's token is the same.
    """

    def __init__(self, token: str, host: str) -> None:
        """host: the address that is served. On loopback, requests for other hosts are refused."""
        self._token = token.encode()
        self._cookie = hmac.new(self._token, b"dancecam console", hashlib.sha256).hexdigest()
        self._only_loopback = host in LOOPBACK_NAMES

    async def log_in(self, token: object) -> web.Response:
        """The answer to a login with this token, with the cookie. Refuses a wrong one with 401, slowly."""
        if not isinstance(token, str) or not hmac.compare_digest(token.encode(), self._token):
            await asyncio.sleep(WRONG_TOKEN_S)
            refuse(401, "this is not the show's token; it is in the show file, or printed at the start")
        answer = web.json_response({"result": "logged in"})
        answer.set_cookie(COOKIE, self._cookie, httponly=True, samesite="Strict", path="/")
        return answer

    def who(self, request: web.Request) -> str | None:
        """Who asks, for the show log, or None for somebody without token and cookie."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._token):
            return f"api {request.remote}"
        if hmac.compare_digest(request.cookies.get(COOKIE, "").encode(), self._cookie.encode()):
            return f"console {request.remote}"
        return None

    def require(self, request: web.Request) -> str:
        """Who asks; refuses with 401 who has not shown the token."""
        who = self.who(request)
        if who is None:
            refuse(401, "log in at /console, or send the header Authorization: Bearer TOKEN")
        return who

    def is_foreign(self, request: web.Request) -> bool:
        """Whether a page of another site asks."""
        origin = request.headers.get("Origin")
        return origin is not None and not _same_host(origin, request.host)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuses requests that a foreign page makes with an operator's browser, and tells errors as JSON."""
        if self._only_loopback and request.url.host not in LOOPBACK_NAMES:
            refuse(403, "the show is served on this machine only, as 127.0.0.1")
        if self.is_foreign(request) and not for_foreign_pages(request):
            refuse(403, f"requests from pages of {request.headers['Origin']} are refused")
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400 or error.content_type == "application/json":
                raise
            refuse(error.status, f"{request.method} {request.path}: {error.reason}")
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            refuse(500, f"{request.method} {request.path} failed; the terminal has the reason")


def open_to_foreign_pages(handler: HandlerMethod) -> HandlerMethod:
    """Marks a handler that pages of any other site may ask; it must not believe the cookie then."""
    handler.open_to_foreign_pages = True  # type: ignore[attr-defined]  # a function takes attributes
    return handler


def for_foreign_pages(request: web.Request) -> bool:
    """Whether its handler is marked so."""
    return getattr(request.match_info.handler, "open_to_foreign_pages", False)


def is_loopback(request: web.Request) -> bool:
    """Whether it comes from this machine."""
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


def _same_host(origin: str, host: str) -> bool:
    try:
        return URL(origin).authority == host
    except ValueError:
        return False
