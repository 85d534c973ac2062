"""What all control surfaces have in common: the way to the desk, and lines about what was ignored."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from realtime.control.desk import AnyDesk, Refused
from realtime.control.surfaces.mapping import Asked

LINE_EVERY_S = 30.0


MOST_WAITING = 1000
"""Actions of one surface that may wait for a desk that does not answer at once. Budgets keep them fewer."""


class Asker:
    """Asks the desk in a thread of its own, one thing after the other: the desk may take long to answer, and
    the loop serves others meanwhile."""

    def __init__(self, desk: AnyDesk, surface: str) -> None:
        self._desk = desk
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=surface)
        self._room = threading.Semaphore(MOST_WAITING)

    def ask(self, asked: Asked, who: str, done: Callable[[str], None] = lambda refused: None) -> bool:
        """done: called in that thread, with why it is refused, or ""; the desk tells every operator of it
        either way. False where too many wait already."""
        if not self._room.acquire(blocking=False):
            return False
        self._thread.submit(self._act, asked, who, done)
        return True

    def _act(self, asked: Asked, who: str, done: Callable[[str], None]) -> None:
        try:
            self._desk.act(asked.name, asked.given, who=who, confirmed=asked.confirmed)
        except Refused as error:
            done(str(error))
        else:
            done("")
        finally:
            self._room.release()

    def wait(self) -> None:
        """Until all that was asked for is done."""
        self._thread.submit(lambda: None).result()

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


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
