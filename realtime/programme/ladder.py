"""What is on air: LIVE, and the way down when the live picture fails. Pure: time is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engines.time_units import NS_PER_MS

PROOF_MS = 300
"""How long the very first frames of a show must have come steadily before they go on air."""

STALE_PERIODS, STALE_LEAST_MS, STALE_MOST_MS = 3, 120, 500
"""A live picture is fresh while its newest frame is no older than three times the usual distance of frames,
in these bounds: a camera slower than the programme, or a frame or two that were lost, repeat a picture."""


class State(StrEnum):
    """What the programme shows."""

    LIVE = "live"
    HOLD = "hold"
    """The last live picture, standing still for a moment because none follows."""
    FREEZE = "freeze"
    """The picture that was on air when the operator froze it, for as long as the operator likes."""
    FALLBACK = "fallback"
    """The player's standby loop, or the camera."""
    SLATE = "slate"


@dataclass(frozen=True)
class Inputs:
    """What the ladder decides on, at one tick.

    newest_ns: when the newest good frame that can be trusted was finished; None before the first.
    stale_after_ns: see `stale_after_ns`. taken, frozen, slate: the operator's orders. captured_ns: when the
    newest good frame was captured; None where that makes no difference, as nothing is dumped.
    """

    newest_ns: int | None
    stale_after_ns: int
    taken: bool
    frozen: bool = False
    slate: bool = False
    fallback_ready: bool = True
    captured_ns: int | None = None


def stale_after_ns(period_ns: int) -> int:
    """The greatest age of the newest frame, since it was finished, that still counts as a moving picture.

    period_ns: how far apart frames lie of late.
    """
    return min(max(STALE_PERIODS * period_ns, STALE_LEAST_MS * NS_PER_MS), STALE_MOST_MS * NS_PER_MS)


class Ladder:
    """LIVE → HOLD → FALLBACK → SLATE, and back to LIVE.

    - LIVE turns to HOLD when the newest frame is stale, and HOLD to FALLBACK before it exceeds `hold_ns`.
    - The hold is a budget. Frames that come back while some of it is left carry on LIVE: cutting to the loop
      and back for a hiccup would look worse than the hiccup. It is refilled only by `healthy_ns` of unbroken
      live frames, so a source that flaps ends in FALLBACK.
    - From anywhere else the way back to LIVE takes `healthy_ns` of unbroken fresh frames. Only the very first
      time `proof_ns` are enough, so that a show starts soon.
    - FALLBACK turns to SLATE while there is nothing to fall back on.
    - A dump ends LIVE at once. Frames that were captured before it are as good as none, so the way back takes
      its `healthy_ns` of others.
    - The operator's slate wins over everything, the freeze over the rest.
    """

    def __init__(self, *, hold_ns: int, healthy_ns: int, proof_ns: int = PROOF_MS * NS_PER_MS) -> None:
        self.state = State.SLATE
        self._hold_ns = hold_ns
        self._healthy_ns = healthy_ns
        self._proof_ns = min(proof_ns, healthy_ns)
        self._held_ns = 0
        self._was_live = False
        self._healthy_since_ns: int | None = None
        self._last_ns: int | None = None
        self._dumped_ns: int | None = None

    def dump(self, now_ns: int) -> None:
        """Whatever was captured until now is not to be shown."""
        self.state = State.FALLBACK
        self._dumped_ns = now_ns
        self._was_live = True
        self._healthy_since_ns = None

    def step(self, now_ns: int, period_ns: int, inputs: Inputs) -> State:
        """The state from this tick to the next, `period_ns` later. `now_ns` never goes back."""
        if self.state is State.HOLD and self._last_ns is not None:
            self._held_ns += now_ns - self._last_ns
        self._last_ns = now_ns
        fresh = inputs.newest_ns is not None and now_ns - inputs.newest_ns <= inputs.stale_after_ns
        if self._dumped_ns is not None:
            fresh = fresh and inputs.captured_ns is not None and inputs.captured_ns > self._dumped_ns
        if not fresh:
            self._healthy_since_ns = None
        elif self._healthy_since_ns is None:
            self._healthy_since_ns = now_ns
        self.state = self._next(now_ns, period_ns, inputs, fresh)
        self._was_live |= self.state is State.LIVE
        return self.state

    def _next(self, now_ns: int, period_ns: int, inputs: Inputs, fresh: bool) -> State:
        if inputs.slate:
            return State.SLATE
        if inputs.frozen:
            return State.FREEZE
        healthy_ns = -1 if self._healthy_since_ns is None else now_ns - self._healthy_since_ns
        if healthy_ns >= self._healthy_ns:
            self._held_ns = 0
        if inputs.taken:
            if self.state in (State.LIVE, State.HOLD):
                if fresh:
                    return State.LIVE
                if self._held_ns + period_ns <= self._hold_ns:
                    return State.HOLD
            elif healthy_ns >= (self._healthy_ns if self._was_live else self._proof_ns):
                return State.LIVE
        return State.FALLBACK if inputs.fallback_ready else State.SLATE
