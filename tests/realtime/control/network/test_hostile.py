"""What the control server makes of wrong tokens, malformed requests and floods of connections."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.control.desk import Desk, Event
from realtime.control.keys import Keymap
from realtime.control.network.auth import WRONG_TOKEN_S
from realtime.control.network.connections import (
    BUSY_S,
    IDLE_S,
    RESERVED,
    STUCK_S,
    ConnectionTable,
    most_connections,
)
from realtime.control.network.server import ControlServer
from realtime.control.network.wrong_tokens import (
    LINE_EVERY_S,
    MOST_ADDRESSES,
    TRIES,
    TRY_EVERY_S,
    WrongTokens,
)
from realtime.transport.orders import Orders
from realtime.transport.telemetry import Totals

TOKEN = "a-token-of-a-test"
RIGHT = {"Authorization": f"Bearer {TOKEN}"}
ELSEWHERE = "127.0.0.9"
"""Through the proxy that the tests play, requests come from other machines."""


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
def server(heard: list[Event]) -> Iterator[ControlServer]:
    desk = Desk(Orders(), Keymap(), {"player": {"Demo": "", "Jones": "Jones"}})
    desk.listen(heard.append)
    with closing(
        ControlServer(
            desk,
            Totals(),
            lambda: None,
            token=TOKEN,
            host="127.0.0.1",
            port=0,
            trusted_proxies=[ELSEWHERE],
        )
    ) as one:
        yield one


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Nothing may be said on the operator's terminal."""
    with caplog.at_level(logging.WARNING):
        yield caplog
    assert not [record.getMessage() for record in caplog.records]


def port_of(server: ControlServer) -> int:
    return int(server.url.rstrip("/").rsplit(":", 1)[1])


def raw(server: ControlServer, data: bytes) -> bytes:
    """What is answered to these bytes, until the server closes or is quiet."""
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=20) as client:
        client.sendall(data)
        answer = b""
        while part := client.recv(65536):
            answer += part
            if b"\r\n\r\n" in answer:
                break
        return answer


def request(body: bytes, *headers: bytes, path: bytes = b"/api/actions/player") -> bytes:
    lines = [
        b"POST " + path + b" HTTP/1.1",
        b"Host: 127.0.0.1",
        f"Authorization: Bearer {TOKEN}".encode(),
        b"Content-Length: %d" % len(body),
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


NESTED = b"[" * 30_000 + b"]" * 30_000


@pytest.mark.parametrize(
    "sent",
    [
        request(b"\xff"),
        request(b'{"name": "\xff"}'),
        request(b'{"name": "Jones"}'.decode().encode("utf-16")[:-1]),
        request(b'{"name": 1}', b"Content-Type: application/json; charset=klingon"),
        request(b'{"name": "\\ud800"}'),
        request(b'{"name": "\\ud800", "confirm": true}'),
        request(NESTED),
        request(b'{"name": ' + NESTED + b"}"),
        request(b'{"seconds": 1' + b"0" * 400 + b"}", path=b"/api/actions/delay"),
        request(b'{"seconds": 1' + b"0" * 9000 + b"}", path=b"/api/actions/delay"),
        request(b'{"seconds": NaN}', path=b"/api/actions/delay"),
        request(b"{}", b"Content-Encoding: gzip"),
        request(b"{}", b"Content-Encoding: br"),
        request(b"{}", path=b"/api/actions/%ff%00%0a"),
        request(b"{}", path=b"/whep/preview/%ff%00%0a"),
        request(b"{}", path=b"//////[::"),
        b"GET /api/state HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /api/state HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: dancecam=\xff\r\n\r\n",
        b"GET /api/state HTTP/1.1\r\nHost: [::\r\n\r\n",
        b"GET /api/state HTTP/1.1\r\nHost: 127.0.0.1:99999999\r\n\r\n",
        b"GET /api/state HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"GET /api/state HTTP/1.1\r\n\r\n",
        b"GET /api/state HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://[::\r\n\r\n",
        b"GET /api/state HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: \xff\r\n\r\n",
        b"GET /console/%00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /console/" + b"a" * 5000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /console/../../auth.py HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        + RIGHT["Authorization"].join(["Authorization: ", "\r\n\r\n"]).encode(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b'POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 20\r\n\r\n{"token": "\\udfff"  }',
    ],
)
def test_a_malformed_request_gets_a_4xx_and_nothing_is_said(
    server: ControlServer, quiet: pytest.LogCaptureFixture, sent: bytes
) -> None:
    assert 400 <= status(raw(server, sent)) < 500


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ).map(lambda data: json.dumps(data).encode()),
    value=st.binary(max_size=60).map(lambda data: data.replace(b"\r", b"").replace(b"\n", b"")),
    name=st.sampled_from(
        [
            b"X",
            b"Host",
            b"Origin",
            b"Cookie",
            b"Authorization",
            b"Content-Type",
            b"Content-Encoding",
            b"Expect",
        ]
    ),
    path=st.sampled_from(
        [b"/api/actions/pick", b"/api/actions/freeze", b"/api/login", b"/whep/programme", b"/"]
    ),
)
def test_whatever_is_sent_gets_an_answer_and_nothing_is_said(
    server: ControlServer,
    quiet: pytest.LogCaptureFixture,
    body: bytes,
    name: bytes,
    value: bytes,
    path: bytes,
) -> None:
    server._guard._wrong_tokens = WrongTokens()
    server._guard._held = 1000  # no answer is held back
    answer = raw(server, request(body, name + b": " + value, path=path))
    assert not answer or status(answer) < 500 or b"the programme is starting" in answer
    assert not quiet.records


