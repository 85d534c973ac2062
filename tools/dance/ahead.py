"""Does work ahead of its use, in a thread: decoding beside pose, painting beside encoding."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
DEPTH = 4
POLL_S = 0.1


@contextmanager
def ahead(items: Iterable[Item], depth: int = DEPTH) -> Iterator[Iterator[Item]]:
    """Iterates over `items` in a thread of its own, up to `depth` items ahead of the caller.

    An error in the thread is raised where its item would be taken. When the block ends, the thread has ended:
    native code still running while the interpreter shuts down would crash it.
    """
    waiting: queue.Queue[tuple[Item] | BaseException | None] = queue.Queue(depth)
    left = threading.Event()

    def put(item: tuple[Item] | BaseException | None) -> bool:
        while not left.is_set():
            try:
                waiting.put(item, timeout=POLL_S)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((item,)):
                    return
        except BaseException as error:  # noqa: BLE001  # raised again by `take`
            put(error)
        else:
            put(None)

    def take() -> Iterator[Item]:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item[0]

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        yield take()
    finally:
        left.set()
        thread.join()
