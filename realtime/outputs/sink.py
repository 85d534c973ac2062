"""What the process of an output asks of it, and what it hands it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction

from calibration.board_colour import Correction
from realtime.transport.programme_ring import Part, ProgrammeFrame
from realtime.transport.statuses import OutputStatus


@dataclass(frozen=True)
class Format:
    """The programme's format, as an output has it. size: (width, height), pixels, both even. fps: pictures a
    second, exact. correction: of its colours, for the board; None: they stay as they are."""

    size: tuple[int, int]
    fps: Fraction
    correction: Correction | None = None


class OutputError(RuntimeError):
    """An output cannot do what it should. The text is one line for the operator: what failed, on what, and
    what to do. retry_after_s: when to try again at the earliest, where the other side said so."""

    def __init__(self, text: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class OutputSink(ABC):
    """An output of the programme. The main thread of its process feeds it (`output_stage`) and may not be
    held up: whatever takes time happens in a thread of the sink's own.

    name: unique in a show. kind: a key of `kinds.OUTPUTS`.
    """

    name: str
    kind: str

    @abstractmethod
    def wants(self) -> frozenset[Part]:
        """The parts that it can use at the next tick; empty while nobody looks. Called at every tick.

        Who wants the layer gets the picture where there is none.
        """

    @abstractmethod
    def send(self, frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        """Take what is on air at one tick. Never blocks; what cannot go out in time is dropped and counted.

        Args:
            frame: has the parts of `wants`; they are read-only and never change, so they may be kept.
            tick: number of the tick, rising by one; the time of the picture is tick / fps.
            due_ns: when the tick was due, monotonic nanoseconds, strictly rising.
        """

    @abstractmethod
    def status(self) -> OutputStatus:
        """How it is now; from any thread."""

    def order(self, order: str) -> None:
        """Does what the operator asks of this output, from any thread (a recorder: "start", "stop").

        Raises OutputError where it cannot; by default there is nothing to ask for.
        """
        raise OutputError(f"{self.name}: an output of kind {self.kind} does not know the order {order!r}")

    def stalled(self) -> bool:
        """Whether it hangs in a call that nothing ends but the end of its process."""
        return False

    def pressed(self) -> list[str]:
        """The characters typed in it since the last call (a window), as a terminal would send them."""
        return []

    @abstractmethod
    def close(self) -> None:
        """Stop and free everything. May be called twice."""
