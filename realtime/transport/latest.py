"""A hand-over between two threads that holds one item: the newest wins, and those it replaces are counted."""

from __future__ import annotations

import threading
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Drops(Protocol):
    """Where drops are counted: a `telemetry.Meter`, or an output's own counts."""

    def drop(self, cause: str, n: int = 1) -> None: ...


class Latest(Generic[T]):
    """Holds at most one item. `cause` is the name under which replaced items are counted."""

    def __init__(self, drops: Drops, cause: str) -> None:
        self._drops = drops
        self._cause = cause
        self._item: T | None = None
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Puts an item, and never blocks: an item that was not taken yet is dropped and counted."""
        with self._changed:
            overtaken, self._item = self._item, item
            self._changed.notify()
        if overtaken is not None:
            self._drops.drop(self._cause)

    def take(self, timeout_s: float) -> T | None:
        """The newest item, or None if there is none for `timeout_s`."""
        with self._changed:
            if self._item is None:
                self._changed.wait(timeout_s)
            item, self._item = self._item, None
            return item
