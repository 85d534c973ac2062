"""Who may come in: the token, the cookie that stands for it in a browser, and requests from foreign pages."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from realtime.control.network.addresses import Addresses
from realtime.control.network.connections import MOST_PER_ADDRESS
from realtime.control.network.wrong_tokens import TRY_EVERY_S, WrongTokens
from realtime.stages.http_server import is_packed

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HandlerMethod = TypeVar("HandlerMethod", bound=Callable[..., Awaitable[web.StreamResponse]])

WRONG_TOKEN_S = 0.5
"""How long the answer to a wrong token takes."""

MOST_HELD = MOST_PER_ADDRESS
"""So many answers are held back at once, and none pile up beyond that: as many as one address can ask for, so
that no number of connections makes it quicker."""

LONGEST_PATH = 1000

BODY_S = 10.0
"""How long a request's body may take to come."""

NOT_THE_TOKEN = "this is not the show's token; it is in the show file, or printed at the start"  # noqa: S105  # a text
TOO_MANY = "too many wrong tokens came from this address; wait a few seconds"
LOG_IN = "log in at /console, or send the header Authorization: Bearer TOKEN"


def refuse(status: int, text: str, headers: dict[str, str] | None = None) -> NoReturn:
    """Ends a request with one line for people, as {"error": ...}."""
    error = web.HTTPException(
        text=json.dumps({"error": text}), content_type="application/json", headers=headers
    )
    error.set_status(status)
    raise error


class WrongToken(Exception):  # no error of ours: the answer to a request
    """A token that is not the show's, or that was not looked at because of those before."""

    def __init__(self, *, looked_at: bool) -> None:
        super().__init__(NOT_THE_TOKEN if looked_at else TOO_MANY)
        self.looked_at = looked_at


class Guard:
    """The token, and who has shown it.

    A browser gives the token once and then sends a cookie that is derived from it, so it stays logged in over
    a restart of the show as long as the show file's token is the same.
    """

    def __init__(
        self,
        token: str,
        addresses: Addresses,
        *,
        cookie: str = "dancecam",
        tell: Callable[[str, str], None] = lambda who, text: None,
        trust: Callable[[web.Request], None] = lambda request: None,
    ) -> None:
        """cookie: its name, which no other show on this host may have. tell: hears of wrong tokens: from
        which address, and a line. trust: hears of each request that has shown the token."""
        self._token = token.encode()
        self._cookie_name = cookie
        self._cookie = hmac.new(self._token, b"dancecam console", hashlib.sha256).hexdigest().encode()
        self._addresses = addresses
        self._wrong_tokens = WrongTokens()
        self._held = 0
        self._tell = tell
        self._trust = trust

    def log_in(self, request: web.Request, token: object) -> web.Response:
        """The answer to a login with this token, with the cookie. Raises WrongToken."""
        self._check(request, token if isinstance(token, str) else "")
        answer = web.json_response({"result": "logged in"})
        secure = self._addresses.wants_secure_cookie(request)
        answer.set_cookie(
            self._cookie_name,
            self._cookie.decode(),
            httponly=True,
            samesite="Strict",
            path="/",
            secure=secure,
        )
        return answer

    def who(self, request: web.Request) -> str | None:
        """Who asks, for the show log, or None for somebody without token and cookie, or with a wrong one."""
        try:
            return self._who(request)
        except WrongToken:
            return None

    def _who(self, request: web.Request) -> str | None:
        """Raises WrongToken."""
        if _is_same(request.cookies.get(self._cookie_name, ""), self._cookie):
            return f"console {self._addresses.client(request)}"
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        self._check(request, token.strip())
        return f"api {self._addresses.client(request)}"

    def require(self, request: web.Request) -> str:
        """Who asks; refuses with 401 who has not shown the token. Raises WrongToken."""
        who = self._who(request)
        if who is None:
            refuse(401, LOG_IN)
        self._trust(request)
        return who

    def is_foreign(self, request: web.Request) -> bool:
        """Whether a page of another site asks."""
        return self._addresses.is_foreign(request)

    def _check(self, request: web.Request, token: str) -> None:
        """Raises WrongToken."""
        here = self._addresses.is_this_machine(request)
        address = "" if here else self._addresses.client(request)
        now_s = time.monotonic()
        if not self._wrong_tokens.may_try(address, now_s):
            raise WrongToken(looked_at=False)
        if not _is_same(token, self._token):
            self._wrong_tokens.was_wrong(address, token, now_s)
            raise WrongToken(looked_at=True)
        if not here and self._addresses.is_direct(request):
            self._wrong_tokens.was_right(address)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuses requests that a foreign page makes with an operator's browser, slows wrong tokens down, and
        tells errors as JSON."""
        if len(request.path) > LONGEST_PATH:
            refuse(414, "the path is too long")
        try:
            is_served = self._addresses.serves(request)
        except ValueError:
            refuse(400, "the Host header is no address")
        if not is_served:
            refuse(403, "the show is served on this machine only, as 127.0.0.1; see public_url for a proxy")
        if self.is_foreign(request) and not for_foreign_pages(request):
            refuse(403, f"requests from pages of {request.headers['Origin']!a} are refused")
        if is_packed(request):
            refuse(415, "send the body as it is, without Content-Encoding")
        try:
            if request.can_read_body:
                await _read(request)
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400 or error.content_type == "application/json":
                raise
            refuse(error.status, f"{request.method} {request.path}: {error.reason}")
        except WrongToken as wrong:
            await self._refuse_token(request, wrong)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            what = f"{request.method} {request.path!a} failed"  # one line for the operator's terminal
            log.error("%s: %s: %a", what, type(error).__name__, str(error))
            log.debug("%s", what, exc_info=True)
            refuse(500, f"{what}; the terminal has the reason")

    async def _refuse_token(self, request: web.Request, wrong: WrongToken) -> NoReturn:
        """Late, and with a line to the operators now and then; never a word of the token."""
        line = self._wrong_tokens.line(time.monotonic())
        if line is not None:
            self._tell(self._addresses.client(request), line)
        if self._held < MOST_HELD:
            self._held += 1
            try:
                await asyncio.sleep(WRONG_TOKEN_S)
            finally:
                self._held -= 1
        if wrong.looked_at:
            refuse(401, f"{wrong}. {LOG_IN}")
        refuse(429, str(wrong), {"Retry-After": str(int(TRY_EVERY_S))})


def open_to_foreign_pages(handler: HandlerMethod) -> HandlerMethod:
    """Marks a handler that pages of any other site may ask; it must not believe the cookie then."""
    handler.open_to_foreign_pages = True  # type: ignore[attr-defined]  # a function takes attributes
    return handler


def for_foreign_pages(request: web.Request) -> bool:
    """Whether its handler is marked so."""
    return getattr(request.match_info.handler, "open_to_foreign_pages", False)


async def _read(request: web.Request) -> None:
    """Reads the body, which is kept for the handler. Refuses one that is slow or malformed."""
    try:
        async with asyncio.timeout(BODY_S):
            await request.read()
    except TimeoutError:
        refuse(408, "the request's body did not come in time")
    except (HttpProcessingError, web.RequestPayloadError, UnicodeError) as error:
        refuse(400, f"the request's body is malformed: {type(error).__name__}")


def _is_same(given: str, right: bytes) -> bool:
    """In a time that says nothing about where they differ. given: anything that a header or JSON can hold."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right)
