"""How far another machine's clock is from ours, by ping exchanges. Pure: times are arguments.

NTP's way (RFC 5905, section 8): half of an exchange's round trip is the most that its offset can be wrong,
so of the newest exchanges the quickest one counts.
"""

from __future__ import annotations

from collections import deque

KEPT = 16
"""Exchanges that the quickest is chosen from. At one a second, clocks that drift apart by 50 ppm have moved
0.8 ms by the time the oldest is given up."""


class ClockOffset:
    """Turns the other machine's monotonic nanoseconds into ours."""

    def __init__(self) -> None:
        self._exchanges: deque[tuple[int, int]] = deque(maxlen=KEPT)  # (round trip, offset)

    def add(self, sent_ns: int, there_ns: int, received_ns: int) -> None:
        """An exchange: when it left and came back, our clock; when it was there, the other's."""
        self._exchanges.append((received_ns - sent_ns, (sent_ns + received_ns) // 2 - there_ns))

    def forget(self) -> None:
        """The other machine may have been started anew."""
        self._exchanges.clear()

    @property
    def offset_ns(self) -> int | None:
        """What is added to the other's times to get ours; None before the first exchange."""
        return min(self._exchanges)[1] if self._exchanges else None

    @property
    def error_ns(self) -> int | None:
        """The most that the offset can be wrong."""
        return (min(self._exchanges)[0] + 1) // 2 if self._exchanges else None
