"""What docs/security.md promises of the pages and of what may be sent to them."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import pytest
from aiohttp import ClientSession, WSMsgType

from realtime.config.control import Control
from realtime.config.outputs import WebRtc
from realtime.config.surfaces import ArtNet, OscFeedback
from realtime.control.network.server import CONSOLE, MOST_BODY_BYTES
from realtime.control.network.websocket import LONGEST_MESSAGE
from tests.realtime.control.network.place import BEARER, TOKEN, Place

POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self'",
    "connect-src": "'self'", "media-src": "'self'", "base-uri": "'none'", "form-action": "'none'",
    "frame-ancestors": "'none'",
}  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "console", {"X": ""}, 200),
        ("GET", "console/operator.js", {"X": ""}, 200),
        ("GET", "api/state", BEARER, 200),
        ("GET", "api/state", {"X": ""}, 401),
        ("GET", "api/none", BEARER, 404),
        ("GET", "console/none.js", {"X": ""}, 404),
        ("POST", "api/actions/slate", {**BEARER, "Origin": "https://evil.example"}, 403),
        ("POST", "whep/programme", {"X": ""}, 503),
    ],
)
def test_every_answer_has_the_policy(
    place: Place, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    found, _, answered = place.ask(method, path, headers=headers)
    assert found == status
    policy = dict(part.strip().split(" ", 1) for part in answered["Content-Security-Policy"].split(";"))
    assert policy == POLICY
    assert answered["X-Content-Type-Options"] == "nosniff"
    assert answered["Referrer-Policy"] == "no-referrer"
    assert answered["Cache-Control"] == "no-store"


class Page(HTMLParser):
    """What a page would load, and what in it the policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loads += [str(given[name]) for name in ("src", "href") if name in given]
        self.inline += [f"{tag} {name}" for name in given if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)


@pytest.mark.parametrize("name", ["operator.html", "viewer.html"])
def test_a_page_is_of_this_server_alone(name: str) -> None:
    page = Page()
    page.feed((CONSOLE / name).read_text(encoding="utf-8"))
    assert page.loads
    assert not [target for target in page.loads if "//" in target or ":" in target]
    assert page.inline == []


def test_no_script_writes_html_or_runs_text() -> None:
    for path in CONSOLE.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text
        )


@pytest.mark.parametrize("path", ["api/login", "api/actions/slate", "whep/programme", "whep/preview"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(place: Place, path: str, chunked: bool) -> None:
    """Also where its length is not said beforehand."""
    place.whep = "/none"

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(MOST_BODY_BYTES // 1024 + 2):
            yield b" " * 1024

    async def post(session: ClientSession) -> int:
        body = pieces() if chunked else b" " * (MOST_BODY_BYTES + 1)
        async with session.post(f"{place.server.url}{path}", headers=BEARER, data=body) as answer:
            return answer.status

    assert place.run(post) == 413


def test_a_message_that_is_too_long_ends_the_websocket(place: Place) -> None:
    async def work(session: ClientSession) -> int | None:
        async with session.ws_connect(f"{place.server.url}api/events", headers=BEARER) as events:
            await events.receive_json(timeout=60)
            await events.send_str('{"action": "slate", "pad": "' + "a" * LONGEST_MESSAGE + '"}')
            while (message := await events.receive(timeout=60)).type is WSMsgType.TEXT:
                pass
            return message.data if message.type is WSMsgType.CLOSE else events.close_code

    assert place.run(work) == 1009
    assert not place.desk.orders.slate


def test_the_cookie_is_for_this_page_alone(place: Place) -> None:
    login = place.ask("POST", "api/login", headers={"X": ""}, body=f'{{"token": "{TOKEN}"}}')[2]
    cookie = {part.strip().lower() for part in login["Set-Cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= cookie
    assert TOKEN not in login["Set-Cookie"]


def test_by_default_nothing_is_heard_beyond_this_machine(place: Place) -> None:
    assert (WebRtc().host, Control().osc_host, Control().osc_port) == ("127.0.0.1", "127.0.0.1", 0)
    assert not Control().has_surfaces
    assert (ArtNet().host, ArtNet().senders) == ("127.0.0.1", ("127.0.0.1/32",))
    assert OscFeedback(port=9001).host == "127.0.0.1"
    port = int(place.server.url.rsplit(":", 1)[1].strip("/"))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=5)


def test_a_page_of_another_site_is_refused_the_events_even_with_the_cookie(place: Place) -> None:
    login = place.ask("POST", "api/login", headers={"X": ""}, body=f'{{"token": "{TOKEN}"}}')[2]
    cookie = {"Cookie": login["Set-Cookie"].split(";")[0]}
    assert place.ask("GET", "api/state", headers=cookie)[0] == 200
    for path in ("api/state", "api/events", "api/doctor"):
        status = place.ask("GET", path, headers={**cookie, "Origin": "https://evil.example"})[0]
        assert status == 403
