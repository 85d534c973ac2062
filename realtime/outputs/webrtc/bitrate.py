"""Which bitrate a viewer gets. Pure: time is an argument.

A picture is encoded once for each of a few bitrates, however many watch, and a viewer moves between them by
what its receiver says it can take (REMB, draft-alvestrand-rmcat-remb). A receiver's estimate is bound to
what arrives: congestion brings it to 0.85 of that, and it never rises above 1.5 times of it (A Google
Congestion Control Algorithm for Real-Time Communication, draft-ietf-rmcat-gcc-02, section 5.5). So it is
compared with what was really sent, not with the encoder's target.
"""

from __future__ import annotations

from dataclasses import dataclass, field

STEPS = (1.0, 0.5, 0.25)
"""The bitrates, as shares of the highest."""

DOWN, UP = 0.9, 1.2
"""Estimates below / above this share of what was sent ask for the next step."""

DOWN_AFTER_S, UP_AFTER_S = 1.0, 5.0
"""How long an estimate must ask for it."""

SETTLING_S = 3.0
"""After a change (and the first picture) the receiver's estimate is not yet about what is being sent."""

LONGEST_UP_S = 60.0
"""A step up that fails doubles the time until the next one, up to this."""


@dataclass
class BitrateStep:
    """One viewer's place in STEPS. started_s: when it began to watch."""

    started_s: float
    step: int = 0
    _changed_s: float = field(init=False)
    _asking: int = 0
    _since_s: float = 0.0
    _up_after_s: float = UP_AFTER_S
    _went_up: bool = False

    def __post_init__(self) -> None:
        self._changed_s = self.started_s

    def heard(self, estimate: float, sent: float, now_s: float) -> int:
        """The step after the receiver's estimate. estimate, sent: bit/s of late. now_s: seconds, rising."""
        if now_s - self._changed_s < SETTLING_S or sent <= 0:
            self._asking = 0
            return self.step
        asks = 1 if estimate < DOWN * sent else -1 if estimate > UP * sent else 0
        if asks != self._asking:
            self._asking, self._since_s = asks, now_s
        waited_s = now_s - self._since_s
        if asks == 1 and waited_s >= DOWN_AFTER_S and self.step < len(STEPS) - 1:
            self._up_after_s = min(LONGEST_UP_S, 2 * self._up_after_s) if self._went_up else UP_AFTER_S
            self._move(1, now_s)
        elif asks == -1 and waited_s >= self._up_after_s and self.step > 0:
            self._move(-1, now_s)
        return self.step

    def settle(self, now_s: float) -> None:
        """What it was sent has changed for another reason."""
        self._changed_s = now_s
        self._asking = 0

    def _move(self, by: int, now_s: float) -> None:
        self.step += by
        self._went_up = by < 0
        self.settle(now_s)
