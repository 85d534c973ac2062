"""What all control surfaces have in common: the way to the desk, and lines about what was ignored."""

from __future__ import annotations

import time
from collections import Counter

from realtime.control.desk import AnyDesk, Refused
from realtime.control.surfaces.mapping import Asked

LINE_EVERY_S = 30.0


def do(desk: AnyDesk, asked: Asked, who: str) -> str:
    """Asks the desk for it. Why it is refused, or ""; the desk tells every operator of it either way."""
    try:
        desk.act(asked.name, asked.given, who=who, confirmed=asked.confirmed)
    except Refused as error:
        return str(error)
    return ""


class Ignored:
    """Counts what was not looked at, by cause, and tells the operators now and then."""

    def __init__(self, desk: AnyDesk, what: str) -> None:
        """what: such as "osc"."""
        self._desk, self._what = desk, what
        self._next_line_s = 0.0
        self.counts: Counter[str] = Counter()

    def add(self, cause: str, sender: str) -> None:
        self.counts[cause] += 1
        now_s = time.monotonic()
        if now_s >= self._next_line_s:
            self._next_line_s = now_s + LINE_EVERY_S
            counts = ", ".join(f"{n} {why}" for why, n in self.counts.items())
            self._desk.note(f"{self._what} {sender}", self._what, f"ignored so far: {counts}")