def test_malformed_messages_on_the_websocket_are_answered(
    server: ControlServer, quiet: pytest.LogCaptureFixture, heard: list[Event]
) -> None:
    async def work() -> None:
        async with (
            ClientSession() as session,
            session.ws_connect(f"{server.url}api/events", headers=RIGHT) as socket,
        ):
            await socket.receive_json(timeout=10)
            for text in (
                NESTED.decode()[:16_000],
                '{"action": "\\ud800\\u001b[2J"}',
                '{"action": "pick", "arguments": {"\\ud800": 1}}',
                '{"action": "delay", "arguments": {"seconds": 1' + "0" * 400 + "}}",
                '{"action": "player", "arguments": {"name": "\\udfff"}}',
            ):
                await socket.send_str(text)
                while (reply := await socket.receive_json(timeout=10))["type"] != "reply":
                    pass
                assert 400 <= reply["status"] < 500

    asyncio.run(work())
    for event in heard:
        json.dumps(event, ensure_ascii=False).encode()  # as terminal and show log write it
        assert "\x1b" not in str(event)


def test_wrong_tokens_run_dry_and_nobody_else_waits() -> None:
    wrong, now_s = WrongTokens(), 100.0
    for n in range(TRIES):
        assert wrong.may_try("10.0.0.6", now_s)
        wrong.was_wrong("10.0.0.6", f"guess {n}", now_s)
    assert not wrong.may_try("10.0.0.6", now_s)
    assert wrong.may_try("10.0.0.7", now_s)
    assert wrong.may_try("", now_s), "this machine"
    assert not wrong.may_try("10.0.0.6", now_s + TRY_EVERY_S * 0.9)
    assert wrong.may_try("10.0.0.6", now_s + TRY_EVERY_S * 1.1)
    looked_at = 0
    for n in range(10_000):  # 10 guesses a second, for 1000 s
        if wrong.may_try("10.0.0.6", now_s + n / 10):
            looked_at += 1
            wrong.was_wrong("10.0.0.6", f"another guess {n}", now_s + n / 10)
    assert looked_at <= 1000 / TRY_EVERY_S + TRIES


