"""What takes long while networks are loaded, told to whoever loads them, through all that lies between."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import NamedTuple

log = logging.getLogger(__name__)


class _Listener(NamedTuple):
    doing: Callable[[str], None]
    found: Callable[[str], None]


_listener: ContextVar[_Listener | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def told_to(doing: Callable[[str], None], found: Callable[[str], None]) -> Iterator[None]:
    """Within the block and in this thread, `doing` hears what begins that takes long and how long it will
    take ("quantizing the generator, about half a minute, once"), and `found` what came of it. One line
    each."""
    token = _listener.set(_Listener(doing, found))
    try:
        yield
    finally:
        _listener.reset(token)


def doing(text: str) -> None:
    """Something begins that takes long."""
    log.info("%s", text)
    listener = _listener.get()
    if listener is not None:
        listener.doing(text)


def found(text: str) -> None:
    """What somebody may want to know of what was done."""
    log.info("%s", text)
    listener = _listener.get()
    if listener is not None:
        listener.found(text)
