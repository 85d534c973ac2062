from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from tools.dance.ahead import ahead


def test_everything_comes_in_order() -> None:
    with ahead(range(100)) as items:
        assert list(items) == list(range(100))


def test_what_the_thread_raises_is_raised_in_its_place() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    with ahead(broken()) as items:
        assert next(items) == 1
        with pytest.raises(OSError, match="the disk is gone"):
            next(items)


def test_it_is_never_more_than_its_depth_ahead_and_its_thread_ends_with_the_block() -> None:
    started: list[int] = []
    threads = threading.active_count()

    def endless() -> Iterator[int]:
        for number in count():
            started.append(number)
            yield number

    with pytest.raises(KeyboardInterrupt), ahead(endless(), depth=2) as items:
        assert next(items) == 0
        assert len(started) <= 1 + 2 + 1  # taken, waiting, in hand
        raise KeyboardInterrupt
    assert threading.active_count() == threads
