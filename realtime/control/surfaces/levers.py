"""Switches and faders of a control surface: from positions to presses and values. Pure: time is passed in."""

from __future__ import annotations

from dataclasses import dataclass

ON_FROM, OFF_TO = 0.6, 0.4
"""Shares of the full range: at or above the first a switch is on, at or below the second it is off. Between
them it stays what it was, so that one that trembles presses once."""

STEP = 1.5 / 127
"""A fader has moved once it differs by more than this share from what was asked for last: more than one step
of a MIDI control, so that one that trembles asks for nothing. The ends of the range always count."""

EVERY_S = 0.1
"""A fader that moves asks for something so often at most. What it shows at last is always asked for."""


@dataclass
class Switch:
    """on: None until the first position, which then presses nothing: it was there before we looked."""

    on: bool | None = False

    def turn(self, share: float) -> bool | None:
        """True where this position presses it, False where it lets go, None where neither. share: 0 to 1."""
        now = share >= ON_FROM or (bool(self.on) and share > OFF_TO)
        was, self.on = self.on, now
        return None if was is None or now == was else now


@dataclass
class Fader:
    """Its newest position counts. asked: the share that was asked for last; None until the first position."""

    asked: float | None = None
    share: float | None = None
    at_s: float = float("-inf")

    def move(self, share: float) -> None:
        """share: 0 to 1."""
        self.share = share

    def settle(self, share: float) -> None:
        """This position is known, and asks for nothing."""
        self.asked = self.share = share

    def take(self, now_s: float) -> float | None:
        """The share to ask for now; None where there is nothing new, or it is too early (`wait_s`)."""
        if self.wait_s(now_s) != 0:
            return None
        self.asked, self.at_s = self.share, now_s
        return self.share

    def wait_s(self, now_s: float) -> float | None:
        """In how many seconds `take` gives something; None where there is nothing to give."""
        if self.share is None or self.share == self.asked:
            return None
        if self.asked is not None and abs(self.share - self.asked) <= STEP and self.share not in (0.0, 1.0):
            return None
        return max(0.0, self.at_s + EVERY_S - now_s)
