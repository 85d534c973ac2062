"""The signals that end a show and those that do not. The processes that the supervisor starts get none of
them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that the supervisor handles. Its stages never get them."""

IGNORED = (signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
"""What a terminal sends for Ctrl-\\ and Ctrl-Z, or to a show in the background. They are ignored, also in the
show's processes, which inherit that."""


def heed(terminate: Callable[[], None], interrupt: Callable[[], None], hang_up: Callable[[], None]) -> None:
    """From now on SIGTERM calls `terminate`, SIGINT (Ctrl-C) `interrupt`, and SIGHUP (the terminal is gone)
    `hang_up`. They run in the main thread between any two of its steps, so they must not take a lock."""
    heard = dict(zip(SIGNALS, (interrupt, terminate, hang_up), strict=True))

    def handle(number: int, _: FrameType | None) -> None:
        heard[signal.Signals(number)]()

    for number in SIGNALS:
        signal.signal(number, handle)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)


def has_terminal() -> bool:
    """Whether this process belongs to a terminal, so that an interrupt may be a Ctrl-C."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


@contextmanager
def signals_blocked() -> Iterator[None]:
    """A process started within this context inherits the blocked signals: only the supervisor gets what a
    terminal sends to all."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
