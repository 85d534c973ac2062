"""The first half: measures each frame of a clip against a keyframe of its own chunk, one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.alignment.models import MODELS, Floats, Frame, apart, magnification, model_of, unscaled
from tools.alignment.picture import THUMB, Working, working, working_size
from tools.alignment.tracking import Found, Keyframe, follow

FOLLOWED, PLAIN, LOST = 0, 1, 2
"""A frame's state. FOLLOWED: measured. PLAIN: its background has too little texture. LOST: it has texture,
but nothing agrees with the keyframe (a cut, a blur, a crowd)."""
LEAST_LEFT = 0.5
"""A frame becomes the next keyframe if fewer points agree than this share of those in the keyframe's first
frame."""
MOST_ZOOM = 1.25
"""It also does if it is larger or smaller by more than this factor."""
LOOK_AGAIN = 5
"""On a plain background, and after a keyframe, this many frames pass before another keyframe is sought."""

Chunk = dict[str, NDArray[Any]]


@dataclass
class _Rows:
    keys: list[int] = field(default_factory=list)
    maps: list[Floats] = field(default_factory=list)
    covariances: list[Floats] = field(default_factory=list)
    numbers: list[tuple[float, ...]] = field(default_factory=list)  # support, agree, residual, spread
    states: list[int] = field(default_factory=list)
    models: list[int] = field(default_factory=list)
    thumbs: list[NDArray[np.uint8]] = field(default_factory=list)
    people: list[bool] = field(default_factory=list)


class Meter:
    """Takes frames and returns chunks. It knows nothing of former chunks, so an interruption changes nothing,
    as long as the caller ends chunks at the same frames."""

    def __init__(self, size: tuple[int, int]) -> None:
        """size: (width, height) of the pictures."""
        self._size, self._small = size, working_size(size)
        self._frame = Frame(*self._small)
        self._start()

    def _start(self) -> None:
        self._rows = _Rows()
        self._keys: list[Keyframe] = []
        self._key_rows: list[int] = []
        self._before: Working | None = None
        self._expected = self._motion = np.eye(3)
        self._at_first, self._agree = 0, 1.0

    def __call__(self, picture: NDArray[np.uint8], hidden: NDArray[np.uint8]) -> None:
        """The next frame: picture (H, W, 3) uint8 BGR; hidden (H, W) uint8, not 0 where people may be.

        Raises ValueError where their size is not the meter's.
        """
        shape = (self._size[1], self._size[0])
        if picture.shape != (*shape, 3) or hidden.shape != shape:
            raise ValueError(f"pictures of {shape} were expected, not {picture.shape} and {hidden.shape}")
        seen = working(picture, hidden, self._small)
        self._rows.thumbs.append(seen.thumb)
        self._rows.people.append(bool(hidden.any()))
        if not self._keys:
            self._begin(seen)
        elif not self._keys[-1].textured:
            self._stay_plain(seen)
        else:
            self._follow(seen)
        self._before = seen

    def finish(self) -> Chunk:
        """The results since the last call, for `align`. The next frame begins another chunk."""
        rows, keys = self._rows, self._keys
        count, shape = len(rows.keys), (len(keys), self._small[1], self._small[0])
        numbers = np.array(rows.numbers, np.float32).reshape(count, 4)
        chunk = {
            "size": np.array(self._size),
            "keys": np.array(rows.keys, np.int64),
            "maps": np.array(rows.maps, np.float64).reshape(count, 3, 3),
            "covariances": np.array(rows.covariances, np.float32).reshape(count, 8, 8),
            "support": numbers[:, 0],
            "agree": numbers[:, 1],
            "residual": numbers[:, 2],
            "spread": numbers[:, 3],
            "states": np.array(rows.states, np.int8),
            "models": np.array(rows.models, np.int8),
            "thumbs": np.array(rows.thumbs, np.uint8).reshape(count, THUMB[1], THUMB[0], 3),
            "people": np.array(rows.people, np.bool_),
            "key_rows": np.array(self._key_rows, np.int64),
            "key_greys": np.array([key.picture.grey for key in keys], np.uint8).reshape(shape),
            "key_free": np.packbits(
                np.array([key.picture.free > 0 for key in keys], np.bool_).reshape(shape), axis=-1
            ),
            "key_points": _joined([key.points for key in keys], (0, 2)),
            "key_counts": np.array([len(key.points) for key in keys], np.int64),
        }
        self._start()
        return chunk

    def _begin(self, seen: Working) -> None:
        """Begins a keyframe to which nothing leads."""
        key = self._add_key(seen, len(self._rows.keys))
        self._expected = self._motion = np.eye(3)
        if not key.textured:
            self._row(PLAIN)
        else:
            self._row(FOLLOWED if self._before is None else LOST)
            self._rows.numbers[-1] = (key.support, 0.0, 0.0, 0.0)

    def _add_key(self, picture: Working, row: int) -> Keyframe:
        key = Keyframe(picture)
        self._keys.append(key)
        self._at_first, self._agree = 0, 1.0
        self._key_rows.append(row)
        return key

    def _stay_plain(self, seen: Working) -> None:
        if len(self._rows.keys) - self._key_rows[-1] >= LOOK_AGAIN:
            key = Keyframe(seen)
            if key.textured:
                self._begin(seen)
                return
        self._row(PLAIN)

    def _follow(self, seen: Working) -> None:
        key = self._keys[-1]
        found = follow(key, seen, self._starts(), usual_agree=self._agree)
        row = len(self._rows.keys)
        if found is None and self._before is not None and self._key_rows[-1] < row - 1:
            key = self._add_key(self._before, row - 1)
            found = follow(key, seen, [np.eye(3)]) if key.textured else None
        if found is None:
            self._begin(seen)
            return
        self._motion = unscaled(found.fit.matrix @ np.linalg.inv(self._expected))
        self._expected = found.fit.matrix
        self._at_first, self._agree = max(self._at_first, found.points), found.agree
        self._row(FOLLOWED, found)
        if row - self._key_rows[-1] >= LOOK_AGAIN and self._is_far(found):
            self._add_key(seen, row)
            self._expected = np.eye(3)

    def _starts(self) -> list[Floats]:
        """Guesses for the next frame's place: as far on as the last frame moved, or where that was."""
        further = unscaled(self._motion @ self._expected)
        return (
            [further, self._expected] if apart(further, self._expected, self._frame) > 1 else [self._expected]
        )

    def _is_far(self, found: Found) -> bool:
        zoom = magnification(found.fit.matrix, self._frame)
        return found.points < LEAST_LEFT * self._at_first or not 1 / MOST_ZOOM < zoom < MOST_ZOOM

    def _row(self, state: int, found: Found | None = None) -> None:
        rows = self._rows
        rows.keys.append(len(self._keys) - 1)
        rows.states.append(state)
        if found is None:
            rows.maps.append(np.eye(3))
            rows.covariances.append(np.zeros((8, 8)))
            rows.numbers.append((0.0, 0.0, 0.0, 0.0))
            rows.models.append(0)
            return
        fit = found.fit
        rows.maps.append(fit.matrix)
        rows.covariances.append(fit.covariance)
        rows.numbers.append((found.support, found.agree, fit.residual_px, fit.spread_px))
        rows.models.append(MODELS.index(model_of(fit, self._frame)))


def _joined(parts: list[NDArray[Any]], empty: tuple[int, ...]) -> NDArray[Any]:
    return np.concatenate([np.zeros(empty, np.float32), *parts])
