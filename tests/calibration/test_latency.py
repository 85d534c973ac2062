"""The command that measures the latency: what it says, and that nothing of it ends in a traceback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calibration import latency
from calibration.light import LightError, lags_s, rises_s


class Api:
    """A show that answers. asked: (path, body)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.stats: dict[str, Any] = {}
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(None)

            def do_POST(self) -> None:
                self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def answer(self, body: Any) -> None:
                api.asked.append((self.path, body))
                allowed = self.headers["Authorization"] == "Bearer right"
                self.send_response(200 if allowed else 401)
                self.end_headers()
                self.wfile.write(json.dumps({"stats": api.stats}).encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.server.shutdown()
    api.server.server_close()


def test_the_sum_is_told(api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    api.stats = {
        "latency_ms": 54.2,
        "loop_lag": {"median_ms": 80.0, "within_ms": 9.0, "readings": 10, "fan_to_board_ms": 134.2},
    }
    file = tmp_path / "found.json"
    given = ["loop", "--url", api.url, "--token", "right", "--seconds", "1", "--json", str(file)]
    assert latency.main(given) == 0
    said = capsys.readouterr().out
    assert "capture to programme     54 ms" in said
    assert "programme to capture     80 ms   over output, board, camera; 10 readings" in said
    assert "fan to board            134 ms" in said
    assert json.loads(file.read_text()) == api.stats
    orders = [body for path, body in api.asked if path == "/api/actions/measure"]
    assert orders == [{"on": True, "confirm": True}, {"on": False, "confirm": True}]


def test_a_camera_that_never_saw_it_is_told_and_the_marker_goes(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    api.stats = {"latency_ms": 54.2, "loop_lag": None}
    assert latency.main(["--url", api.url, "--token", "right", "--seconds", "1"]) == 1
    assert "latency: the camera never saw the marker: let it film the board" in capsys.readouterr().err
    assert api.asked[-1] == ("/api/state", None) or api.asked[-1][1] == {"on": False, "confirm": True}
    assert ("/api/actions/measure", {"on": False, "confirm": True}) in api.asked


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--url", "ftp://x"], "--url ftp://x: it begins with http:// or https://"),
        (["--url", "http://127.0.0.1:1"], "no show answers at http://127.0.0.1:1"),
        (["--seconds", "0"], "--seconds: at least 1 is needed"),
        (["flash", "--times", "0"], "--times: at least 1 is needed"),
    ],
)
def test_what_is_wrong_is_one_line(given: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert latency.main(given) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"latency: {said}")
    assert error.count("\n") == 1


def test_a_wrong_token_is_told(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert latency.main(["flash", "--url", api.url, "--token", "wrong"]) == 1
    assert "refuses: give its token with --token" in capsys.readouterr().err


def test_flashes_are_a_second_apart(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(latency, "time", SimpleNamespace(sleep=pauses.append))  # other threads sleep too
    assert latency.main(["flash", "--url", api.url, "--token", "right", "--times", "3"]) == 0
    assert api.asked == [("/api/actions/flash", {"confirm": True})] * 3
    assert pauses == [1.0] * 3


def light(flashes_s: list[float], lag_s: float, hertz: float = 500.0) -> tuple[list[float], list[float]]:
    """A photodiode at a board that is dim between flashes of 0.1 s, with noise and the board's flicker."""
    times = np.arange(flashes_s[0] - 1, flashes_s[-1] + 1, 1 / hertz)
    rng = np.random.default_rng(4)
    levels = 0.1 + 0.02 * np.sin(2 * np.pi * 60 * times) + rng.normal(0, 0.01, len(times))
    for flash_s in flashes_s:
        levels[(times >= flash_s + lag_s) & (times < flash_s + lag_s + 0.1)] += 0.8
    return list(times), list(levels)


def test_light_is_late_by_what_it_is_late(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flashes = [1_800_000_000.25 + n for n in range(5)]
    log = tmp_path / "show.jsonl"
    lines = [json.dumps({"text": f"playout: flash at {at_s:.4f} s"}) for at_s in flashes]
    log.write_text("\n".join(lines) + "\n")
    meter = tmp_path / "meter.csv"
    rows = [f"{at_s!r},{level!r}" for at_s, level in zip(*light(flashes, 0.0417), strict=True)]
    meter.write_text("\n".join(["seconds,light", *rows]) + "\n")
    assert latency.main(["light", str(meter), str(log)]) == 0
    assert "programme to light     41 ms   5 of 5 flashes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("meter", "log", "said"),
    [
        (None, "flash at 5.0000 s", "meter.csv: it cannot be read"),
        ("0,1\n1,2\n2,x\n", "flash at 5.0000 s", "meter.csv: line 3 is not a time and a level"),
        ("0,1\n1,1\n2,1\n", "flash at 5.0000 s", "meter.csv: the light hardly changes"),
        ("0,1\n1,9\n2,1\n", "flash at 5.0000 s", "meter.csv: the light rose after none of the 1 flashes"),
        ("0,1\n1,9\n2,1\n", "", "show.jsonl: no flash is in it"),
        ("0,1\n0,9\n2,1\n", "flash at 5.0000 s", "meter.csv: the times must ascend"),
        ("", "flash at 5.0000 s", "meter.csv: at least three readings are needed"),
    ],
)
def test_files_that_cannot_be_used(
    meter: str | None, log: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "show.jsonl").write_text(log)
    if meter is not None:
        (tmp_path / "meter.csv").write_text(meter)
    assert latency.main(["light", str(tmp_path / "meter.csv"), str(tmp_path / "show.jsonl")]) == 1
    assert said in capsys.readouterr().err


def test_a_flash_that_is_not_seen_has_no_lag() -> None:
    assert lags_s([0.0, 10.0, 20.0], [0.05, 20.04]) == pytest.approx([0.05, 0.04])
    assert lags_s([5.0], []) == []
    with pytest.raises(LightError, match="all of them numbers"):
        rises_s([0, 1, 2], [0, float("nan"), 1])
