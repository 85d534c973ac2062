"""What ends a show, and keeping it from the processes that are started."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a show. Its stages never see them."""


@contextmanager
def signals_blocked() -> Iterator[None]:
    """A process started here inherits the mask: what a terminal sends to all is for the supervisor alone."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
