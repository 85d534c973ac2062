"""Tells the operator, once each time, when the other machine is lost or heard again. Pure: time is an
argument.

The supervisor of the playout's machine calls it in every turn of its loop.
"""

from __future__ import annotations

from engines.time_units import NS_PER_S
from realtime.transport.bus import Link

PATIENCE_S = 20
"""After this time without a message, the operator is told what may be wrong."""


class LinkNotice:
    """The notices about one stage on the other machine."""

    def __init__(self, stage: str, link: Link) -> None:
        self._stage = stage
        self._link = link
        self._heard: bool | None = None
        self._since_ns: int | None = None

    def step(self, heard: bool, now_ns: int) -> str | None:
        """The news, in one line, or None. heard: whether the stage has recently said that it is ready."""
        if self._since_ns is None:
            self._since_ns = now_ns
        before, where = self._heard, f"{self._stage} at {self._link.performer}"
        if heard:
            self._heard = True
            return None if before else f"the {where} is heard"
        if before:
            self._heard = False
            return f"the {where} is not heard any more; it is back by itself once the link is"
        if before is None and now_ns - self._since_ns > PATIENCE_S * NS_PER_S:
            self._heard = False
            return (
                f"the {where} is not heard yet: it prepares its networks, or does not run, or has other "
                f"keys, or ports from {self._link.port} on are closed"
            )
        return None
