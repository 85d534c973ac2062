"""What the show says, on its way to a terminal, a pipe or a file: a thread drops what is not taken.

A terminal that was stopped (Ctrl-S), a reader that has gone and a full disk hold nobody up and end nothing.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from typing import Protocol

LONGEST_QUEUE = 200
"""Lines that may wait to be taken. The oldest are dropped; how many is said once lines are taken again."""

AFTER_ERROR_S = 0.5
"""How long nothing is written after a failure, such as a disk that is full."""

CLOSE_S = 1.0
"""How long the end of a show waits for its last lines to be taken."""


class Console(Protocol):
    """Where the show speaks to its operator. Neither call waits or raises."""

    def say(self, line: str) -> None: ...

    def status(self, line: str) -> None: ...


class Outlet:
    """Writes to a file descriptor, which stays the caller's, in a thread of its own."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lines: deque[str] = deque()
        self._left_out = 0
        self._status = ""
        self._wrote_status = ""
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)
        self._thread.start()

    def say(self, line: str) -> None:
        """One line or several; from any thread."""
        with self._changed:
            if len(self._lines) >= LONGEST_QUEUE:
                self._lines.popleft()
                self._left_out += 1
            self._lines.append(line)
            self._changed.notify()

    def status(self, line: str) -> None:
        """A line that stays below all others, on a terminal: it replaces the one before."""
        with self._changed:
            self._status = line
            self._changed.notify()

    def close(self) -> None:
        """Waits a moment for what has been said to be taken; the thread is left behind where it is not."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while (text := self._next()) is not None:
            try:
                self._write(text.encode(errors="replace"))
            except OSError:  # nobody can be told here; the web console and the show log have it too
                with self._changed:
                    self._left_out += text.count("\n")
                time.sleep(AFTER_ERROR_S)

    def _next(self) -> str | None:
        """What to write next, waiting for it; None at the end."""
        with self._changed:
            while not self._lines and self._status == self._wrote_status:
                if self._closing:
                    return None
                self._changed.wait()
            lines = list(self._lines)
            self._lines.clear()
            if self._left_out and lines:
                lines.insert(0, f"({self._left_out} lines were left out: they were not taken here in time)")
                self._left_out = 0
            redraw = bool(self._status or self._wrote_status)
            self._wrote_status = self._status
            above = "".join(f"{line}\n" for line in lines)
            return f"\r\x1b[K{above}{self._status}" if redraw else above

    def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:  # another program has made it non-blocking
                time.sleep(0.05)


class PlainConsole:
    """For a log or a pipe: one line for each thing that happens, no status line, no keys."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    def say(self, line: str) -> None:
        self._outlet.say(line)

    def status(self, line: str) -> None:
        """A line that is overwritten makes no sense in a log."""
