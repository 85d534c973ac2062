"""Who is in the camera's picture: the performer sends it with each frame that it has examined.

The playout draws it into the preview of the camera (`programme.camera_preview`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from realtime.transport import messages

Side = Annotated[int, Field(ge=1, le=1 << 16)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Point = tuple[Finite, Finite]
Landmarks = tuple[Annotated[tuple[Finite, ...], Field(min_length=3, max_length=3)], ...]


class Sighted(Protocol):
    """`engines.pose.tracking.tracker.Person`. box: (4,) x0, y0, x1, y1, pixels of the frame."""

    @property
    def id(self) -> int: ...

    @property
    def box(self) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class People:
    """Coordinates are shares of the picture, 0..1.

    size: (width, height) of the picture, pixels. boxes: (id, x0, y0, x1, y1) of everybody seen recently.
    followed: the id of the fan who dances; None where nobody dances. landmarks: the dancing fan's 33 (x, y,
    visibility), or empty. second, second_landmarks: likewise, of a duet's second fan. floor: the corners
    (x, y) of the floor on which people may dance, or empty. mark: the stage mark (x, y), where there is a
    floor.
    """

    size: tuple[Side, Side] = (1, 1)
    boxes: tuple[Annotated[tuple[Finite, ...], Field(min_length=5, max_length=5)], ...] = ()
    followed: int | None = None
    landmarks: Landmarks = ()
    second: int | None = None
    second_landmarks: Landmarks = ()
    floor: Annotated[tuple[Point, ...], Field(max_length=4)] = ()
    mark: Point | None = None

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
