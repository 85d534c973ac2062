"""Tells whoever loads networks which slow step has begun, without passing a callback through all calls
between."""

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
    step: Callable[[str], None]


_listener: ContextVar[_Listener | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def told_to(
    doing: Callable[[str], None],
    found: Callable[[str], None],
    step: Callable[[str], None] = lambda text: None,
) -> Iterator[None]:
    """Within the block, and in this thread, `doing` is called with each slow step that begins and its
    expected time ("quantizing the generator, about half a minute, once"), `found` with each result, and
    `step` with what is done at every start. All get one line."""
    token = _listener.set(_Listener(doing, found, step))
    try:
        yield
    finally:
        _listener.reset(token)


def doing(text: str) -> None:
    """Reports that a slow step begins."""
    log.info("%s", text)
    listener = _listener.get()
    if listener is not None:
        listener.doing(text)


def step(text: str) -> None:
    """Reports what begins at every start, such as "loading the pose networks": no news, but somebody may want
    to know how far it is."""
    listener = _listener.get()
    if listener is not None:
        listener.step(text)


def found(text: str) -> None:
    """Reports a result that somebody may want to know."""
    log.info("%s", text)
    listener = _listener.get()
    if listener is not None:
        listener.found(text)
