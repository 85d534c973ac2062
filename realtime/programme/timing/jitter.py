"""A jitter buffer of one frame for the programme. Pure: it counts ticks.

Frames come at the camera's rate and with the jitter of the nets; the programme takes one at each tick. Where
the two rates are alike and frames arrive about when a tick is due, one tick finds none and the next finds
two: motion would stutter. So the older of two is shown, and the newer kept for the next tick.
"""

from __future__ import annotations

WINDOW_TICKS = 100
EMPTY_TICKS = 2
"""A frame is kept back while at least so many of the last `WINDOW_TICKS` came away empty, which is more than
one in two seconds at 30 fps. Fewer cost a frame each, and the programme is not made late for them."""


class JitterBuffer:
    """For the one thread that takes frames, the playout's. Ask once a tick."""

    def __init__(self) -> None:
        self._since_empty = [WINDOW_TICKS] * EMPTY_TICKS

    def keeps_back(self, arrived: int) -> bool:
        """Whether the newest frame should wait, if there is one before it to show. arrived: how many frames
        came since the last tick."""
        self._since_empty = [min(ticks + 1, WINDOW_TICKS) for ticks in self._since_empty]
        if not arrived:
            self._since_empty = [0, *self._since_empty[:-1]]
        return self._since_empty[-1] < WINDOW_TICKS
