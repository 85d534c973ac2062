"""What the programme clock asks of an output."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray


class OutputError(RuntimeError):
    """An output cannot be opened. The text is one line for the operator: what failed, on what, what to do."""


class OutputSink(ABC):
    """An output of the programme. It is fed by the programme clock and may never hold it up."""

    name: str

    @abstractmethod
    def send(self, frame: NDArray[np.uint8], tick: int, programme_ns: int) -> None:
        """Take the picture of one tick. Never blocks; what cannot be shown in time is dropped and counted.

        Args:
            frame: (H, W, 3) uint8 BGR in the size the sink was made for. It may be overwritten as soon as
                the call returns, so a sink that needs it later copies it (capacity one, newest wins).
            tick: number of the tick, rising by one.
            programme_ns: when the tick was due, monotonic nanoseconds, strictly rising.
        """

    @abstractmethod
    def stats(self) -> dict[str, float]:
        """Counters since the start, by name."""

    @abstractmethod
    def close(self) -> None:
        """Stop and free everything. May be called twice."""
