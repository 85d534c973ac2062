"""Parts of a frame that are looked at closely: a detector overlooks people in a whole frame. Pure."""

from __future__ import annotations

from engines.pose.detector import Window
from engines.pose.region import Region
from engines.pose.tracking.roster import Body

AROUND = 1.2
"""Side of a close look around somebody, over his region's."""
GLANCES = (0.75, 0.5, 0.3)
"""Sides of the close looks at a place, over the picture's shorter side."""
RIM = 0.1
"""Bodies in this share of a close look at each edge are not believed: they are cut there."""
LARGEST = 1.5
"""Nor is a body whose circle is larger than a close look by this."""


def around(region: Region) -> Window:
    """A close look around a body."""
    return Window(region.x, region.y, AROUND * region.side)


def glances(x: float, y: float, size: tuple[int, int]) -> list[Window]:
    """Close looks at a place (pixels) of a picture of `size` (width, height), for people of every size."""
    return [Window(x, y, share * min(size)) for share in GLANCES]


def is_inside(body: Body, window: Window) -> bool:
    """Whether a close look shows enough around a body for it to be believed."""
    reach = (0.5 - RIM) * window.side
    middle = abs(body.x - window.x) <= reach and abs(body.y - window.y) <= reach
    return middle and body.size <= LARGEST * window.side
