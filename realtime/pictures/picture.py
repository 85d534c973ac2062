"""Still pictures: fitting one into another, and the slate."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""(H, W, 3) uint8 BGR."""

TOP, BOTTOM, ACCENT, INK = (74, 44, 30), (34, 18, 14), (60, 170, 255), (245, 240, 235)
"""Colours of the slate, BGR: deep blue from top to bottom, an orange line, warm white letters."""


def backdrop(width: int, height: int) -> Picture:
    """The slate's background: what surrounds a picture that does not fill the programme."""
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    row = (1 - share) * np.array(TOP, np.float32) + share * np.array(BOTTOM, np.float32)
    return np.ascontiguousarray(np.broadcast_to(np.rint(row), (height, width, 3)).astype(np.uint8))


def placed(size: tuple[int, ...], within: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Where `place` puts a picture of `size` (width, height) `within` another: x, y, width, height."""
    scale = min(within[0] / size[0], within[1] / size[1])
    wide, high = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    return (within[0] - wide) // 2, (within[1] - high) // 2, wide, high


def place(picture: Picture, out: Picture) -> None:
    """Copies `picture` into the middle of `out`, as large as fits undistorted; the rest of `out` stays."""
    if picture.shape == out.shape:
        np.copyto(out, picture)
        return
    x, y, wide, high = placed(picture.shape[1::-1], out.shape[1::-1])
    interpolation = cv2.INTER_AREA if 2 * wide < picture.shape[1] else cv2.INTER_LINEAR
    out[y : y + high, x : x + wide] = cv2.resize(picture, (wide, high), interpolation=interpolation)


def fill(picture: Picture, out: Picture) -> None:
    """Copies the middle of `picture` (H, W, C) into `out`, scaled so that it just fills it."""
    if picture.shape == out.shape:
        np.copyto(out, picture)
        return
    (height, width), size = picture.shape[:2], out.shape[1::-1]
    scale = max(size[0] / width, size[1] / height)
    wide, high = min(width, round(size[0] / scale)), min(height, round(size[1] / scale))
    x, y = (width - wide) // 2, (height - high) // 2
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    cut = picture[y : y + high, x : x + wide]
    out[:] = cv2.resize(cut, size, interpolation=interpolation)


Fit = Callable[[Picture, Picture], None]
FITS: dict[str, Fit] = {"whole": place, "fill": fill}
"""TABLE of the ways to put a picture into one of another shape, as show files name them."""


def slate(width: int, height: int, title: str) -> Picture:
    """A plain card with the show's name, (height, width, 3) BGR: what is shown when all else fails."""
    card = backdrop(width, height)
    printable = (
        "".join(c if " " <= c <= "~" else "?" for c in title) or "Dancecam"
    )  # Hershey's letters are ASCII
    _line(card, printable.upper(), 0.47, 0.075, 0.8)
    cv2.rectangle(
        card,
        (round(width * 0.4), round(height * 0.55)),
        (round(width * 0.6), round(height * 0.55) + max(2, height // 120)),
        ACCENT,
        cv2.FILLED,
    )
    _line(card, "The show goes on in a moment", 0.65, 0.035, 0.7)
    return card


def _line(card: Picture, text: str, centre: float, size: float, widest: float) -> None:
    """Writes `text` centred; centre and size are shares of the height, widest of the width."""
    height, width = card.shape[:2]
    font = cv2.FONT_HERSHEY_DUPLEX
    scale = cv2.getFontScaleFromHeight(font, max(8, round(height * size)))
    (wide, _), _ = cv2.getTextSize(text, font, scale, 1)
    scale *= min(1.0, widest * width / wide)
    weight = max(1, round(scale))
    (wide, high), _ = cv2.getTextSize(text, font, scale, weight)
    origin = ((width - wide) // 2, round(height * centre) + high // 2)
    cv2.putText(card, text, origin, font, scale, INK, weight, cv2.LINE_AA)
