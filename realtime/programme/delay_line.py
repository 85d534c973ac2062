"""The programme's delay: a ring of its last seconds, that DUMP throws away. Pure: it counts ticks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from realtime.programme.ladder import State
from realtime.programme.mixer import Shot

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
      as long as the delay lasts, so that the operator has the whole time to judge from the first picture on.
    - A longer delay builds up while the programme goes on (`STRETCH`); a shorter one leaves pictures out.
    - Without a delay entries pass through, and nothing is copied.

    Its memory is reserved once, for the longest delay, and slots that were used before are used first: a
    delay costs no more memory than it needs, and none once it has built up.
    """

    def __init__(self, most_ticks: int, size: tuple[int, int], *, keyed: bool = False) -> None:
        """most_ticks: the longest delay. size: (width, height), pixels. keyed: shots may have layers."""
        slots = most_ticks + 2  # beside those that wait: the newest, and the one on air
        self._most = most_ticks
        self._pictures = np.empty((slots, size[1], size[0], 3), np.uint8)
        self._layers = np.empty((slots, size[1], size[0], 4), np.uint8) if keyed else None
        self._free = list(range(slots))[::-1]
        self._waiting: deque[tuple[int, Entry]] = deque()
        self._slot_on_air: int | None = None
        self._filling = True
        self._since_repeat = 0
        self._on_air: Entry | None = None

    @property
    def ticks(self) -> int:
        """How many ticks what is on air is behind what comes in."""
        return len(self._waiting)

    @property
    def is_filling(self) -> bool:
        """Whether nothing comes out, until it is full."""
        return self._filling

    def empty(self) -> int:
        """Forgets all that waits; how many frames were lost with it."""
        lost = self._drop(len(self._waiting))
        self._filling = True
        self._put_on_air(None, None)
        return lost

    def step(self, entry: Entry, delay_ticks: int) -> tuple[Entry | None, int]:
        """What goes out at this tick, valid until the next, and how many frames were left out.

        delay_ticks: the delay that is wanted, at most `most_ticks`.
        """
        delay_ticks = min(delay_ticks, self._most)
        if delay_ticks == 0:
            lost = self._drop(len(self._waiting))
            self._filling = False
            self._put_on_air(None, None)
            return entry, lost
        self._keep(entry)
        lost = self._drop(len(self._waiting) - delay_ticks - 1)
        if len(self._waiting) > delay_ticks:
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
        slot = self._free.pop()
        np.copyto(self._pictures[slot], entry.shot.picture)
        layer = None
        if self._layers is not None and entry.shot.layer is not None:
            layer = self._layers[slot]
            np.copyto(layer, entry.shot.layer)
        shot = Shot(self._pictures[slot], layer, entry.shot.captured_ns)
        self._waiting.append((slot, Entry(shot, entry.state, entry.frame_ns)))

    def _pop(self) -> Entry:
        slot, entry = self._waiting.popleft()
        self._put_on_air(slot, entry)
        return entry

    def _put_on_air(self, slot: int | None, entry: Entry | None) -> None:
        if self._slot_on_air is not None:
            self._free.append(self._slot_on_air)
        self._slot_on_air, self._on_air = slot, entry

    def _drop(self, count: int) -> int:
        lost = 0
        for _ in range(count):
            slot, entry = self._waiting.popleft()
            self._free.append(slot)
            lost += entry.frame_ns is not None
        return lost
