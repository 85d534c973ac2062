"""Two people followed at once, never the same one twice: for a duet's pose thread."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engines.pose.device_frame import Frame
from engines.pose.tracking.crowd import look
from engines.pose.tracking.roster import Body
from engines.pose.tracking.tracker import Pose, PoseTracker

SAME = 0.08
"""Two bodies whose shoulders and hips are all nearer to each other than this are one, in diameters of the
body's circle. Of two people so near, the one behind is not seen."""


class Pair:
    """Two trackers over the same nets, called one after the other. For one thread.

    first, second: to pick, choose and reset by.
    """

    def __init__(self, first: PoseTracker) -> None:
        self.first, self.second = first, first.companion()

    def __call__(self, frame: Frame, t_ns: int) -> tuple[Pose | None, Pose | None]:
        """The poses of the first and the second person. Arguments and errors are those of `PoseTracker`.

        Where two people cross, the landmark net may find the one in front for both. Then the pose is that of
        whom it fits better, by place and clothes; the other one is lost until seen again.
        """
        first, second = self.first(frame, t_ns), self.second(frame, t_ns)
        if first is None or second is None or not is_same(self.first.body, self.second.body):
            return first, second
        body = replace(self.first.body, look=look(frame, self.first.body.trunk))
        if self.first.unlikely(body, t_ns) > self.second.unlikely(body, t_ns):
            self.first.give_up(t_ns)
            return None, second
        self.second.give_up(t_ns)
        return first, None


def is_same(one: Body, other: Body) -> bool:
    """Whether two bodies tracked in one frame are one person's."""
    apart = np.linalg.norm(one.trunk - other.trunk, axis=1).max()
    return bool(apart < SAME * (one.size + other.size) / 2)
