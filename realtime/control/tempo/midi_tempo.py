"""The tempo of a MIDI clock: a device's port and its ticks."""

from __future__ import annotations

import threading
import time
from typing import Any

from realtime.control.midi_port import MidiPort
from realtime.control.tempo.midi_clock import MidiClock
from realtime.transport.statuses import TempoStatus


class MidiTempo:
    """Listens from the moment it is made until `close`, to whichever device of that name is there."""

    def __init__(self, name: str) -> None:
        """name: see `midi_port.port_named`. Raises MidiError where the packages are missing."""
        self._source = f"MIDI clock of {name}"
        self._lock = threading.Lock()
        self._clock = MidiClock()
        self._port = MidiPort(name, self._hear)

    def status(self) -> TempoStatus:
        """The tempo now. For one thread."""
        with self._lock:
            bpm = self._clock.bpm(time.monotonic_ns())
        reason = self._port.reason
        if not reason and bpm is None:
            reason = f"no MIDI clock comes from {self._port.name}: let it send its clock"
        return TempoStatus(self._source, reason, None if reason else bpm)

    def close(self) -> None:
        self._port.close()

    def _hear(self, message: Any, at_ns: int) -> None:
        if message.type == "clock":
            with self._lock:
                self._clock.tick(at_ns)
