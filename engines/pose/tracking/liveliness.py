"""Measures how much people move, from the changes in the picture where they are. It needs no net."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from engines.pose.tracking.roster import Known
from engines.time_units import NS_PER_MS, NS_PER_S

EVERY_NS = 150 * NS_PER_MS
"""Pictures this far apart are compared."""
OVER_S = 1.5
"""Motion is averaged over about this time."""
ROWS, COLUMNS = 32, 16
"""The pixels that are sampled in a person's box."""
NOISE = 6.0
"""Grey levels: smaller changes are the camera's noise."""


class Liveliness:
    """The recent motion of everybody in view. motion: by id, the share of the person's box that changes from
    one look to the next, 0..1; somebody seen only once is not in it."""

    def __init__(self) -> None:
        self.motion: dict[int, float] = {}
        self._before: dict[int, tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int16]]] = {}
        self._looked_ns: int | None = None

    def step(self, picture: NDArray[np.uint8], people: Iterable[Known], t_ns: int) -> None:
        """Call it for every frame. picture: (H, W, 3) uint8 BGR."""
        passed_ns = EVERY_NS if self._looked_ns is None else t_ns - self._looked_ns
        if passed_ns < EVERY_NS:
            return
        self._looked_ns = t_ns
        share = 1 - math.exp(-passed_ns / NS_PER_S / OVER_S)
        before, self._before = self._before, {}
        motion: dict[int, float] = {}
        height, width = picture.shape[:2]
        for known in people:
            number = known.person_id
            if number in before:  # their former box: what moves along with them counts too
                rows, columns, values = before[number]
                if rows[-1, 0] < height and columns[0, -1] < width:
                    change = np.abs(picture[rows, columns, 1].astype(np.int16) - values)
                    now = float((change > NOISE).mean())
                    was = self.motion.get(number)
                    motion[number] = now if was is None else was + share * (now - was)
            x0, y0, x1, y1 = known.body.region.body_box.clip(
                0, (width - 1, height - 1, width - 1, height - 1)
            )
            rows = np.linspace(y0, y1, ROWS).astype(np.intp)[:, None]
            columns = np.linspace(x0, x1, COLUMNS).astype(np.intp)[None, :]
            self._before[number] = rows, columns, picture[rows, columns, 1].astype(np.int16)
        self.motion = motion