def test_who_has_shown_the_right_token_is_not_held_up_by_a_script_with_an_old_one() -> None:
    wrong = WrongTokens()
    for _ in range(1000):
        assert wrong.may_try("10.0.0.6", 0.0)
        wrong.was_wrong("10.0.0.6", "the token of yesterday", 0.0)
    wrong.was_right("10.0.0.6")
    for n in range(100):
        wrong.was_wrong("10.0.0.6", f"{n}", 0.0)
    assert wrong.may_try("10.0.0.6", 0.0)


def test_many_addresses_together_are_slowed_down_and_the_table_does_not_grow() -> None:
    wrong, looked_at = WrongTokens(), 0
    addresses = [f"2001:db8:0:{n % 300:x}::{n:x}" for n in range(30_000)]  # 300 networks
    for n, address in enumerate(addresses):
        if wrong.may_try(address, n / 1000):
            looked_at += 1
            wrong.was_wrong(address, f"{n}", n / 1000)
    assert looked_at < 300 + 100 + 30 * 6
    for n in range(2 * MOST_ADDRESSES):
        wrong.was_wrong(f"10.{n >> 8}.{n & 255}.1", "x", 0.0)
        wrong.was_right(f"10.{n >> 8}.{n & 255}.2")
    assert len(wrong._wrong) == len(wrong._right) == MOST_ADDRESSES


def test_a_line_of_wrong_tokens_now_and_then() -> None:
    wrong = WrongTokens()
    assert wrong.line(0.0) == "wrong token"
    assert [wrong.line(n / 1000) for n in range(1, 1000)] == [None] * 999
    assert wrong.line(LINE_EVERY_S) == "wrong token; 1000 of them since the last such line"


@pytest.mark.parametrize("way", ["header", "login", "websocket"])
def test_guesses_are_slowed_down_whichever_way_they_come(
    server: ControlServer, heard: list[Event], way: str
) -> None:
    async def guess(session: ClientSession, token: str, address: str) -> int:
        headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": address}
        if way == "header":
            asked = session.get(f"{server.url}api/state", headers=headers)
        elif way == "login":
            asked = session.post(
                f"{server.url}api/login", json={"token": token}, headers={"X-Forwarded-For": address}
            )
        else:
            asked = session.get(f"{server.url}api/events", headers=headers)
        async with asked as answer:
            return answer.status

    async def work() -> tuple[list[int], int, float]:
        proxy = TCPConnector(local_addr=(ELSEWHERE, 0), limit=0)
        async with ClientSession(connector=proxy, timeout=ClientTimeout(60)) as session:
            guesses = asyncio.gather(*(guess(session, f"guess-{n}", "10.0.0.6") for n in range(40)))
            await asyncio.sleep(WRONG_TOKEN_S / 2)  # some are held back now
            began_s = time.monotonic()
            right = await guess(session, TOKEN, "10.0.0.7")
            took_s = time.monotonic() - began_s
            return [await guess(session, TOKEN, "10.0.0.6"), *await guesses], right, took_s

    (right_there, *statuses), right, took_s = asyncio.run(work())
    assert right == (400 if way == "websocket" else 200)  # a GET that is no WebSocket, past the token
    assert took_s < WRONG_TOKEN_S
    assert statuses.count(401) == TRIES
    assert statuses.count(429) == 40 - TRIES
    assert right_there == 429, "a guess that happens to be right is not looked at either"
    lines = [event for event in heard if event.get("action") == "log in"]
    assert len(lines) == 1
    assert lines[0]["who"] == "10.0.0.6"
    assert "guess" not in str(lines) and TOKEN not in str(lines)


def test_one_guesser_gets_few_answers_a_second(server: ControlServer) -> None:
    async def work() -> int:
        answered = 0
        async with ClientSession() as session:
            ends_s = time.monotonic() + 3 * WRONG_TOKEN_S
            while time.monotonic() < ends_s:
                headers = {"Authorization": f"Bearer guess-{answered}"}
                async with session.get(f"{server.url}api/state", headers=headers) as answer:
                    assert answer.status in (401, 429)
                    answered += 1
        return answered

    assert asyncio.run(work()) <= 4


