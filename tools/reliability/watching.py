"""Watches a show from outside while faults are put into it: its missed ticks, its states, its viewers."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import deque
from datetime import datetime
from pathlib import Path
from typing import Any

from tools.reliability.trial_show.running import RunningShow
from tools.reliability.trial_show.show import ROOT

MOST_LOSSES = 10_000
ASK_S = 0.25


class Missed:
    """Asks the show's API, in a thread of its own, how many ticks the playout has missed. losses: of late,
    when (monotonic seconds) it heard of how many more. The figures are as old as the API's, half a second."""

    def __init__(self, show: RunningShow) -> None:
        self.losses: deque[tuple[float, int]] = deque(maxlen=MOST_LOSSES)
        self._show = show
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def lost(self, from_s: float, to_s: float) -> list[int]:
        """Each loss that was heard of in this time."""
        return [n for at_s, n in list(self.losses) if from_s <= at_s <= to_s]

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        before: int | None = None
        while not self._over.wait(ASK_S):
            missed = self._show.state().get("stats", {}).get("missed")
            if missed is None:
                continue
            if before is not None and missed > before:
                self.losses.append((time.monotonic(), missed - before))
            before = missed


class Audience:
    """The process of the viewers (`tools.reliability.trial_show.viewers`), and what it says each second."""

    def __init__(self, show: RunningShow, count: int, cycle_s: float) -> None:
        host, port = show.page()
        self.said: deque[dict[str, Any]] = deque(maxlen=MOST_LOSSES)
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tools.reliability.trial_show.viewers"),
                *(f"http://{host}:{port}", str(count), str(cycle_s)),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  # it is a pipe
        for line in self._process.stdout:
            self.said.append(json.loads(line))

    def longest_gap_s(self, from_s: float, to_s: float) -> float:
        """Between two pictures of the viewer who stays, in this time."""
        return max(
            (each["longest_gap_s"] for each in list(self.said) if from_s <= each["at_s"] <= to_s), default=0.0
        )

    def newest(self) -> dict[str, Any]:
        """What it said last; {} before the first."""
        return self.said[-1] if self.said else {}

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join()


def states(log: Path) -> list[tuple[float, str]]:
    """(monotonic seconds, state) of each change, from a show log. log: its folder, with one log in it."""
    offset_s = time.time() - time.monotonic()
    found: list[tuple[float, str]] = []
    for path in sorted(log.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                event = json.loads(line)
            except ValueError:  # it is being written
                continue
            if event["type"] != "state" or "state" not in event["show"]:
                continue
            if not found or found[-1][1] != event["show"]["state"]:
                at_s = datetime.fromisoformat(event["at"]).timestamp() - offset_s
                found.append((at_s, event["show"]["state"]))
    return found


def longest_off_live(changes: list[tuple[float, str]], from_s: float, to_s: float) -> float:
    """The longest time without LIVE that lies within a time, in seconds."""
    longest, since = 0.0, None
    for (at_s, state), (until_s, _) in zip(changes, [*changes[1:], (to_s, "")], strict=True):
        if state == "LIVE":
            since = None
            continue
        since = max(from_s, at_s) if since is None else since
        longest = max(longest, min(until_s, to_s) - since)
    return longest
