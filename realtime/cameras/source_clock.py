"""When a picture was taken, by its sender's clock. Pure: times are arguments."""

from __future__ import annotations

from engines.time_units import NS_PER_MS, NS_PER_S

WINDOW_NS = 5 * NS_PER_S
"""The quickest picture of one or two such windows counts. Clocks that drift apart by 50 ppm are 0.5 ms apart
after two."""

JUMP_NS = 500 * NS_PER_MS
"""A picture that is later than the quickest by more: the sender's clock was set."""

LEAST_STEP_NS = NS_PER_MS


class SourceClock:
    """Turns a sender's stamps into times of this machine.

    How far the two clocks are apart is not known, so the quickest picture of late is taken to have been under
    way for no time. What is left is the sender's own rhythm, without the network's jitter.
    """

    def __init__(self) -> None:
        self._now_ns: int | None = None
        self._before_ns = 0
        self._since_ns = 0
        self._taken_ns = 0

    def __call__(self, stamp_ns: int, arrived_ns: int) -> int:
        """When the picture was taken, after the one before and not later than it arrived, ours. stamp_ns: the
        sender's clock; arrived_ns: ours."""
        delay_ns = arrived_ns - stamp_ns
        if self._now_ns is None or delay_ns - min(self._now_ns, self._before_ns) > JUMP_NS:
            self._now_ns = self._before_ns = delay_ns
            self._since_ns = arrived_ns
        elif arrived_ns - self._since_ns > WINDOW_NS:
            self._before_ns, self._now_ns, self._since_ns = self._now_ns, delay_ns, arrived_ns
        self._now_ns = min(self._now_ns, delay_ns)
        taken_ns = stamp_ns + min(self._now_ns, self._before_ns)
        self._taken_ns = min(arrived_ns, max(taken_ns, self._taken_ns + LEAST_STEP_NS))
        return self._taken_ns