def test_an_address_gives_up_its_own_idle_connection_and_then_gets_no_more() -> None:
    table: ConnectionTable[int] = ConnectionTable(100, 4)
    for n in range(4):
        table.add(n, "10.0.0.6", float(n))
    assert table.make_room("10.0.0.6", 9.0, proxy=False) == (True, 0)
    assert table.make_room("10.0.0.6", 9.0, proxy=True) == (True, None)
    assert table.make_room("10.0.0.7", 9.0, proxy=False) == (True, None)
    for n in range(4):
        table.begin(n, 8.0)
    assert table.make_room("10.0.0.6", 9.0, proxy=False) == (False, None)


def test_when_all_are_taken_who_holds_most_gives_one_up_and_an_operator_none() -> None:
    table: ConnectionTable[str] = ConnectionTable(8, 6)
    table.add("operator", "10.0.0.5", 0.0)
    table.trust("operator")
    table.add("viewer", "10.0.0.7", 1.0)
    for n in range(6):
        table.add(f"flood {n}", "10.0.0.6", 2.0 + n)
    assert table.make_room("10.0.0.8", 9.0, proxy=False) == (True, "flood 0")
    for n in range(6):
        table.begin(f"flood {n}", 9.0)
    assert table.make_room("10.0.0.8", 9.0, proxy=False) == (True, "viewer")
    table.begin("viewer", 9.0)
    assert table.make_room("10.0.0.8", 9.0 + 2 * STUCK_S, proxy=False) == (True, "flood 0"), "it hangs"
    assert table.make_room("10.0.0.8", 9.0, proxy=False) == (False, None)
    for n in range(RESERVED):
        assert table.make_room(f"127.0.0.{n}", 9.0, proxy=False) == (True, None), (
            "this machine always gets in"
        )
        table.add(f"here {n}", f"127.0.0.{n}", 9.0)
        table.begin(f"here {n}", 9.0)
    assert table.make_room("127.0.0.99", 9.0, proxy=False) == (False, None)


def test_idle_and_endless_connections_expire_but_not_an_operators() -> None:
    table: ConnectionTable[str] = ConnectionTable(8, 8)
    for name in ("idle", "busy", "operator", "fresh"):
        table.add(name, "10.0.0.6", 0.0)
    table.begin("busy", 1.0)
    table.trust("operator")
    table.end("fresh", IDLE_S)
    assert table.expired(IDLE_S) == []
    assert table.expired(IDLE_S + 1) == ["idle"]
    table.remove("idle")
    assert table.expired(BUSY_S + 2) == ["busy", "fresh"]


def flood(stack: ExitStack, port: int, n: int) -> list[socket.socket]:
    """Connections that are opened and say nothing."""
    return [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(n)]


def test_1100_idle_connections_take_neither_console_nor_file_handles(
    server: ControlServer, quiet: pytest.LogCaptureFixture
) -> None:
    async def ask() -> int:
        async with (
            ClientSession(timeout=ClientTimeout(20)) as session,
            session.get(f"{server.url}api/state", headers=RIGHT) as answer,
        ):
            return answer.status

    handles = resource.getrlimit(resource.RLIMIT_NOFILE)
    if handles[0] < 2048 <= handles[1] or handles[1] < 0:
        resource.setrlimit(resource.RLIMIT_NOFILE, (2048, handles[1]))  # for our own ends
    try:
        with ExitStack() as stack:
            idle = flood(stack, port_of(server), 1100)
            assert asyncio.run(ask()) == 200
            assert len(server._connections._table) <= most_connections()
            idle[-1].sendall(b"GET /state HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert status(idle[-1].recv(4096)) == 200, "the newest are served"
            assert idle[0].recv(1) == b"", "the oldest was closed"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, handles)


