"""When a picture that viewers share is made a keyframe because one of them asks. Pure: time is an argument.

A keyframe takes bits from the pictures around it, for everybody who shares the encoder. So each viewer is
granted only so many, all of them together only so many, and one who keeps asking is served from an encoder
apart.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

CLOSEST_S = 0.25
"""Keyframes of one encoder come no closer than this, besides its regular ones."""

BURST, REFILL_S = 4, 2.0
"""So many may come that close (people who join together), then one every REFILL_S."""

OF_ONE_VIEWER_S = 1.0
"""The shortest time between two keyframes on behalf of the same viewer."""

MOST_ASKED, ASKED_OVER_S = 5, 30.0
"""A viewer that asks more often than MOST_ASKED times in ASKED_OVER_S keeps asking; one that has not asked
for ASKED_OVER_S no longer does."""


@dataclass
class KeyframeBudget:
    """Of one encoder."""

    _left: float = BURST
    _at_s: float = float("-inf")
    _last_s: float = float("-inf")

    def take(self, now_s: float) -> bool:
        """Whether a keyframe may be made now; it is then counted. now_s: seconds, rising."""
        self._left = min(BURST, self._left + (now_s - self._at_s) / REFILL_S)
        self._at_s = now_s
        if now_s - self._last_s < CLOSEST_S or self._left < 1:
            return False
        self._left -= 1
        self._last_s = now_s
        return True


@dataclass
class KeyframeRequests:
    """Of one viewer. keeps_asking: whether it belongs on the encoder apart."""

    keeps_asking: bool = False
    _asked: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_ASKED + 1))
    _got_s: float = float("-inf")

    def asked(self, now_s: float) -> None:
        """It has lost the picture again; not called while it still waits for a keyframe. now_s: as above."""
        self._asked.append(now_s)
        if len(self._asked) > MOST_ASKED and now_s - self._asked[0] < ASKED_OVER_S:
            self.keeps_asking = True

    def got(self, now_s: float) -> None:
        """It was given a keyframe."""
        self._got_s = now_s

    def may_have(self, now_s: float) -> bool:
        """Whether a keyframe may be made for it."""
        return now_s - self._got_s >= OF_ONE_VIEWER_S

    def calmed(self, now_s: float) -> bool:
        """Whether it has just stopped to keep asking."""
        if not self.keeps_asking or now_s - self._asked[-1] < ASKED_OVER_S:
            return False
        self.keeps_asking = False
        self._asked.clear()
        return True
