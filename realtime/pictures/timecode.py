"""Draws the time into a picture so that it survives any video codec, and reads it back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 16
"""Side of a bit's square, pixels: a macroblock, so that no codec blurs it into its neighbour."""

TIME_BITS, CHECK_BITS = 24, 8
"""Bits of the time, in milliseconds modulo 2^24 (4.6 hours), and of the sum of its bytes modulo 2^8."""

WIDTH = BLOCK * (TIME_BITS + CHECK_BITS)
MODULUS = 1 << TIME_BITS


def draw(picture: NDArray[np.uint8], time_ms: int) -> None:
    """Draws the time into the top left `WIDTH` x `BLOCK` of (H, W, 3 or 4), in place; highest bit first."""
    time_ms %= MODULUS
    code = (time_ms << CHECK_BITS) | _check(time_ms)
    bits = [(code >> shift) & 1 for shift in range(TIME_BITS + CHECK_BITS - 1, -1, -1)]
    picture[:BLOCK, :WIDTH, :3] = np.repeat(np.array(bits, np.uint8) * 255, BLOCK)[None, :, None]


def read(picture: NDArray[np.uint8]) -> int | None:
    """The time in milliseconds modulo `MODULUS`; None where none can be read."""
    middle = slice(BLOCK // 4, BLOCK - BLOCK // 4)
    blocks = picture[middle, :WIDTH, :3].reshape(BLOCK // 2, -1, BLOCK, 3)[:, :, middle]
    code = 0
    for bit in blocks.mean((0, 2, 3)) > 127:
        code = code << 1 | int(bit)
    time_ms, check = code >> CHECK_BITS, code & ((1 << CHECK_BITS) - 1)
    return time_ms if _check(time_ms) == check else None


def age_ms(now_ms: float, drawn_ms: int) -> float:
    """How long ago a time was drawn, milliseconds, if that is less than half of the modulus."""
    return (now_ms - drawn_ms + MODULUS / 2) % MODULUS - MODULUS / 2


def _check(time_ms: int) -> int:
    # 0x5A: an all black or all white strip is not a time.
    return (time_ms + (time_ms >> 8) + (time_ms >> 16) + 0x5A) & 0xFF
