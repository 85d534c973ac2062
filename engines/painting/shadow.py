"""The shadow that a player throws on the plate's floor: the outline, laid down. The renderers draw it in
every frame.

A distant light throws a point h above the floor onto it, h * across to the right and h * up farther up in the
picture (J. Blinn, "Me and My (Fake) Shadow", 1988). The player is taken as flat and upright, as the paper
doll is. So the shadow is one affine map of the outline, and soft enough to be drawn at a quarter of the
resolution.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.painting.shadow_loops import darken
from engines.skeleton import Landmark as L

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

FEET = slice(L.LEFT_HEEL, L.RIGHT_TOE + 1)
"""The landmarks' rows for heels and toes. A slice: a list would be copied to a GPU at every use."""
QUARTER = 4


class Shadow(NamedTuple):
    """The direction of the light, and how dark the shadow is.

    across, up: where a point one pixel above the floor throws its shadow, in pixels to the right of and up
    from the floor point below it. up is not 0; it is negative where the light comes from behind the player.
    soles: how far the floor lies below the lowest landmark of the feet, standing heights. strength: the share
    of the light that the shadow takes.
    """

    across: float
    up: float
    soles: float
    strength: float

    def is_sound(self) -> bool:
        """Whether its numbers can be drawn."""
        return (
            all(math.isfinite(value) for value in self)
            and 0.04 <= abs(self.up) <= 3 and abs(self.across) <= 10 and abs(self.soles) <= 1
            and 0 < self.strength <= 1
        )  # fmt: skip

    def floor(self, landmarks: Floats, standing_px: float) -> float:
        """The floor's y under a pose (33, 4), pixels."""
        return float(landmarks[FEET, 1].max()) + self.soles * standing_px

    def smoothing(self) -> int:
        """Rows of the outline that fall into one row of the shadow; odd."""
        return 2 * round(min(1 / abs(self.up), 20) / 2) + 1


def lay_down(outline: Bytes, shadow: Shadow, floor: float, out: Bytes, corner: tuple[int, int]) -> None:
    """Draws the shadow of `outline` (h, w) into `out` (H, W), 0..255.

    floor: the floor's y in `out`. corner: where (x, y) in `out` the outline begins.
    """
    rows = cv2.blur(outline, (1, shadow.smoothing()), borderType=cv2.BORDER_CONSTANT)
    x, y = corner
    # (X, Y) in the shadow comes from t = (floor - Y) / up above the floor: x = X - across * t, y = floor - t
    lean = shadow.across / shadow.up
    to_outline = np.array(
        [[1, lean, -lean * floor - x], [0, 1 / shadow.up, floor * (1 - 1 / shadow.up) - y]], np.float32
    )
    cv2.warpAffine(
        rows, to_outline, (out.shape[1], out.shape[0]), dst=out, borderMode=cv2.BORDER_CONSTANT,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )  # fmt: skip


class Floor:
    """A player's plate with the shadow on it: `picture`. For one thread.

    plate: (H, W, 3) uint8, sides in multiples of 4; without a `shadow` it stays as it is.
    """

    def __init__(self, plate: Bytes, shadow: Shadow | None, standing_px: float) -> None:
        self.picture = plate if shadow is None else plate.copy()
        self.plate, self._shadow, self._standing_px = plate, shadow, standing_px
        self._laid = np.zeros((plate.shape[0] // QUARTER, plate.shape[1] // QUARTER), np.uint8)
        self._box: NDArray[np.int64] | None = None
        self._drawn: tuple[slice, slice] | None = None

    def lit_as(self, other: Floor) -> None:
        """From now on the shadow lies as on the other floor: under that scene's lamp, or not at all. It may
        be called for every picture."""
        if self._shadow is other._shadow:
            return
        self._shadow, self._box = other._shadow, None
        if self.picture is self.plate:
            self.picture = self.plate.copy()

    def cast(self, outline: Bytes, landmarks: Floats, corner: tuple[int, int] = (0, 0)) -> bool:
        """Moves the shadow in `picture` to where the player stands now. Returns whether `picture` changed.

        outline: (h, w) uint8, of the player's doll. landmarks: (33, 4), pixels of the picture. corner: where
        (x, y) in the picture the outline begins, multiples of 4.
        """
        if self._shadow is None:
            return False
        if self._drawn is not None:
            self.picture[self._drawn] = self.plate[self._drawn]
        height, width = outline.shape
        small = cv2.resize(outline, (width // QUARTER, height // QUARTER), interpolation=cv2.INTER_AREA)
        floor = (self._shadow.floor(landmarks, self._standing_px) + 0.5) / QUARTER - 0.5
        begin = (corner[0] // QUARTER, corner[1] // QUARTER)
        lay_down(np.asarray(small, np.uint8), self._shadow, floor, self._laid, begin)
        x, y, width, height = cv2.boundingRect(self._laid)
        x0, y0 = max(x - 1, 0), max(y - 1, 0)
        x1, y1 = min(x + width + 1, self._laid.shape[1]), min(y + height + 1, self._laid.shape[0])
        rows, columns = slice(QUARTER * y0, QUARTER * y1), slice(QUARTER * x0, QUARTER * x1)
        self._box = np.array([x0, y0, x1, y1])
        darken(self.plate, self._laid, self._shadow.strength, QUARTER, self._box, self.picture)
        self._drawn = rows, columns
        return True

    def shade(self, out: Bytes) -> None:
        """Throws the shadow of the last `cast` on another picture `out` (H, W, 3), in place. `out` may end
        before the plate at its right and lower edge."""
        if self._shadow is None or self._box is None:
            return
        limit = np.array(out.shape[1::-1]) // QUARTER
        box = np.minimum(self._box, np.tile(limit, 2))
        darken(out, self._laid, self._shadow.strength, QUARTER, box, out)
