"""What the control server makes of wrong tokens."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from realtime.control.desk import Event
from realtime.control.network.auth import WRONG_TOKEN_S
from realtime.control.network.server import ControlServer
from realtime.control.network.wrong_tokens import (
    LINE_EVERY_S,
    MOST_ADDRESSES,
    TRIES,
    TRY_EVERY_S,
    WrongTokens,
)
from tests.realtime.control.network.hostile import ELSEWHERE, TOKEN


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


@pytest.mark.usefixtures("still_clock")
@pytest.mark.parametrize("way", ["header", "login", "websocket"])
def test_guesses_are_slowed_down_whichever_way_they_come(
    server: ControlServer, heard: list[Event], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    waits: list[float] = []
    over = threading.Event()

    async def hold_back(seconds: float) -> None:
        """Until the right token has had its answer, in place of some seconds."""
        waits.append(seconds)
        while not over.is_set():
            await asyncio.sleep(0.01)

    slow = SimpleNamespace(sleep=hold_back, timeout=asyncio.timeout, CancelledError=asyncio.CancelledError)
    monkeypatch.setattr("realtime.control.network.auth.asyncio", slow)

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

    async def work() -> tuple[list[int], int]:
        proxy = TCPConnector(local_addr=(ELSEWHERE, 0), limit=0)
        async with ClientSession(connector=proxy, timeout=ClientTimeout(60)) as session:
            guesses = asyncio.gather(*(guess(session, f"guess-{n}", "10.0.0.6") for n in range(40)))
            try:
                async with asyncio.timeout(60):
                    while not waits:
                        await asyncio.sleep(0.01)
                right = await guess(session, TOKEN, "10.0.0.7")  # has no answer if it is held back too
            finally:
                over.set()
            return [await guess(session, TOKEN, "10.0.0.6"), *await guesses], right

    (right_there, *statuses), right = asyncio.run(work())
    assert right == (400 if way == "websocket" else 200)  # a GET that is no WebSocket, past the token
    assert waits == [WRONG_TOKEN_S] * 41, "each guess is held back, and nothing else"
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
