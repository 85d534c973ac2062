"""The programme's delay: a ring of its last seconds, that DUMP throws away. Pure: it counts ticks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realtime.ladder import State
from realtime.mixer import Shot

MOST_S = 5
"""The longest delay."""

STRETCH = 8
"""While a delay that was made longer builds up, each so-many-th picture goes out twice: a dance that is an
eighth slower for a while, rather than a picture that stands still."""


@dataclass(frozen=True)
class Entry:
    """A tick of the programme. frame_ns: when the frame that is new in it was captured; None without one."""

    shot: Shot
    state: State
    frame_ns: int | None = None


class DelayLine:
    """Takes one entry a tick and gives back the one from some ticks ago, or None for the safe picture.

    - At the start and after `empty` nothing comes out until the line is full: the safe picture is on air for
      as long as the delay lasts, so that the operator has his whole time to judge from the first picture on.
    - A longer delay builds up while the programme goes on (`STRETCH`); a shorter one leaves pictures out.
    - Without a delay entries pass through, and nothing is copied.

    The ring is made once, for the longest delay; the system gives it memory as it is first written to, so it
    costs none while there is no delay.
    """

    def __init__(self, most_ticks: int, size: tuple[int, int], *, keyed: bool = False) -> None:
        """most_ticks: the longest delay. size: (width, height), pixels. keyed: shots may have layers."""
        slots = most_ticks + 2  # beside those that wait: the newest, and the one on air
        self._most = most_ticks
        self._pictures = np.empty((slots, size[1], size[0], 3), np.uint8)
        self._layers = np.empty((slots, size[1], size[0], 4), np.uint8) if keyed else None
        self._entries: list[Entry | None] = [None] * slots
        self._next = 0
        self._waiting = 0
        self._filling = True
        self._since_repeat = 0
        self._on_air: Entry | None = None

    @property
    def ticks(self) -> int:
        """How many ticks what is on air is behind what comes in."""
        return max(0, self._waiting)

    def empty(self) -> int:
        """Forgets all that waits; how many frames were lost with it."""
        lost = self._drop(self._waiting)
        self._filling = True
        self._on_air = None
        return lost

    def step(self, entry: Entry, delay_ticks: int) -> tuple[Entry | None, int]:
        """What goes out at this tick, valid until the next, and how many frames were left out.

        delay_ticks: the delay that is wanted, at most `most_ticks`.
        """
        delay_ticks = min(delay_ticks, self._most)
        if delay_ticks == 0:
            lost = self._drop(self._waiting)
            self._filling = False
            self._on_air = None
            return entry, lost
        self._keep(entry)
        lost = self._drop(self._waiting - delay_ticks - 1)
        if self._waiting > delay_ticks:
            self._filling = False
            return self._pop(), lost
        if self._filling:
            return None, lost
        self._since_repeat += 1
        if self._on_air is None or self._since_repeat < STRETCH:
            return self._pop(), lost
        self._since_repeat = 0
        return Entry(self._on_air.shot, self._on_air.state), lost

    def _keep(self, entry: Entry) -> None:
        slot = self._next
        np.copyto(self._pictures[slot], entry.shot.picture)
        layer = None
        if self._layers is not None and entry.shot.layer is not None:
            layer = self._layers[slot]
            np.copyto(layer, entry.shot.layer)
        shot = Shot(self._pictures[slot], layer, entry.shot.captured_ns)
        self._entries[slot] = Entry(shot, entry.state, entry.frame_ns)
        self._next = (slot + 1) % len(self._entries)
        self._waiting += 1

    def _pop(self) -> Entry | None:
        self._on_air = self._entries[(self._next - self._waiting) % len(self._entries)]
        self._waiting -= 1
        return self._on_air

    def _drop(self, count: int) -> int:
        lost = 0
        for _ in range(count):
            entry = self._entries[(self._next - self._waiting) % len(self._entries)]
            lost += entry is not None and entry.frame_ns is not None
            self._waiting -= 1
        return lost
