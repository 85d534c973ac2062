"""The control server behind a reverse proxy, as nginx and Caddy are set up in docs/operator.md."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, WSMsgType, web
from aiohttp.test_utils import make_mocked_request

from realtime.config.hosts import parsed
from realtime.config.show import ShowError, load_show
from realtime.control.desk import Desk, Event
from realtime.control.keys import Keymap
from realtime.control.network.addresses import Addresses
from realtime.control.network.server import ControlServer, cookie_name
from realtime.transport.orders import Orders
from realtime.transport.telemetry import Totals

TOKEN = "a-token-of-a-test"
PUBLIC = "https://dance.example.org"
VIEWER = "203.0.113.7"


class Proxy:
    """Plays nginx: TLS has ended here, and the browser's address is in X-Forwarded-For.

    passes_host: as `proxy_set_header Host $host` (and as Caddy does); without it nginx writes the address
    that it asks. names_client: whether it sends X-Forwarded-For.
    """

    def __init__(self, target: str, *, passes_host: bool, names_client: bool = True) -> None:
        self._target = target
        self._passes_host = passes_host
        self._names_client = names_client
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result()

    async def _serve(self) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._hand_on)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def _headers(self, request: web.Request) -> dict[str, str]:
        kept = ("Origin", "Cookie", "Authorization", "Content-Type")
        headers = {name: request.headers[name] for name in kept if name in request.headers}
        if self._passes_host:
            headers["Host"] = request.headers["Host"]
        if self._names_client:
            before = request.headers.get("X-Forwarded-For")
            headers["X-Forwarded-For"] = VIEWER if before is None else f"{before}, {VIEWER}"
        return headers

    async def _hand_on(self, request: web.Request) -> web.StreamResponse:
        url, headers = self._target.rstrip("/") + request.path, self._headers(request)
        async with ClientSession() as session:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                here = web.WebSocketResponse()
                async with session.ws_connect(url, headers=headers) as there:
                    await here.prepare(request)
                    await here.send_str((await there.receive()).data)
                    await here.close()
                return here
            async with session.request(
                request.method, url, headers=headers, data=await request.read()
            ) as answer:
                kept = {n: answer.headers[n] for n in ("Content-Type", "Set-Cookie") if n in answer.headers}
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Behind:
    """A server behind a proxy, and a browser that knows the public address alone."""

    def __init__(
        self, *, passes_host: bool, names_client: bool = True, trusted: tuple[str, ...] = ("127.0.0.1",)
    ) -> None:
        self.events: list[Event] = []
        desk = Desk(Orders(), Keymap(), {})
        desk.listen(self.events.append)
        self.server = ControlServer(
            desk,
            Totals(),
            lambda: None,
            token=TOKEN,
            host="127.0.0.1",
            port=0,
            public_url=PUBLIC,
            trusted_proxies=trusted,
        )
        self.proxy = Proxy(self.server.url, passes_host=passes_host, names_client=names_client)

    def close(self) -> None:
        self.proxy.close()
        self.server.close()

    def run(self, work: Callable[[ClientSession], Awaitable[Any]]) -> Any:
        async def session() -> Any:
            async with ClientSession() as one:
                return await work(one)

        return asyncio.run(session())

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: str | None = None
    ) -> tuple[int, str, str]:
        """(status, text, Set-Cookie)."""

        async def asked(session: ClientSession) -> tuple[int, str, str]:
            sent = {"Host": "dance.example.org", **(headers or {})}
            async with session.request(method, self.proxy.url + path, headers=sent, data=body) as answer:
                return answer.status, await answer.text(), answer.headers.get("Set-Cookie", "")

        return self.run(asked)


@pytest.fixture(params=[True, False], ids=["passes Host", "rewrites Host"])
def behind(request: pytest.FixtureRequest) -> Iterator[Behind]:
    with closing(Behind(passes_host=request.param)) as one:
        yield one


def test_a_browser_logs_in_and_acts_through_a_proxy(behind: Behind) -> None:
    ours = {"Origin": PUBLIC}
    assert behind.ask("GET", "/console")[0] == 200
    status, _, cookie = behind.ask("POST", "/api/login", ours, json.dumps({"token": TOKEN}))
    assert status == 200
    assert "Secure" in cookie and "HttpOnly" in cookie and "SameSite=Strict" in cookie
    logged_in = {**ours, "Cookie": cookie.split(";")[0]}
    assert behind.ask("POST", "/api/actions/mirror", logged_in)[0] == 200
    assert behind.events[0]["who"] == f"console {VIEWER}"

    async def events(session: ClientSession) -> str:
        headers = {"Host": "dance.example.org", **logged_in}
        async with session.ws_connect(f"{behind.proxy.url}/api/events", headers=headers) as socket:
            message = await socket.receive(timeout=60)
            assert message.type is WSMsgType.TEXT
            return json.loads(message.data)["type"]

    assert behind.run(events) == "hello"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://dance.example.org", "https://dance.example.org:8443", "null"]
)
def test_foreign_pages_are_refused_through_a_proxy_too(behind: Behind, origin: str) -> None:
    headers = {"Origin": origin, "Authorization": f"Bearer {TOKEN}"}
    assert behind.ask("POST", "/api/actions/slate", headers)[0] == 403


def test_metrics_through_a_proxy_need_the_token(behind: Behind) -> None:
    assert behind.ask("GET", "/metrics")[0] == 401
    assert behind.ask("GET", "/metrics", {"X-Forwarded-For": "127.0.0.1"})[0] == 401
    assert behind.ask("GET", "/metrics", {"Authorization": f"Bearer {TOKEN}"})[0] == 200


def test_metrics_need_the_token_where_a_proxy_names_nobody() -> None:
    with closing(Behind(passes_host=False, names_client=False, trusted=())) as behind:
        assert behind.ask("GET", "/metrics")[0] == 401


@pytest.mark.usefixtures("still_clock")
def test_guesses_through_a_proxy_are_counted_by_who_sends_them(behind: Behind) -> None:
    statuses = [behind.ask("GET", "/api/state", {"Authorization": f"Bearer guess-{n}"})[0] for n in range(7)]
    assert 429 in statuses
    lines = [event for event in behind.events if event.get("action") == "log in"]
    assert lines[0]["who"] == VIEWER


def test_what_a_browser_claims_of_its_address_is_not_believed(behind: Behind) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "198.51.100.1"}
    assert behind.ask("POST", "/api/actions/mirror", headers)[0] == 200
    assert behind.events[0]["who"] == f"api {VIEWER}"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.9", "203.0.113.7", "10.0.0.9"),
        ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.7, 10.1.0.5", "203.0.113.7"),
        ("127.0.0.1", "198.51.100.1, unknown, 10.1.0.5", "10.1.0.5"),
        ("127.0.0.1", "203.0.113.7:51000", "203.0.113.7"),
        ("127.0.0.1", "[2001:db8::7]:51000", "2001:db8::7"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("::ffff:127.0.0.1", "203.0.113.7", "203.0.113.7"),
    ],
)
def test_the_client_is_the_last_address_that_no_proxy_of_ours_has(
    peer: str, forwarded: str, client: str
) -> None:
    addresses = Addresses("127.0.0.1", PUBLIC, ["127.0.0.1", "10.1.0.0/16"])
    request = make_mocked_request("GET", "/", {"X-Forwarded-For": forwarded}).clone(remote=peer)
    assert addresses.client(request) == client


def test_only_a_bare_request_from_here_is_of_this_machine() -> None:
    def here(addresses: Addresses, peer: str = "127.0.0.1", **headers: str) -> bool:
        sent = {"Host": "127.0.0.1:8080", **{name.replace("_", "-"): text for name, text in headers.items()}}
        return addresses.is_this_machine(make_mocked_request("GET", "/metrics", sent).clone(remote=peer))

    plain = Addresses("0.0.0.0")  # noqa: S104  # not opened
    assert here(plain)
    assert not here(plain, peer="10.0.0.5")
    assert not here(plain, Host="dance.example.org")
    for header in ("X_Forwarded_For", "Forwarded", "X_Real_IP", "Via"):
        assert not here(plain, **{header: "127.0.0.1"})
    assert not here(Addresses("127.0.0.1", PUBLIC))


def test_a_page_past_the_proxy_gets_a_cookie_that_its_browser_keeps() -> None:
    addresses = Addresses("127.0.0.1", PUBLIC, ["127.0.0.1"])
    local = {"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:8080"}
    assert not addresses.wants_secure_cookie(make_mocked_request("POST", "/api/login", local))
    assert addresses.wants_secure_cookie(make_mocked_request("POST", "/api/login", {"Host": "127.0.0.1"}))
    assert not Addresses("127.0.0.1").wants_secure_cookie(make_mocked_request("POST", "/api/login", local))


def test_two_shows_on_one_host_have_two_cookies() -> None:
    names = {cookie_name(8080, None), cookie_name(8081, None), cookie_name(8080, PUBLIC)}
    assert len(names) == 3
    assert cookie_name(8080, None) in names, "and the same after a restart"


def test_what_is_no_address_is_none() -> None:
    assert parsed("unknown") is None
    assert parsed("") is None
    assert parsed("1.2.3.4.5:80") is None


def test_a_show_file_names_the_proxy(tmp_path: Path) -> None:
    path = tmp_path / "show.toml"
    path.write_text(
        "[webrtc]\npublic_url = 'https://Dance.example.org/'\ntrusted_proxies = ['127.0.0.1', '10.0.0.7/24']",
        encoding="utf-8",
    )
    show = load_show(path)
    assert show.webrtc.public_url == PUBLIC
    assert show.webrtc.trusted_proxies == ("127.0.0.1/32", "10.0.0.0/24")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("public_url = 'dance.example.org'", "webrtc.public_url"),
        ("public_url = 'https://dance.example.org/show'", "without a path"),
        ("public_url = 'https://me:pw@dance.example.org'", "webrtc.public_url"),
        ("public_url = 'https://dance.example.org:99999'", "webrtc.public_url"),
        ("public_url = 'ftp://dance.example.org'", "webrtc.public_url"),
        ("public_url = 'https://[::'", "webrtc.public_url"),
        ("trusted_proxies = ['nginx']", "10.0.0.0/24"),
        ("trusted_proxies = '127.0.0.1'", "webrtc.trusted_proxies"),
    ],
)
def test_a_mistake_in_them_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "show.toml"
    path.write_text(f"[webrtc]\n{text}", encoding="utf-8")
    with pytest.raises(ShowError) as caught:
        load_show(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
