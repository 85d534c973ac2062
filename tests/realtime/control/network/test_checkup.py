"""What was found before the show is looked for beside it, and served to who has the token."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import ClientSession

from realtime.control.desk import Desk
from realtime.control.keys import Keymap
from realtime.control.network.checkup import Checkup
from realtime.control.network.server import ControlServer
from realtime.transport.orders import Orders
from realtime.transport.telemetry import Totals

TOKEN = "a-token-of-a-test"
FOUND = [{"level": "WARN", "check": "disk", "found": "it is nearly full", "advice": "make room"}]


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def answer_of(checkup: Checkup) -> list[dict[str, str]]:
    deadline = time.monotonic() + 120
    while (found := checkup.answer()["findings"]) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return list(found)


def test_findings_come_and_the_show_goes_to_standard_input() -> None:
    program = "import sys, json; assert json.loads(sys.stdin.readline()) == {'a': 1}; print(%r)"
    with closing(Checkup('{"a": 1}', python(program % json.dumps(FOUND)))) as checkup:
        assert answer_of(checkup) == FOUND


def test_it_runs_for_a_show_that_is_started_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    program = "import json, tools.doctor; print(json.dumps(%r))"
    with closing(Checkup("{}", python(program % FOUND))) as checkup:
        assert answer_of(checkup) == FOUND


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import time; time.sleep(600)", "it took longer than 0.5 s"),
        ("raise SystemExit(1)", "it failed (JSONDecodeError)"),
        ("print('{}')", "it failed (ValueError)"),
        ("print('[' * 100000)", "it failed (RecursionError)"),
    ],
)
def test_whatever_becomes_of_it_is_one_line(program: str, words: str) -> None:
    longest_s = 0.5 if "sleep" in program else 100.0
    with closing(Checkup("{}", python(program), longest_s)) as checkup:
        (found,) = answer_of(checkup)
    assert found["level"] == "WARN"
    assert words in found["found"]


def test_a_program_that_is_not_there_is_one_line() -> None:
    with closing(Checkup("{}", ["/none/doctor"])) as checkup:
        assert "it cannot be started (No such file or directory)" in answer_of(checkup)[0]["found"]


def has_ended(process: psutil.Process) -> bool:
    """Also where no init is there to bury it."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_it_ends_with_the_show(tmp_path: Path) -> None:
    """And so does what it has started."""
    note = tmp_path / "pid"
    program = "import subprocess; from pathlib import Path; one = subprocess.Popen(['sleep', '600']); "
    program += f"Path({str(note)!r}).write_text(str(one.pid)); one.wait()"
    checkup = Checkup("{}", python(program))
    deadline = time.monotonic() + 60
    while not note.exists() or not note.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    started = psutil.Process(int(note.read_text(encoding="utf-8")))
    checkup.close()
    assert isinstance(checkup._process.wait(timeout=60), int)
    deadline = time.monotonic() + 60
    while not has_ended(started):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert checkup.answer()["findings"] in (None, [])


@pytest.fixture
def server() -> Iterator[ControlServer]:
    desk = Desk(Orders(), Keymap(), {})
    answer: dict[str, Any] = {"findings": FOUND}
    with closing(
        ControlServer(
            desk, Totals(), lambda: None, token=TOKEN, host="127.0.0.1", port=0, checkup=lambda: answer
        )
    ) as one:
        yield one


def asked(server: ControlServer, headers: dict[str, str]) -> tuple[int, Any]:
    async def ask() -> tuple[int, Any]:
        async with ClientSession() as session, session.get(f"{server.url}api/doctor", headers=headers) as got:
            return got.status, await got.json()

    return asyncio.run(ask())


def test_only_who_has_the_token_is_told(server: ControlServer) -> None:
    assert asked(server, {"Authorization": f"Bearer {TOKEN}"}) == (200, {"findings": FOUND})
    status, body = asked(server, {})
    assert status == 401
    assert "findings" not in body
