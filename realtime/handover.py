"""A hand-over between two threads that holds one item: the newest wins, what it overtakes is counted."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

from realtime.telemetry import Meter

T = TypeVar("T")


class Handover(Generic[T]):
    """Holds at most one item. `cause` is the name under which overtaken items are counted."""

    def __init__(self, meter: Meter, cause: str) -> None:
        self._meter = meter
        self._cause = cause
        self._item: T | None = None
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Never blocks: an item that has not been taken yet is dropped and counted."""
        with self._changed:
            overtaken, self._item = self._item, item
            self._changed.notify()
        if overtaken is not None:
            self._meter.drop(self._cause)

    def take(self, timeout_s: float) -> T | None:
        """The newest item, or None if there is none for `timeout_s`."""
        with self._changed:
            if self._item is None:
                self._changed.wait(timeout_s)
            item, self._item = self._item, None
            return item
