"""What the performer says of the switch to another player.

It needs nothing but Python: a bare GPU machine, which has no pydantic, runs the switch too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SwapState(StrEnum):
    """The state of the switch to the player who was asked for last."""

    READY = "ready"
    """The player dances."""
    LOADING = "loading"
    FAILED = "failed"
    """The player could not be loaded; the previous one keeps dancing."""


@dataclass(frozen=True)
class SwapStatus:
    """name: the player who dances. reason: why the player asked for last cannot dance, one line; "" unless
    FAILED."""

    name: str = ""
    state: SwapState = SwapState.LOADING
    reason: str = ""
