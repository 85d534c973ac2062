"""Tells the recorder of inputs what went out at each tick, for a show that records them."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import zmq

from realtime.programme.programme import OnAir
from realtime.transport.bus import Bus, Ticket

TICKET = (
    "frame_id", "captured_ns", "posed_ns", "generated_ns", "period_ns", "finished", "player", "trusted",
)  # fmt: skip
"""The fields of a ticket that are told."""


class Journal:
    """For the programme clock's thread, which it never keeps waiting."""

    def __init__(self, bus: Bus) -> None:
        self._socket = bus.sender("shown", "playout")
        self._ticket: Ticket | None = None

    def tick(
        self, tick: int, due_ns: int, at_ns: int, on_air: OnAir, ticket: Ticket | None, fade_s: float
    ) -> None:
        """due_ns, at_ns: when the tick was due, and went out. ticket: of the newest picture of the player
        that was read; told where it is another one. fade_s: how long a change of source fades."""
        entry: dict[str, Any] = {
            "tick": tick,
            "due_ns": due_ns,
            "at_ns": at_ns,
            "state": on_air.state.name,
            "shown_ns": on_air.shot.captured_ns,
            "player": 0 if ticket is None else ticket.player,
            "fade_s": fade_s,
        }
        if ticket is not self._ticket and ticket is not None:
            entry["ticket"] = {name: getattr(ticket, name) for name in TICKET}
        self._ticket = ticket
        with contextlib.suppress(zmq.Again):  # the recorder is not there, or hangs: it counts what it misses
            self._socket.send(json.dumps(entry).encode(), zmq.NOBLOCK)
