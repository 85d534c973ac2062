"""What the control server makes of floods of connections."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time
from contextlib import ExitStack, closing

import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from realtime.control.desk import Desk, Event
from realtime.control.keys import Keymap
from realtime.control.network.connections import (
    BUSY_S,
    IDLE_S,
    RESERVED,
    STUCK_S,
    ConnectionTable,
    most_connections,
)
from realtime.control.network.server import ControlServer
from realtime.transport.orders import Orders
from realtime.transport.telemetry import Totals
from tests.realtime.control.network.hostile import ELSEWHERE, RIGHT, TOKEN, flood, port_of, request, status


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


def test_1100_idle_connections_take_neither_console_nor_file_handles(
    server: ControlServer, quiet: pytest.LogCaptureFixture
) -> None:
    async def ask() -> int:
        async with (
            ClientSession(timeout=ClientTimeout(60)) as session,
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
            ClientSession(timeout=ClientTimeout(60)) as session,
            session.ws_connect(f"{server.url}api/events", headers=RIGHT) as events,
        ):
            assert (await events.receive_json(timeout=60))["type"] == "hello"
            await asyncio.to_thread(flood, stack, port_of(server), 60)
            async with session.post(f"{server.url}api/actions/slate", headers=RIGHT) as answer:
                assert answer.status == 200
            while (event := await events.receive_json(timeout=60))["type"] != "action":
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
                client.settimeout(60)
                client.connect(("127.0.0.1", port_of(server)))
            deadline = time.monotonic() + 60
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
