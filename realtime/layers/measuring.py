"""What is laid over the programme to measure by: a marker, a flash for a light meter, a chart of colours."""

from __future__ import annotations

import numpy as np

from calibration import board_colour, marker
from realtime.pictures.picture import Picture
from realtime.transport.orders import Orders

FLASH_TICKS = 3
"""How long a flash lasts."""


class MeasuringPictures:
    """For the programme clock's thread. Call `over` at every tick. flashes: a flash begins with this one."""

    def __init__(self, size: tuple[int, int]) -> None:
        """size: (width, height) of the programme."""
        self._size = size
        self._out: Picture | None = None
        self._chart: Picture | None = None
        self._seen: int | None = None
        self._left = 0
        self.flashes = False

    def over(self, below: Picture, tick: int, orders: Orders, *, slated: bool) -> Picture:
        """The picture that goes out, valid until the next call: `below` itself where nothing is measured or
        the slate is on air."""
        self.flashes = self._seen is not None and orders.flashes != self._seen and not slated
        self._seen = orders.flashes
        if self.flashes:
            self._left = FLASH_TICKS
        white, self._left = self._left > 0, max(0, self._left - 1)
        if slated or not (white or orders.measuring or orders.chart):
            return below
        if self._out is None:  # few shows are measured
            self._out = np.empty((self._size[1], self._size[0], 3), np.uint8)
        if white:
            self._out.fill(255)
        elif orders.chart:
            if self._chart is None:
                self._chart = board_colour.draw_chart(self._size)
            np.copyto(self._out, self._chart)
        else:
            np.copyto(self._out, below)
        if orders.measuring:
            marker.draw(self._out, tick)
        return self._out
