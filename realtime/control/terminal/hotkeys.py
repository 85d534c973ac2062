"""A terminal that hears single keys and keeps one line of status; `console` opens it."""

from __future__ import annotations

import os
import sys
import termios
import threading
import time
from collections.abc import Callable, Collection
from select import select
from types import TracebackType
from typing import Any, Self

from engines.time_units import NS_PER_S
from realtime.control.terminal.key_reader import ALONE_NS, KeyReader
from realtime.control.terminal.outlet import Outlet

_INPUT, _LOCAL, _CHARACTERS = 0, 3, 6
"""Places in what `termios.tcgetattr` gives."""


class Hotkeys:
    """A terminal that hears single keys, in a thread of its own, and is always given back as it was.

    Ctrl-C is still a signal; Ctrl-S does nothing. on_key is called in that thread with the character of each
    key that is pressed. A terminal that goes away is not heard any more, and nothing else happens.
    """

    def __init__(self, on_key: Callable[[str], None], outlet: Outlet, quick: Collection[str] = ()) -> None:
        """outlet: of the same terminal. quick: see `KeyReader`."""
        self._on_key = on_key
        self._quick = quick
        self._outlet = outlet
        self._fd = sys.stdin.fileno()
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._read, name="hotkeys", daemon=True)

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(self._fd)
        termios.tcsetattr(self._fd, termios.TCSANOW, _single_keys(self._before))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.write(self._wake_write, b"x")
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)
        self.status("")
        try:
            # Not TCSADRAIN: that waits until a terminal that was stopped goes on.
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)
        except termios.error:
            return  # the terminal is gone, and with it what was changed

    def say(self, line: str) -> None:
        self._outlet.say(line)

    def status(self, line: str) -> None:
        """Overwrites the last status."""
        self._outlet.status(line[: self._columns() - 1])

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._fd).columns or 80
        except OSError:  # it is gone
            return 80

    def _read(self) -> None:
        keys = KeyReader(self._quick)
        while True:
            timeout_s = ALONE_NS / NS_PER_S if keys.waiting else None
            ready, _, _ = select([self._fd, self._wake_read], [], [], timeout_s)
            if self._wake_read in ready:
                return
            pressed = keys.idle(time.monotonic_ns())
            if self._fd in ready:
                try:
                    typed = os.read(self._fd, 64)
                except OSError:
                    return  # the terminal is gone
                if not typed:
                    return
                pressed += keys.feed(typed, time.monotonic_ns())
            for key in pressed:
                self._on_key(key)


def _single_keys(before: list[Any]) -> list[Any]:
    """Settings, as of `termios.tcgetattr`, of a terminal that gives each key at once, shows none, and is not
    stopped by Ctrl-S."""
    after = list(before)
    after[_INPUT] &= ~(termios.IXON | termios.IXOFF)
    after[_LOCAL] &= ~(termios.ICANON | termios.ECHO)
    after[_CHARACTERS] = list(before[_CHARACTERS])
    after[_CHARACTERS][termios.VMIN], after[_CHARACTERS][termios.VTIME] = 1, 0
    return after
