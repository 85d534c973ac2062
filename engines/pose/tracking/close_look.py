"""The parts of a frame that are searched closely, because the detector overlooks people in a whole frame.
Pure."""

from __future__ import annotations

from engines.pose.detector import Window
from engines.pose.region import MARGIN, Region
from engines.pose.tracking.floor import FEET, Floor
from engines.pose.tracking.roster import Body

AROUND = 1.2
"""Side of a close look around a person, over the side of their region."""
GLANCES = (0.75, 0.5, 0.3)
"""Sides of the close looks at a place, over the picture's shorter side."""
LEAST_OF_FLOOR = 0.75
"""Side of the close look at a floor, over the picture's shorter side, at least: people are taller than a
small floor is wide."""
RIM = 0.1
"""A body within this share of a close look from its edge is ignored: it may be cut off there."""
LARGEST = 1.5
"""A body whose circle is larger than the close look by this factor is ignored too."""


def around(region: Region) -> Window:
    """The close look around a body."""
    return Window(region.x, region.y, AROUND * region.side)


def glances(x: float, y: float, size: tuple[int, int]) -> list[Window]:
    """The close looks at a place (pixels) in a picture of `size` (width, height), for people of every
    size."""
    return [Window(x, y, share * min(size)) for share in GLANCES]


def at_floor(floor: Floor, size: tuple[int, int]) -> Window:
    """The close look at those who stand in the middle of a floor, as wide as the floor."""
    across, down = ([corner[axis] * size[axis] for corner in floor.corners] for axis in (0, 1))
    side = max(AROUND * (max(across) - min(across)), LEAST_OF_FLOOR * min(size))
    hips = FEET * side / AROUND / MARGIN / 2
    return Window(sum(across) / 4, sum(down) / 4 - hips, side)


def is_inside(body: Body, window: Window) -> bool:
    """Whether the close look shows enough around a body for the detection to be trusted."""
    reach = (0.5 - RIM) * window.side
    middle = abs(body.x - window.x) <= reach and abs(body.y - window.y) <= reach
    return middle and body.size <= LARGEST * window.side
