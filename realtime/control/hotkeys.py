"""The operator's terminal: single keys in, one line of status out."""

from __future__ import annotations

import os
import shutil
import sys
import termios
import threading
import tty
from collections.abc import Callable
from select import select
from types import TracebackType
from typing import Protocol, Self, TextIO


class Console(Protocol):
    """Where the show speaks to its operator."""

    def say(self, line: str) -> None: ...

    def status(self, line: str) -> None: ...


class PlainConsole:
    """For a log or a pipe: one line for each thing that happens, no status line, no keys."""

    def say(self, line: str) -> None:
        print(line, flush=True)

    def status(self, line: str) -> None:
        """A line that is overwritten makes no sense in a log."""


class Hotkeys:
    """A terminal that hears single keys, in a thread of its own, and is always given back as it was.

    Ctrl-C keeps its meaning. on_action is called in that thread with the name of an action; action_of gives
    the name behind a character, None where there is none.
    """

    def __init__(
        self,
        on_action: Callable[[str], None],
        action_of: Callable[[str], str | None],
        out: TextIO = sys.stdout,
    ) -> None:
        self._on_action = on_action
        self._action_of = action_of
        self._out = out
        self._fd = sys.stdin.fileno()
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._read, name="hotkeys", daemon=True)
        self._lock = threading.Lock()
        self._line = ""

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)
        os.write(self._wake_write, b"x")
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)
        self.status("")

    def say(self, line: str) -> None:
        with self._lock:
            self._out.write(f"\r\x1b[K{line}\n{self._line}")
            self._out.flush()

    def status(self, line: str) -> None:
        """Overwrites the last status."""
        with self._lock:
            self._line = line[: shutil.get_terminal_size().columns - 1]
            self._out.write(f"\r\x1b[K{self._line}")
            self._out.flush()

    def _read(self) -> None:
        while True:
            ready, _, _ = select([self._fd, self._wake_read], [], [])
            if self._wake_read in ready:
                return
            typed = os.read(self._fd, 64)
            if not typed:  # the terminal is gone
                return
            if typed[:1] == b"\x1b" and len(typed) > 1:  # an arrow or another key that sends a sequence
                continue
            for character in typed.decode(errors="ignore"):
                name = self._action_of(character)
                if name is not None:
                    self._on_action(name)
