"""The process that follows the music's tempo: a MIDI clock's or Ableton Link's, as the show file says.

It only reports the tempo, with its status; the supervisor gives it to the desk as the action `tempo`. So a
tempo stays in force when its source, or this process, is lost.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import Protocol

from realtime.config.tempo import LINK, MIDI
from realtime.control.midi_port import MidiError
from realtime.control.tempo.link_tempo import LinkError, LinkTempo
from realtime.control.tempo.midi_tempo import MidiTempo
from realtime.stages.context import StageContext
from realtime.stages.stage_link import StageLink
from realtime.transport.bus import receive_newest
from realtime.transport.orders import Orders
from realtime.transport.statuses import TempoStatus

FREEWHEELS = "the tempo goes on as it was"


class TempoSource(Protocol):
    """Where a tempo comes from."""

    def status(self) -> TempoStatus: ...

    def close(self) -> None: ...


class NoSource:
    """One whose package is missing."""

    def __init__(self, name: str, reason: str) -> None:
        self._status = TempoStatus(name, reason)

    def status(self) -> TempoStatus:
        return self._status

    def close(self) -> None:
        pass


def open_source(source: str) -> TempoSource:
    """source: of the show file; not "tap"."""
    try:
        return LinkTempo() if source == LINK else MidiTempo(source.removeprefix(MIDI).strip())
    except (MidiError, LinkError) as error:
        return NoSource(source, str(error))


def run(context: StageContext, link: StageLink) -> None:
    """The process: until the operator or the parent ends it."""
    orders = link.bus.receiver("orders", context.stage.name)
    told = ""
    with closing(open_source(context.rig.show.tempo.source)) as source:
        while not link.stopped():
            orders.poll(int(1000 * link.every_s))
            message = receive_newest(orders)
            if message is not None and Orders.unpack(message).quit:
                return
            link.tempo = source.status()
            heard = link.tempo.reason or f"{link.tempo.source} is followed"
            if heard != told:
                told = heard
                line = f"{heard}; {FREEWHEELS}" if link.tempo.reason else heard
                link.meter.event(time.monotonic_ns(), line)
            link.beat(time.monotonic_ns(), ready=True)