def test_an_operator_gets_in_past_a_flood_from_elsewhere_and_stays(heard: list[Event]) -> None:
    desk = Desk(Orders(), Keymap(), {})
    desk.listen(heard.append)
    server = ControlServer(
        desk, Totals(), lambda: None, token=TOKEN, host="127.0.0.1", port=0, most_connections=8
    )

    async def work(stack: ExitStack) -> None:
        async with (
            ClientSession(timeout=ClientTimeout(20)) as session,
            session.ws_connect(f"{server.url}api/events", headers=RIGHT) as events,
        ):
            assert (await events.receive_json(timeout=10))["type"] == "hello"
            await asyncio.to_thread(flood, stack, port_of(server), 60)
            async with session.post(f"{server.url}api/actions/slate", headers=RIGHT) as answer:
                assert answer.status == 200
            while (event := await events.receive_json(timeout=10))["type"] != "action":
                pass
            assert event["action"] == "slate"

    with closing(server), ExitStack() as stack:
        asyncio.run(work(stack))


def test_a_flood_of_requests_without_their_bodies_does_not_keep_an_operator_out() -> None:
    server = ControlServer(
        Desk(Orders(), Keymap(), {}),
        Totals(),
        lambda: None,
        token=TOKEN,
        host="127.0.0.1",
        port=0,
        most_connections=8,
    )

    async def work() -> int:
        async with (
            ClientSession(connector=TCPConnector(local_addr=(ELSEWHERE, 0))) as session,
            session.get(f"{server.url}api/state", headers=RIGHT) as answer,
        ):
            return answer.status

    with closing(server), ExitStack() as stack:
        for client in flood(stack, port_of(server), 8 + RESERVED):
            with contextlib.suppress(OSError):  # some have been closed already
                client.sendall(request(b"").replace(b"Content-Length: 0", b"Content-Length: 9"))
        time.sleep(STUCK_S + 0.5)
        assert asyncio.run(work()) == 200


def test_without_file_handles_one_line_is_told_and_it_comes_back(
    server: ControlServer, heard: list[Event], capfd: pytest.CaptureFixture[str]
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.socket()) for _ in range(20)]
        highest = max(client.fileno() for client in clients)
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
        try:
            for client in clients:
                client.settimeout(10)
                client.connect(("127.0.0.1", port_of(server)))
            deadline = time.monotonic() + 20
            while not any("file handle" in str(event.get("text")) for event in heard):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            time.sleep(1.2)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        clients[-1].sendall(b"GET /state HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert status(clients[-1].recv(4096)) == 200
    assert len([event for event in heard if event["type"] == "message"]) == 1
    assert capfd.readouterr().err == ""


def test_a_body_that_never_comes_is_given_up(
    server: ControlServer, monkeypatch: pytest.MonkeyPatch, quiet: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("realtime.control.network.auth.BODY_S", 0.2)
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=20) as client:
        client.sendall(request(b"")[:-4].replace(b"Content-Length: 0", b"Content-Length: 9") + b"\r\n\r\n{")
        assert status(client.recv(4096)) == 408


def test_others_are_answered_while_the_desk_does_not_answer() -> None:
    """The supervisor's, which may be stopped, or hang."""

    class Hanging(Desk):
        asked, over = threading.Event(), threading.Event()

        def act(self, *given: object, **named: object) -> Orders:
            self.asked.set()
            assert self.over.wait(30)
            return self.orders

    desk = Hanging(Orders(), Keymap(), {})
    with (
        closing(ControlServer(desk, Totals(), lambda: None, token=TOKEN, host="127.0.0.1", port=0)) as server,
        socket.create_connection(("127.0.0.1", port_of(server)), timeout=20) as client,
    ):
        try:
            client.sendall(request(b"{}", path=b"/api/actions/slate"))
            assert desk.asked.wait(20)
            assert status(raw(server, b"GET /state HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")) == 200
        finally:
            desk.over.set()
        assert status(client.recv(4096)) == 200
