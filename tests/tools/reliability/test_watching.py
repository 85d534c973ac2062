"""What is seen of a show from outside."""

from __future__ import annotations

import json
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tools.reliability import watching
from tools.reliability.trial_show.running import RunningShow
from tools.reliability.watching import Missed, longest_off_live, states


class Told(RunningShow):
    """A show whose API tells one number of missed ticks after the other; None: it does not answer."""

    left: ClassVar[list[int | None]] = []
    asked: ClassVar[list[float]] = []

    def state(self) -> dict[str, Any]:
        self.asked.append(time.monotonic())
        missed = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        return {} if missed is None else {"stats": {"missed": missed}}


def test_ticks_that_were_missed_are_heard_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "ASK_S", 0.01)
    Told.left, Told.asked = [4, 4, None, 7, 7, 8, 8], []
    often = len(Told.left) + 2  # all that was told before is noted
    start_s = time.monotonic()
    with closing(Missed(Told(0))) as missed:
        deadline = time.monotonic() + 60
        while len(Told.asked) < often and time.monotonic() < deadline:
            time.sleep(0.01)
    assert missed.lost(start_s, time.monotonic()) == [3, 1]
    assert missed.lost(0, start_s) == []


def test_states_come_from_the_show_log(tmp_path: Path) -> None:
    from_s = time.monotonic()
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    to_s = time.monotonic()
    lines = [
        {"type": "state", "at": at, "show": {}},
        {"type": "state", "at": at, "show": {"state": "LIVE"}},
        {"type": "action", "at": at, "action": "record"},
        {"type": "state", "at": at, "show": {"state": "LIVE"}},
        {"type": "state", "at": at, "show": {"state": "HOLD"}},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines) + '{"type": "sta'
    (tmp_path / "show-1.jsonl").write_text(text, encoding="utf-8")
    found = states(tmp_path)
    assert [state for _, state in found] == ["LIVE", "HOLD"]
    assert from_s - 5 < found[0][0] < to_s + 5


def test_the_longest_time_off_live() -> None:
    changes = [(0.0, "LIVE"), (10.0, "HOLD"), (10.25, "FALLBACK"), (12.0, "LIVE"), (20.0, "HOLD")]
    assert longest_off_live(changes, 0, 20.1) == 2.0
    assert longest_off_live(changes, 0, 25) == 5.0
    assert longest_off_live(changes, 11, 15) == 1.0
    assert longest_off_live(changes, 12, 20) == 0.0
    assert longest_off_live([(0.0, "SLATE")], 5, 9) == 4.0
