"""The difference between another machine's clock and ours, from ping exchanges. Pure: times are arguments.

As in NTP (RFC 5905, section 8): an exchange's offset is wrong by at most half its round trip, so of the
newest exchanges the quickest one counts.
"""

from __future__ import annotations

from collections import deque

KEPT = 16
"""Exchanges among which the quickest is chosen. At one a second, clocks that drift by 50 ppm move apart by
0.8 ms until the oldest exchange is dropped."""


class ClockOffset:
    """Turns the other machine's monotonic nanoseconds into ours."""

    def __init__(self) -> None:
        self._exchanges: deque[tuple[int, int]] = deque(maxlen=KEPT)  # (round trip, offset)

    def add(self, sent_ns: int, there_ns: int, received_ns: int) -> None:
        """One exchange. sent_ns, received_ns: when it left and came back, our clock. there_ns: the other
        machine's time."""
        self._exchanges.append((received_ns - sent_ns, (sent_ns + received_ns) // 2 - there_ns))

    def forget(self) -> None:
        """Forgets all exchanges: the other machine may have been restarted."""
        self._exchanges.clear()

    @property
    def offset_ns(self) -> int | None:
        """What to add to the other machine's times to get ours; None before the first exchange."""
        return min(self._exchanges)[1] if self._exchanges else None

    @property
    def error_ns(self) -> int | None:
        """The most by which the offset can be wrong."""
        return (min(self._exchanges)[0] + 1) // 2 if self._exchanges else None
