"""All sprites of a bank in one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.doll.cutting import Bytes
from engines.doll.sprites import Sprite

Whole = NDArray[np.int64]


class Atlas(NamedTuple):
    """All sprites of a bank. pixels (N, 4): premultiplied BGRA, sprite after sprite, row by row. For F frames
    and P parts: starts (F, P), the index of each sprite's first pixel; sizes (F, P, 2), height and width;
    corners (F, P, 2), x and y in the frame."""

    pixels: Bytes
    starts: Whole
    sizes: Whole
    corners: Whole

    @classmethod
    def laid_out(cls, pixels: Bytes, sizes: Whole, corners: Whole) -> Atlas:
        """An atlas whose sprites lie one after the other in `pixels`."""
        counts = sizes.prod(axis=2)
        return cls(pixels, np.cumsum(counts).reshape(counts.shape) - counts, sizes, corners)

    @classmethod
    def of(cls, sprites: Sequence[Sequence[Sprite]]) -> Atlas:
        """The atlas of `sprites`: for each frame, one sprite a part."""
        return cls.laid_out(
            np.concatenate([each.pixels.reshape(-1, 4) for parts in sprites for each in parts]),
            np.array([[each.pixels.shape[:2] for each in parts] for parts in sprites], np.int64),
            np.array([[each.corner for each in parts] for parts in sprites], np.int64),
        )

    def sprite(self, frame: int, part: int) -> Sprite:
        """One sprite; it shares the atlas's memory."""
        start, (height, width) = int(self.starts[frame, part]), self.sizes[frame, part].tolist()
        x, y = self.corners[frame, part].tolist()
        pixels = self.pixels[start : start + height * width].reshape(height, width, 4)
        return Sprite(pixels, (x, y))
