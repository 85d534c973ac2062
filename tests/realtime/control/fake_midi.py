"""MIDI without a machine that has it: stands in for the packages mido and python-rtmidi."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any


class FakePort:
    def __init__(self, name: str, callback: Callable[[Any], None]) -> None:
        self.name, self.callback, self.closed = name, callback, False

    def close(self) -> None:
        self.closed = True


class FakeMidi:
    """The module mido. names: what is plugged in; ports: all that were ever opened. busy: none can be."""

    backend = SimpleNamespace(name="fake")

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.ports: list[FakePort] = []
        self.busy = False

    def get_input_names(self) -> list[str]:
        return list(self.names)

    def open_input(self, name: str, callback: Callable[[Any], None]) -> FakePort:
        if self.busy:
            raise OSError("it is\nbusy")
        self.ports.append(FakePort(name, callback))
        return self.ports[-1]

    @contextmanager
    def installed(self) -> Iterator[FakeMidi]:
        """`import mido` gives this one."""
        before = {name: sys.modules.get(name) for name in ("mido", "rtmidi")}
        sys.modules["mido"] = self  # type: ignore[assignment]
        sys.modules["rtmidi"] = SimpleNamespace()  # type: ignore[assignment]
        try:
            yield self
        finally:
            for name, module in before.items():
                if module is None:
                    del sys.modules[name]
                else:
                    sys.modules[name] = module
