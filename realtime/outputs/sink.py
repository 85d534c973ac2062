"""What the programme clock asks of an output, and what it hands it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realtime.pictures.picture import Picture

Layer = NDArray[np.uint8]
"""(H, W, 4) uint8 BGRA, straight (the colours are not times alpha), as `LayerRenderer` paints it."""

Part = Literal["picture", "layer", "clean", "preview"]
"""A field of `ProgrammeFrame`."""

INSTEAD: frozenset[Part] = frozenset({"layer"})
"""Parts in whose place the picture is used where there is none."""


class ProgrammeFrame(NamedTuple):
    """What is handed over at each tick. Every picture has the programme's size.

    picture: what is on air, (H, W, 3) uint8 BGR.
    layer: the player alone, for outputs with a key. None while what is on air has no transparency (slate,
        fallback): then the key is opaque and the fill is `picture`, so that a slate covers all.
    clean: the live player on the background that was chosen, whatever is on air: no slate, fallback, freeze,
        fade or delay. Before his first picture the slate's colours, and while none comes his last one. None:
        nobody wanted it.
    preview: what the operator sees before it goes on air. None: there is nothing new to see.
    """

    picture: Picture
    layer: Layer | None = None
    clean: Picture | None = None
    preview: Picture | None = None


@dataclass(frozen=True)
class Format:
    """The programme's format. size: (width, height), pixels, both even. fps: pictures a second, exact."""

    size: tuple[int, int]
    fps: Fraction


State = Literal["off", "connecting", "running", "failed"]
"""off: it waits for the operator's order (a recorder). failed: it will try again by itself."""

Tally = Literal["off", "preview", "programme"]
"""What receivers do with the output: nothing, shown in a preview, on air."""


@dataclass(frozen=True)
class SinkStatus:
    """How an output is. reason: why it is not running, one line, or "". where: address, file or device.

    fps: pictures a second that went out of late. sent: pictures that went out. dropped: pictures that did
    not, by cause. receivers: how many look, by source ("programme", "preview"); empty where it cannot know.
    """

    name: str
    kind: str
    state: State
    reason: str = ""
    where: str = ""
    fps: float = 0.0
    sent: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    receivers: Mapping[str, int] = field(default_factory=dict)
    tally: Tally = "off"


class OutputError(RuntimeError):
    """An output cannot do what it should. The text is one line for the operator: what failed, on what, and
    what to do. retry_after_s: when to try again at the earliest, where the other side said so."""

    def __init__(self, text: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class OutputSink(ABC):
    """An output of the programme. It is fed by the programme clock (through `outputs.fanout.Outputs`) and may
    never hold it up: whatever takes time happens in a thread or process of the sink's own.

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
    def status(self) -> SinkStatus:
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
