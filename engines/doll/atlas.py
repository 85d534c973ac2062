"""All sprites of a bank in one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.doll.cutting import Bytes
from engines.doll.sprites import Sprite

Whole = NDArray[np.int64]


class Atlas(NamedTuple):
    """pixels (N, 4): of all sprites, row by row, premultiplied BGRA. Of F frames and P parts: starts (F, P),
    each sprite's first pixel; sizes (F, P, 2), height and width; corners (F, P, 2), x and y in the frame."""

    pixels: Bytes
    starts: Whole
    sizes: Whole
    corners: Whole

    @classmethod
    def laid_out(cls, pixels: Bytes, sizes: Whole, corners: Whole) -> Atlas:
        """One whose sprites follow one another."""
        counts = sizes.prod(axis=2)
        return cls(pixels, np.cumsum(counts).reshape(counts.shape) - counts, sizes, corners)

    @classmethod
    def of(cls, sprites: Sequence[Sequence[Sprite]]) -> Atlas:
        """Of frames, their parts' sprites."""
        return cls.laid_out(
            np.concatenate([each.pixels.reshape(-1, 4) for parts in sprites for each in parts]),
            np.array([[each.pixels.shape[:2] for each in parts] for parts in sprites], np.int64),
            np.array([[each.corner for each in parts] for parts in sprites], np.int64),
        )

    def sprite(self, frame: int, part: int) -> Sprite:
        """Its pixels are those of the atlas."""
        start, (height, width) = int(self.starts[frame, part]), self.sizes[frame, part].tolist()
        x, y = self.corners[frame, part].tolist()
        pixels = self.pixels[start : start + height * width].reshape(height, width, 4)
        return Sprite(pixels, (x, y))

    def smaller(self, scale: int) -> Atlas:
        """The same sprites, their sides `scale` times smaller, each pixel the mean of what it covers; beyond
        a sprite's edge it is clear. The corners stay those of the whole ones."""
        if scale == 1:
            return self
        sizes = -(-self.sizes // scale)
        other = Atlas.laid_out(np.empty((int(sizes.prod(axis=2).sum()), 4), np.uint8), sizes, self.corners)
        for frame, part in np.ndindex(*self.starts.shape):
            pixels, out = self.sprite(frame, part).pixels, other.sprite(frame, part).pixels
            rows, columns = out.shape[:2]
            down, across = scale * rows - pixels.shape[0], scale * columns - pixels.shape[1]
            whole = cv2.copyMakeBorder(pixels, 0, down, 0, across, cv2.BORDER_CONSTANT)
            cv2.resize(whole, (columns, rows), dst=out, interpolation=cv2.INTER_AREA)
        return other
