"""The floor on which people may dance, as a quadrilateral of the camera's picture. The chooser asks whether
somebody's feet are on it. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engines.pose.region import MARGIN, Region

FEET = 0.87
"""How far below the hips the feet are, in radii of the body's circle. In five clips of real people the lowest
landmark of the feet is 0.64 to 1.02 below (medians of each clip), mostly about 0.9."""


class Floor:
    """corners: four points (x, y), shares of the picture, in order around the floor."""

    def __init__(self, corners: Sequence[tuple[float, float]]) -> None:
        self.corners = tuple(corners)
        around = np.array(self.corners)
        following = np.roll(around, -1, axis=0)
        area = (around[:, 0] * following[:, 1] - following[:, 0] * around[:, 1]).sum()
        self._inside = 1.0 if area > 0 else -1.0

    def holds(self, region: Region, size: tuple[int, int], margin: float = 0.0) -> bool:
        """Whether somebody stands on it. Feet beyond the picture count as at its edge.

        region: the body's. size: (width, height) of the picture, pixels. margin: by how far the feet may be
        outside, in diameters of the body's circle.
        """
        x, y = feet_of(region)
        x, y = min(max(x, 0.0), size[0]), min(max(y, 0.0), size[1])
        reach = margin * region.side / MARGIN
        for n in range(4):
            (x0, y0), (x1, y1) = self.corners[n - 1], self.corners[n]
            dx, dy = (x1 - x0) * size[0], (y1 - y0) * size[1]
            off = self._inside * (dx * (y - y0 * size[1]) - dy * (x - x0 * size[0])) / math.hypot(dx, dy)
            if off < -reach:
                return False
        return True


def feet_of(region: Region) -> tuple[float, float]:
    """Where somebody's feet are, pixels, by the circle around the body."""
    down = FEET * region.side / MARGIN / 2
    return region.x - math.sin(region.angle) * down, region.y + math.cos(region.angle) * down
