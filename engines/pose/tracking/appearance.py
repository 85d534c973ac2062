"""Describes a person's clothes by small colour histograms of the trunk and the thighs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

ROWS, COLUMNS = 40, 8
"""The pixels that are sampled: rows along the body from the shoulders to the knees, columns across it."""
BANDS = 4
"""The rows are split into chest, belly, hips and thighs; each band has histograms of its own."""
BELOW = 2.0
"""The last row lies this many trunk lengths below the shoulders."""
HALF_WIDTH = 0.22
"""Half the columns' width, in trunk lengths: narrower than a trunk, so that little background is sampled."""
BINS = 8
LEAST_TRUNK = 10.0
"""A trunk that looks shorter than this, pixels, shows too little."""
LIGHT_RANGE = (-3.0, 2.0)
"""Range of the brightness histogram, in powers of two of the picture's mean."""
CHROMA_RANGE = (-0.5, 0.5)
"""Range of the colour histograms: a colour difference over the brightness."""
DARK = 24.0
"""Grey levels. The colours of pixels darker than about this are noise, and count as grey."""

_ALONG = np.linspace(0.0, BELOW, ROWS, dtype=np.float32)[:, None]
_ACROSS = np.linspace(-HALF_WIDTH, HALF_WIDTH, COLUMNS, dtype=np.float32)[None, :]
_BAND = np.repeat(np.arange(ROWS) * BANDS // ROWS, COLUMNS)[None, :]  # (1, points)
_KIND = np.arange(3)[:, None]  # brightness, blue, red
_SLOT = (_BAND * 3 + _KIND) * BINS  # (3, points): start of each value's histogram


def brightness_of(picture: NDArray[np.uint8]) -> float:
    """The mean brightness of a picture (H, W, 3), grey levels, from a few hundred of its pixels."""
    height, width = picture.shape[:2]
    return float(picture[:: max(1, height // 20), :: max(1, width // 30)].mean())


def look(picture: NDArray[np.uint8], trunk: Floats, brightness: float) -> Floats | None:
    """(BANDS, 3, BINS): the square roots of the histograms of brightness, blue and red, each with the sum 1.

    picture: (H, W, 3) BGR. trunk: (2, 2) pixels, the middle of the shoulders, then of the hips. brightness:
    `brightness_of` the picture, so that a change of light changes little. None where too little of the person
    is in the picture.
    """
    (x, y), (down_x, down_y) = trunk[0], trunk[1] - trunk[0]
    if not np.hypot(down_x, down_y) >= LEAST_TRUNK:
        return None
    columns = np.rint(x + _ALONG * down_x - _ACROSS * down_y).astype(np.intp).ravel()
    rows = np.rint(y + _ALONG * down_y + _ACROSS * down_x).astype(np.intp).ravel()
    height, width = picture.shape[:2]
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    if inside.mean() < 0.5:
        return None
    pixels = picture[rows.clip(0, height - 1), columns.clip(0, width - 1)].astype(np.float32)
    blue, green, red = pixels.T
    light = 0.114 * blue + 0.587 * green + 0.299 * red
    base = light + DARK
    values = np.stack([np.log2((light + 4) / (brightness + 4)), (blue - light) / base, (red - light) / base])
    low = np.array([LIGHT_RANGE[0], CHROMA_RANGE[0], CHROMA_RANGE[0]], np.float32)[:, None]
    high = np.array([LIGHT_RANGE[1], CHROMA_RANGE[1], CHROMA_RANGE[1]], np.float32)[:, None]
    place = ((values - low) / (high - low) * (BINS - 1)).clip(0, BINS - 1 - 1e-3)
    bin_ = place.astype(np.intp)
    share = (place - bin_) * inside
    slot = _SLOT + bin_
    flat = np.bincount(slot.ravel(), (inside - share).ravel(), BANDS * 3 * BINS)
    flat += np.bincount(slot.ravel() + 1, share.ravel(), BANDS * 3 * BINS)
    histograms = flat.reshape(BANDS, 3, BINS)
    total = histograms.sum(axis=2, keepdims=True)
    return np.sqrt(histograms / np.maximum(total, 1e-9)).astype(np.float32)


def unlike(one: Floats, other: Floats) -> float:
    """How different two looks are: 0 (equal) to 1; the mean Hellinger distance of their histograms."""
    return float(np.sqrt(np.maximum(1 - (one * other).sum(axis=2), 0)).mean())
