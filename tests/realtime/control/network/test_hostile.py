"""What the control server makes of malformed requests and messages."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import closing

import pytest
from aiohttp import ClientSession
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.control.desk import Desk, Event
from realtime.control.keys import Keymap
from realtime.control.network.server import ControlServer
from realtime.control.network.wrong_tokens import (
    WrongTokens,
)
from realtime.transport.orders import Orders
from realtime.transport.telemetry import Totals
from tests.realtime.control.network.hostile import RIGHT, TOKEN, port_of, raw, request, status

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
            await socket.receive_json(timeout=60)
            for text in (
                NESTED.decode()[:16_000],
                '{"action": "\\ud800\\u001b[2J"}',
                '{"action": "pick", "arguments": {"\\ud800": 1}}',
                '{"action": "delay", "arguments": {"seconds": 1' + "0" * 400 + "}}",
                '{"action": "player", "arguments": {"name": "\\udfff"}}',
            ):
                await socket.send_str(text)
                while (reply := await socket.receive_json(timeout=60))["type"] != "reply":
                    pass
                assert 400 <= reply["status"] < 500

    asyncio.run(work())
    for event in heard:
        json.dumps(event, ensure_ascii=False).encode()  # as terminal and show log write it
        assert "\x1b" not in str(event)


def test_a_body_that_never_comes_is_given_up(
    server: ControlServer, monkeypatch: pytest.MonkeyPatch, quiet: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("realtime.control.network.auth.BODY_S", 0.2)
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=60) as client:
        client.sendall(request(b"")[:-4].replace(b"Content-Length: 0", b"Content-Length: 9") + b"\r\n\r\n{")
        assert status(client.recv(4096)) == 408


def test_others_are_answered_while_the_desk_does_not_answer() -> None:
    """The supervisor's, which may be stopped, or hang."""

    class Hanging(Desk):
        asked, over = threading.Event(), threading.Event()

        def act(self, *given: object, **named: object) -> Orders:
            self.asked.set()
            assert self.over.wait(200)
            return self.orders

    desk = Hanging(Orders(), Keymap(), {})
    with (
        closing(ControlServer(desk, Totals(), lambda: None, token=TOKEN, host="127.0.0.1", port=0)) as server,
        socket.create_connection(("127.0.0.1", port_of(server)), timeout=60) as client,
    ):
        try:
            client.sendall(request(b"{}", path=b"/api/actions/slate"))
            assert desk.asked.wait(60)
            assert status(raw(server, b"GET /state HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")) == 200
        finally:
            desk.over.set()
        assert status(client.recv(4096)) == 200
