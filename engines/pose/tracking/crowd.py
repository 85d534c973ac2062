"""Everybody in the picture: the detector's looks at it, and who was seen in them. Two trackers of the same
people share one crowd (`pair.py`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.pose.detector import Detector, Window
from engines.pose.device_frame import Frame, on_host
from engines.pose.tracking import appearance
from engines.pose.tracking.close_look import is_inside
from engines.pose.tracking.liveliness import Liveliness
from engines.pose.tracking.roster import Body, Known, Roster

Floats = NDArray[np.float32]

SURE_SCORE = 0.6
"""The least score of a detection to start following: in real rooms furniture reaches 0.58, people 0.8 and
more. Someone lost a moment ago is taken back at the detector's own threshold."""


@dataclass(frozen=True)
class Person:
    """Someone in the frame. box: (4,) float32, x0, y0, x1, y1 around the body, pixels, within the frame.

    circle: (4,), the box of the circle that holds the body however the arms are stretched. score: 0..1, the
    detector's.
    """

    id: int
    box: Floats
    circle: Floats
    score: float


class Crowd:
    """For one thread. roster: everybody known. people: likewise, for whoever shows or picks them. present:
    whom the last search of a whole frame saw, by id; searched_ns: when that was."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.roster = Roster()
        self.reset()

    def reset(self) -> None:
        """Forgets everybody."""
        self.roster.clear()
        self.people: tuple[Person, ...] = ()
        self.present: set[int] = set()
        self.searched_ns: int | None = None
        self._liveliness = Liveliness()

    @property
    def motion(self) -> dict[int, float]:
        """See `Liveliness`; it moves on with `watch`."""
        return self._liveliness.motion

    def watch(self, frame: Frame, t_ns: int) -> None:
        """Measures how lively everybody is; once a frame is enough, twice does no harm."""
        if (picture := on_host(frame)) is not None:
            self._liveliness.step(picture, self.roster.everybody(), t_ns)

    def search(self, frame: Frame, t_ns: int, window: Window | None = None) -> list[Known]:
        """The people that the detector sees, in the whole frame or a part of it."""
        bodies = []
        for detection in self.detector(frame, window):
            trunk = detection.keypoints[[2, 0]]
            body = Body(detection.region, trunk, detection.score, look(frame, trunk))
            if window is None or is_inside(body, window):
                bodies.append(body)
        seen = self.roster.see(bodies, t_ns, 0.0 if window is None else SURE_SCORE)
        height, width = frame.shape[:2]
        limit = np.array([width, height, width, height], np.float32)
        self.people = tuple(
            Person(
                one.person_id,
                np.clip(one.body.region.body_box, 0, limit),
                np.clip(one.body.region.circle_box, 0, limit),
                one.body.score,
            )
            for one in self.roster.everybody()
        )
        if window is None:
            self.present = {one.person_id for one in seen}
            self.searched_ns = t_ns
        return seen


def look(frame: Frame, trunk: Floats) -> Floats | None:
    """The clothes of a body by its trunk (2, 2), see `appearance.look`; None where the frame is not on the
    host."""
    picture = on_host(frame)
    if picture is None:
        return None
    return appearance.look(picture, trunk, appearance.brightness_of(picture))
