"""A fan who drives a player: picked by the operator, learned, and turned into the player's pose. The pose
step has one for each player on stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.time_units import NS_PER_MS
from realtime.performer.capture_thread import Captured
from realtime.performer.confidence import sureness
from realtime.performer.fan_picker import Picker
from realtime.performer.networks import Person, Retarget
from realtime.transport.orders import Orders

Floats = NDArray[np.float32]

FORGET_NS = 500 * NS_PER_MS
"""Somebody who was away for longer than this counts as a new dancer, like anybody else: nothing of the old
movement is carried over."""


class Dancer(NamedTuple):
    """A fan in a frame, as the player. landmarks: (33, 4) in the player's picture. turn: rises with each new
    dancer, to whom nothing of the movement before belongs. sure: see `confidence.sureness`."""

    landmarks: Floats
    turn: int
    sure: float


class Fan:
    """For the pose thread.

    picker: to be asked before each frame. known: how well the fan's body and place are known
    (`calibration.source.Knowledge`); "" where nobody is followed.
    """

    def __init__(self, shift: float = 0.0, hold_ns: int = 0) -> None:
        """shift: how far the player is moved to the right, pixels. hold_ns: for so long a fan who is lost
        stands still; then the player is not in the picture."""
        self.picker = Picker()
        self.known = ""
        self._shift = shift
        self._hold_ns = hold_ns
        self._person_id: int | None = None
        self._redos: int | None = None
        self._last: Dancer | None = None
        self._last_ns: int | None = None
        self._turn = 0

    def anew(self) -> None:
        """Nothing of the movement before belongs to who comes next."""
        self._last_ns = self._last = None

    def step(
        self,
        person: Person | None,
        retarget: Retarget,
        captured: Captured,
        orders: Orders,
        straight: Callable[[Floats], Floats],
    ) -> Dancer | None:
        """The fan in this frame, as the player; None where nobody is there. person: with finite landmarks.
        straight: takes the lens's distortion out of landmarks."""
        if person is None:
            self.known = ""
            held = self._last_ns is not None and captured.captured_ns - self._last_ns < self._hold_ns
            return self._last if held else None
        before_ns, self._last_ns = self._last_ns, captured.captured_ns
        is_new = before_ns is None or captured.captured_ns - before_ns > FORGET_NS
        is_new = is_new or person.person_id != self._person_id
        self._person_id = person.person_id
        self._enrol(retarget, orders)
        seen = straight(person.landmarks)
        if is_new:
            self._turn += 1
            retarget.reset()
        height, width = captured.picture.shape[:2]
        landmarks = retarget(seen, (width, height), captured.captured_ns)
        if self._shift:
            landmarks = landmarks + np.array([self._shift, 0, 0, 0], np.float32)
        self.known = retarget.known
        self._last = Dancer(landmarks, self._turn, sureness(person.landmarks, person.score))
        return self._last

    def _enrol(self, retarget: Retarget, orders: Orders) -> None:
        """Applies the operator's orders about learning the fan."""
        retarget.mirror, retarget.locked = orders.mirror, orders.locked
        if orders.redos != self._redos:
            if self._redos is not None:
                retarget.redo()
            self._redos = orders.redos
