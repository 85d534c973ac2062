"""Malformed requests and guessers against a show, and what is looked at afterwards."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from select import select
from typing import Any

import pytest

from realtime.control.desk import Desk
from realtime.control.keys import Keymap
from realtime.control.network.server import ControlServer
from realtime.transport.orders import Orders
from realtime.transport.telemetry import Totals
from tests.tools.reliability.test_soak import CLIP, FAKE
from tools.reliability import attacks, untouched
from tools.reliability import trial as trials
from tools.reliability.faults import FAULTS
from tools.reliability.trial import Outcome, trial
from tools.reliability.trial_show import running
from tools.reliability.trial_show.running import Harm, NoShow, RunningShow
from tools.reliability.trial_show.show import ROOT, SAID

COUNT = 400


def test_a_show_withstands_malformed_requests_and_many_guessers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a busy machine does is not judged: a process that was too slow is started again."""
    monkeypatch.setattr(trials, "RECOVER_S", 300.0)
    monkeypatch.setattr(running, "ANSWER_S", 30.0)
    malformed = replace(FAULTS["malformed-requests"], inject=attacks.malformed(COUNT))
    with trial(ROOT / CLIP, 1, FAKE) as show:
        assert show.show.folder is not None
        for fault in (malformed, FAULTS["wrong-token-clients"]):
            outcome = show.hurt_by(fault)
            assert outcome.recovered_s is not None
            assert [line for line in outcome.harm if "started again" not in line] == []
        said = (show.show.folder / SAID).read_text(encoding="utf-8")
    assert "is not understood" in said, "messages have arrived"
    assert "log in: wrong token" in said
    assert set(re.findall(r"was lost \((.*?)\)", said)) <= {"it hung and was stopped"}


def guessed(url: str) -> dict[str, Any]:
    """What eight clients have met, each at least twice."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.reliability.guessing", url, "8"], cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert select([process.stdout], [], [], 120)[0], "they do not begin"
        assert process.stdout.readline() == b"8 clients have begun\n"
        assert process.poll() is None
        process.terminate()
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    told: dict[str, Any] = json.loads(out)
    return told


def test_guesses_are_refused_whichever_way_they_come() -> None:
    desk = Desk(Orders(), Keymap(), {})
    with closing(
        ControlServer(desk, Totals(), lambda: None, token="right", host="127.0.0.1", port=0)
    ) as server:
        told = guessed(server.url.rstrip("/"))
    assert sum(told["answers"].values()) > 8
    assert told["failed"] == []
    assert not desk.orders.slate


class Open(BaseHTTPRequestHandler):
    """Lets everybody in."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_guess_that_is_let_in_is_told() -> None:
    with HTTPServer(("127.0.0.1", 0), Open) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        told = guessed(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert "200" in told["failed"]


def test_malformed_requests_need_the_token() -> None:
    with pytest.raises(NoShow, match="--token"), FAULTS["malformed-requests"].inject(RunningShow(1)):
        pass


def test_an_answer_of_500_is_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"sent": 9, "seconds": 1.0, "answers": {"JSON": {"400": 7, "500": 2}}, "failed": [3, 5]}
    monkeypatch.setattr(attacks, "_begun", lambda *_: None)
    monkeypatch.setattr(attacks, "_told", lambda *_: told)
    with pytest.raises(Harm, match="2 of seed 1 were answered with 500: 3, 5"):  # noqa: SIM117
        with attacks.malformed(9)(RunningShow(1, "token")):
            pass
    fault = FAULTS["malformed-requests"]
    assert Outcome("", 0, 0.0, 0.0, 1.0, {}, ["a", "b"]).breaks(fault) == "a; b"


class Told(RunningShow):
    """A show whose web server is this process, with a state that a test sets."""

    orders: dict[str, Any]
    restarts: dict[str, int]
    obeys = True

    def state(self) -> dict[str, Any]:
        stages = {name: {"restarts": n} for name, n in self.restarts.items()}
        return {"orders": self.orders, "show": {"stages": stages}}

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        if not self.obeys:
            raise ConnectionRefusedError("nobody")
        return {}

    def process(self, name: str) -> Any:
        return type("Process", (), {"pid": self.pid})


@pytest.fixture
def show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Told]]:
    (tmp_path / SAID).write_text("Traceback of yesterday\n", encoding="utf-8")
    monkeypatch.setattr(untouched, "own_kib", lambda pid: 1024 * pid)
    monkeypatch.setattr(Told, "orders", {"mirror": True, "slate": False}, raising=False)
    monkeypatch.setattr(Told, "restarts", {"playout": 1}, raising=False)
    yield Told


def test_what_a_show_must_be_afterwards(
    show: type[Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = untouched.look(show(50, "token", tmp_path))
    assert untouched.touched(show(50, "token", tmp_path), before) == []
    with (tmp_path / SAID).open("a", encoding="utf-8") as said:
        said.write("web server: Traceback (most recent call last):\n")
    monkeypatch.setattr(Told, "orders", {"mirror": True, "slate": True})
    monkeypatch.setattr(Told, "restarts", {"playout": 2})
    monkeypatch.setattr(Told, "obeys", False)
    assert untouched.touched(show(90, "token", tmp_path), before) == [
        "orders have changed: slate",
        "playout was started again",
        "a traceback was written",
        "the web server's memory grew from 50.0 to 90.0 MiB",
        "an action with the token is not done: nobody",
    ]
