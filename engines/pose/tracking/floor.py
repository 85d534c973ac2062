"""The floor on which people may dance, as a quadrilateral of the camera's picture. The chooser asks whether
somebody's feet are on it. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engines.pose.region import MARGIN, Region

FEET = 0.87
"""How far below the hips the feet are, in radii of the body's circle. Of somebody who is tracked, on five
clips of real people, that is right to within a tenth of the body's height."""
LEG = 1.75
"""At most as far below as this times the trunk: where arms are raised, the detector's circle is too large.
The medians of six clips are 1.4 to 1.9."""


class Floor:
    """corners: four points (x, y), shares of the picture, in order around the floor."""

    def __init__(self, corners: Sequence[tuple[float, float]]) -> None:
        self.corners = tuple(corners)
        around = np.array(self.corners)
        following = np.roll(around, -1, axis=0)
        area = (around[:, 0] * following[:, 1] - following[:, 0] * around[:, 1]).sum()
        self._inside = 1.0 if area > 0 else -1.0

    def holds(self, feet: tuple[float, float], size: tuple[int, int], reach: float = 0.0) -> bool:
        """Whether somebody stands on it. Feet beyond the picture count as at its edge.

        feet: pixels. size: (width, height) of the picture, pixels. reach: by how far the feet may be outside,
        pixels.
        """
        x, y = min(max(feet[0], 0.0), size[0]), min(max(feet[1], 0.0), size[1])
        for n in range(4):
            (x0, y0), (x1, y1) = self.corners[n - 1], self.corners[n]
            dx, dy = (x1 - x0) * size[0], (y1 - y0) * size[1]
            off = self._inside * (dx * (y - y0 * size[1]) - dy * (x - x0 * size[0])) / math.hypot(dx, dy)
            if off < -reach:
                return False
        return True


def feet_of(region: Region, trunk_px: float | None = None) -> tuple[float, float]:
    """Where somebody's feet are, pixels, by the circle around the body; trunk_px: and by the trunk's length,
    for what the detector has found."""
    down = FEET * region.side / MARGIN / 2
    if trunk_px is not None:
        down = min(down, LEG * trunk_px)
    return region.x - math.sin(region.angle) * down, region.y + math.cos(region.angle) * down
