"""All outputs of a show as one, for the playout: each tick is copied once, and no output can stop another."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.outputs.sink import INSTEAD, OutputError, OutputSink, Part, ProgrammeFrame


class Outputs:
    """Feeds the sinks. For the programme clock's thread, but for `status` and `order`."""

    def __init__(self, sinks: Sequence[OutputSink]) -> None:
        """Raises OutputError where two sinks have the same name."""
        names = Counter(sink.name for sink in sinks)
        twice = [name for name, n in names.items() if n > 1]
        if twice:
            raise OutputError(f"two outputs are named {twice[0]!r}: give each [[outputs]] a name of its own")
        self._sinks = {sink.name: sink for sink in sinks}
        self._failures: Counter[str] = Counter()
        self._last_failure: dict[str, str] = {}

    def wants(self) -> frozenset[Part]:
        """The parts that any of the sinks can use at this tick: others need not be made."""
        return frozenset[Part]().union(*self._wanted().values())

    def _wanted(self) -> dict[str, frozenset[Part]]:
        wanted: dict[str, frozenset[Part]] = {}
        for name, sink in self._sinks.items():
            with self._alone(name):
                wanted[name] = sink.wants()
        return wanted

    def send(self, frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        """Hands a tick to every sink; see `OutputSink.send`. The caller may overwrite its pictures then.

        A sink that raises loses this tick; the others get it.
        """
        wanted = self._wanted()
        parts = frozenset[Part]().union(*wanted.values())
        if not parts:
            return
        parts |= {"picture" for part in INSTEAD & parts if getattr(frame, part) is None}
        kept = _kept(frame, parts)
        for name in wanted:
            if wanted[name]:
                with self._alone(name):
                    self._sinks[name].send(kept, tick, due_ns)

    def status(self) -> list[dict[str, Any]]:
        """Every sink's `SinkStatus` as plain data, in the show file's order."""
        found = []
        for name, sink in self._sinks.items():
            status = asdict(sink.status())
            if self._failures[name]:
                status["dropped"] = {**status["dropped"], "error": self._failures[name]}
                status["reason"] = status["reason"] or self._last_failure[name]
            found.append(status)
        return found

    def order(self, name: str, order: str) -> None:
        """See `OutputSink.order`. Raises OutputError, also where no output has the name."""
        if name not in self._sinks:
            known = ", ".join(self._sinks) or "none"
            raise OutputError(f"no output is named {name!r}; there are: {known}")
        self._sinks[name].order(order)

    def pressed(self) -> list[str]:
        """See `OutputSink.pressed`: of all of them, in the order of the show file."""
        return [key for sink in self._sinks.values() for key in sink.pressed()]

    def close(self) -> None:
        """Closes every sink, all at the same time, whatever happens to one of them."""
        closing = [threading.Thread(target=self._close, args=(name,)) for name in self._sinks]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()

    def _close(self, name: str) -> None:
        with self._alone(name):
            self._sinks[name].close()

    @contextlib.contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001  # one output must not stop the others
            self._failures[name] += 1
            self._last_failure[name] = f"{name}: {error}"


def _kept(frame: ProgrammeFrame, parts: frozenset[Part]) -> ProgrammeFrame:
    """Copies of the parts that nobody can change: every sink may keep them. Parts that are one picture (live
    on air, the preview and the clean feed are) stay one."""
    copies: dict[int, NDArray[np.uint8]] = {}

    def copy(part: Part) -> NDArray[np.uint8] | None:
        picture: NDArray[np.uint8] | None = getattr(frame, part)
        if picture is None or part not in parts:
            return None
        if id(picture) not in copies:
            copies[id(picture)] = picture.copy()
            copies[id(picture)].setflags(write=False)
        return copies[id(picture)]

    picture = copy("picture")
    return ProgrammeFrame(
        frame.picture if picture is None else picture, copy("layer"), copy("clean"), copy("preview")
    )
