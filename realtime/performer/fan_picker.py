"""Makes the tracker follow whom the operator points at. Pure: time is an argument.

For the pose thread, before each frame is tracked.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.time_units import NS_PER_S
from realtime.performer.networks import Followed
from realtime.transport.people import People

PATIENCE_NS = 2 * NS_PER_S
"""How long somebody is looked for where the operator pointed: the tracker looks around once a second."""

GONE = "the picked fan is gone: nobody dances until you pick again, or unpick"


class Picker:
    """Makes the tracker follow whom the operator points at."""

    def __init__(self) -> None:
        self._picks: int | None = None
        self._place: tuple[float, ...] = ()
        self._until_ns = 0
        self._missing = False

    def step(
        self, place: tuple[float, ...], picks: int, tracker: Followed, size: tuple[int, int], now_ns: int
    ) -> str | None:
        """Before a frame is tracked; what the operator should hear, if anything.

        place: a point (x, y), a box (x0, y0, x1, y1), 0..1, or () for whoever is found. picks: rises with
        each choice; the first number is taken for granted. size: (width, height) of the frames.
        """
        if picks != self._picks:
            first, self._picks = self._picks is None, picks
            if not first:
                self._place, self._until_ns = place, now_ns + PATIENCE_NS
                if place:
                    self._look(tracker, size)
                else:
                    tracker.follow(None)
        if not self._place:
            missing, self._missing = self._missing, tracker.is_missing
            return GONE if tracker.is_missing and not missing else None
        if tracker.is_looking:
            return None
        found = choose(self._place, People.seen(tracker.people, None, None, size).boxes)
        if found is not None:
            tracker.follow(found)
        elif now_ns < self._until_ns:
            self._look(tracker, size)
            return None
        self._place, self._missing = (), False
        return None if found is not None else "nobody was found where the operator picked"

    def _look(self, tracker: Followed, size: tuple[int, int]) -> None:
        """The tracker is to look closely where the operator pointed: from afar it overlooks people."""
        x, y = (sum(self._place[axis::2]) / len(self._place[axis::2]) for axis in (0, 1))
        tracker.look_at(x * size[0], y * size[1], size)


def choose(place: tuple[float, ...], boxes: Sequence[tuple[float, ...]]) -> int | None:
    """The id of the person at a place; None where nobody is. A point: of the boxes (id, x0, y0, x1, y1) that
    hold it, the one whose centre is nearest for its size. A box: the one that shares most of their union with
    it."""
    best, best_score = None, 0.0
    for number, x0, y0, x1, y1 in boxes:
        if len(place) == 2:
            x, y = place
            inside = x0 <= x <= x1 and y0 <= y <= y1
            wide, high = max(x1 - x0, 1e-9), max(y1 - y0, 1e-9)
            off = np.hypot((x - (x0 + x1) / 2) / wide, (y - (y0 + y1) / 2) / high)
            score = 1 / (1e-3 + off) if inside else 0.0
        else:
            wide = max(0.0, min(x1, place[2]) - max(x0, place[0]))
            high = max(0.0, min(y1, place[3]) - max(y0, place[1]))
            areas = (x1 - x0) * (y1 - y0) + (place[2] - place[0]) * (place[3] - place[1])
            score = wide * high / max(areas - wide * high, 1e-9)
        if score > best_score:
            best, best_score = int(number), float(score)
    return best
