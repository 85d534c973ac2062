"""A stage's connection to the supervisor: heartbeats with counts, pressed keys, and the order to end."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable
from dataclasses import replace

import zmq

from engines.time_units import NS_PER_S
from realtime.stages.context import StageContext
from realtime.stages.memory import freeze
from realtime.transport.bus import Bus, Press, Status
from realtime.transport.statuses import OutputStatus, PerformerStatus, PlayoutStatus, TempoStatus
from realtime.transport.telemetry import Meter

BEAT_S = 0.2
"""How often a stage sends its status."""


class StageLink:
    """For the process's main thread. Every stage has one.

    playout, performer, output, tempo: sent with the next status (`bus.Status`), as is what `loading` was
    told.
    """

    every_s = BEAT_S

    def __init__(self, context: StageContext, bus: Bus) -> None:
        self._context = context
        self._status = bus.sender("status", context.stage.name)
        self._presses = bus.sender("actions", context.stage.name)
        self._far_status: zmq.Socket[bytes] | None = None
        if bus.link is not None and bus.link.side != context.stage.side:
            raise ValueError(f"{context.stage.name} does not belong on the {bus.link.side}'s machine")
        if bus.link is not None and bus.link.side == "performer":  # the operator is on the other machine
            self._far_status = bus.sender("far_status", context.stage.name)
        self._stop = threading.Event()
        self._next_ns = 0
        self._unsent: Status | None = None
        self.bus = bus
        self.meter = Meter()
        self._loading = ("", 0.0, 0, 0)
        self._loaded = False
        self.playout: PlayoutStatus | None = None
        self.performer: PerformerStatus | None = None
        self.output: OutputStatus | None = None
        self.tempo: TempoStatus | None = None

    def stop(self) -> None:
        """Asks the stage to end; from any thread."""
        self._stop.set()

    def stopped(self) -> bool:
        return self._stop.is_set()

    def is_due(self) -> bool:
        """Whether a status is due, by time or because something has happened."""
        return time.monotonic_ns() >= self._next_ns or self.meter.has_events()

    def loading(self, doing: str, doing_s: float = 0.0, part: int = 0, parts: int = 0) -> None:
        """What the stage loads, for the next statuses: see `bus.Status`."""
        self._loading = (doing, doing_s, part, parts)

    def beat(self, alive_ns: int, *, ready: bool) -> None:
        """Sends a status if one is due. alive_ns: when the stage's slowest thread last moved. ready: whether
        the stage has loaded and works."""
        if ready and not self._loaded:
            self._loaded = True
            freeze()
        if self.is_due():
            self._next_ns = time.monotonic_ns() + int(BEAT_S * NS_PER_S)
            self._send(alive_ns, ready)

    def pressed(self, keys: Iterable[str]) -> None:
        """Reports keys pressed in a window of this process, as the table of actions names them."""
        for key in keys:
            with contextlib.suppress(zmq.Again):  # nobody receives: better lost than late
                self._presses.send(Press(key, self._context.stage.name).pack(), zmq.NOBLOCK)

    def died(self, text: str) -> None:
        """Sends the last status: what ended the process, in one line."""
        self._send(time.monotonic_ns(), ready=False, died=text)

    def flush(self) -> None:
        """Sends what was counted since the last status."""
        self._send(time.monotonic_ns(), ready=True)

    def _send(self, alive_ns: int, ready: bool, died: str = "") -> None:
        if self._unsent is None:
            self._unsent = self._make(alive_ns, ready)
        if died:
            self._unsent = replace(self._unsent, died=died)
        try:
            self._status.send(self._unsent.pack(), zmq.NOBLOCK)
        except zmq.Again:
            return  # the supervisor is not reading: these counts are sent again with the next beat
        if self._far_status is not None:
            with contextlib.suppress(zmq.Again):  # the supervisor was away for minutes: these counts are lost
                self._far_status.send(self._unsent.pack(), zmq.NOBLOCK)
        self._unsent = None

    def _make(self, alive_ns: int, ready: bool) -> Status:
        doing, doing_s, part, parts = self._loading
        return Status(
            self._context.stage.name,
            self._context.attempt,
            alive_ns,
            ready,
            self.meter.take(),
            doing,
            doing_s=doing_s,
            part=part,
            parts=parts,
            playout=self.playout,
            performer=self.performer,
            output=self.output,
            tempo=self.tempo,
        )
