"""Cuts the player out of a recorded frame, as a view to draw from."""

from __future__ import annotations

import numpy as np

from engines.reference import Floats, View, standing_px
from tools.footage import Footage
from tools.matting.colours import foreground

MARGIN = 0.3
"""Kept around the player's landmarks, in standing heights."""


def cut_view(footage: Footage, position: int) -> View:
    """The piece of one frame that holds the player."""
    window, landmarks = piece(footage, position)
    alpha = footage.mask(position)[window]
    colours = foreground(footage.frame(position)[window], np.ascontiguousarray(alpha))
    return View(
        np.where(alpha[..., None] > 0, colours, np.uint8(0)),
        np.ascontiguousarray(alpha),
        landmarks - np.array([window[1].start, window[0].start, 0, 0], np.float32),
        float(standing_px(landmarks, footage.body)),
    )


def piece(footage: Footage, position: int) -> tuple[tuple[slice, slice], Floats]:
    """The rows and columns about the player in one frame, and his landmarks (33, 4), pixels of the frame."""
    landmarks = footage.landmarks[position]
    margin = MARGIN * float(standing_px(landmarks, footage.body))
    low, high = landmarks[:, :2].min(axis=0) - margin, landmarks[:, :2].max(axis=0) + margin
    x0, y0 = (int(value) for value in np.maximum(low, 0))
    x1, y1 = (int(value) for value in np.minimum(high, footage.size))
    return (slice(y0, y1), slice(x0, x1)), landmarks
