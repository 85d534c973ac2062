"""Which way up a picture is to be shown: the display matrix of phones and of mirrored recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from realtime.pictures.filters import Filter


class Orientation(NamedTuple):
    """What brings a stored picture upright: rows and columns exchanged first, then flips."""

    transposed: bool = False
    left_right: bool = False
    up_down: bool = False

    @classmethod
    def turned(cls, degrees: float) -> Orientation:
        """Counterclockwise, to the nearest quarter turn."""
        return (cls(), cls(True, False, True), cls(False, True, True), cls(True, True, False))[
            round(degrees / 90) % 4
        ]

    @property
    def filters(self) -> list[Filter]:
        """The same as FFmpeg's filters."""
        if self.transposed:
            directions = {
                (False, False): "cclock_flip",
                (True, False): "clock",
                (False, True): "cclock",
                (True, True): "clock_flip",
            }
            return [("transpose", {"dir": directions[self.left_right, self.up_down]})]
        flips = (("hflip", self.left_right), ("vflip", self.up_down))
        return [(name, {}) for name, wanted in flips if wanted]


def orientation_of(matrix: Sequence[int]) -> Orientation:
    """The nearest of the eight orientations to a display matrix (9 numbers, by rows).

    A point goes to x' = a x + c y, y' = b x + d y, with a, b = matrix[0:2] and c, d = matrix[3:5]; x to the
    right, y down (ISO/IEC 14496-12, 8.3.2; FFmpeg's libavutil/display.h).
    """
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(True, c < 0, b < 0)
    return Orientation(False, a < 0, d < 0)
