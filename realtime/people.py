"""Who is in the camera's picture, for the operator; and whom he wants followed. Pure: time is an argument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from realtime import messages
from realtime.nets import Followed, Sighted
from realtime.pictures.picture import ACCENT, INK, Picture, placed

PATIENCE_NS = 2_000_000_000
"""How long somebody is looked for where the operator pointed: the tracker looks around once a second."""

GONE = "the picked fan is gone: nobody dances until you pick again, or unpick"

VISIBLE = 0.5

BONES = (
    (11, 12), (11, 23), (12, 24), (23, 24),
    (11, 13), (13, 15), (12, 14), (14, 16),
    (23, 25), (25, 27), (27, 31), (24, 26), (26, 28), (28, 32),
)  # fmt: skip
"""Pairs of landmarks that are drawn as lines: trunk, arms and legs of MediaPipe's POSE_CONNECTIONS."""


Side = Annotated[int, Field(ge=1, le=1 << 16)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class People:
    """Coordinates are shares of the picture, 0..1.

    size: (width, height) of the picture, pixels. boxes: (id, x0, y0, x1, y1) of everybody seen of late.
    followed: the id of the fan who dances; None where nobody does. landmarks: his 33 (x, y, visibility), or
    empty.
    """

    size: tuple[Side, Side] = (1, 1)
    boxes: tuple[Annotated[tuple[Finite, ...], Field(min_length=5, max_length=5)], ...] = ()
    followed: int | None = None
    landmarks: tuple[Annotated[tuple[Finite, ...], Field(min_length=3, max_length=3)], ...] = ()

    @classmethod
    def seen(
        cls,
        people: Sequence[Sighted],
        followed: int | None,
        landmarks: NDArray[np.float32] | None,
        size: tuple[int, int],
    ) -> People:
        """landmarks: (33, 4), pixels of a frame of `size` (width, height)."""
        scale = np.array([*size, *size], np.float32)
        boxes = tuple((one.id, *(round(float(x), 4) for x in one.box / scale)) for one in people)
        if landmarks is None or not np.isfinite(landmarks).all():
            return cls(size, boxes, followed)
        points = landmarks[:, [0, 1, 3]] / np.array([*size, 1], np.float32)
        return cls(size, boxes, followed, tuple(tuple(round(float(x), 4) for x in point) for point in points))

    def pack(self) -> bytes:
        return messages.pack(self)

    @classmethod
    def unpack(cls, data: bytes) -> People:
        """Raises MessageError, OtherVersion."""
        return messages.unpack(cls, data)

    def brief(self) -> dict[str, Any]:
        """Without the landmarks, as plain data."""
        return {"boxes": self.boxes, "followed": self.followed}

    def draw(self, picture: Picture) -> None:
        """Boxes, and the fan's bones, in place; the camera's picture lies in `picture` as `place` puts it."""
        x, y, width, height = placed(self.size, picture.shape[1::-1])
        line = max(1, min(width, height) // 240)

        def pixel(right: float, down: float) -> tuple[int, int]:
            return x + round(_near(right) * width), y + round(_near(down) * height)

        for number, x0, y0, x1, y1 in self.boxes:
            colour = ACCENT if number == self.followed else INK
            cv2.rectangle(picture, pixel(x0, y0), pixel(x1, y1), colour, line)
        for bone in BONES if len(self.landmarks) > max(max(BONES)) else ():
            near, far = (self.landmarks[end] for end in bone)
            if min(near[2], far[2]) >= VISIBLE:
                cv2.line(picture, pixel(*near[:2]), pixel(*far[:2]), ACCENT, 2 * line, cv2.LINE_AA)


def _near(share: float) -> float:
    """No farther from the picture than OpenCV can draw to."""
    return min(max(share, -10.0), 10.0)


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
