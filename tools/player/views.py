"""Cuts the player out of a recorded frame, as a view from which the doll's parts are cut."""

from __future__ import annotations

import cv2
import numpy as np

from engines.doll.bank import standing_px
from engines.doll.cutting import Bytes, Floats, View
from tools.footage.dataset import Footage
from tools.matting.colours import foreground

MARGIN = 0.3
"""The margin kept around the player's landmarks, in standing heights."""
SHARPEN, SHARPEN_PX = 0.5, 0.8
"""Unsharp masking of the views: amount, and sigma in pixels. It makes up beforehand for the finest detail
that bilinear sampling loses, when parts are drawn and when the doll is warped in training."""


def cut_view(footage: Footage, position: int) -> View:
    """The piece of one frame that holds the player."""
    window, landmarks = piece(footage, position)
    alpha = footage.mask(position)[window]
    rows, columns = (np.flatnonzero((alpha > 0).any(axis=axis)) for axis in (1, 0))
    if len(rows):
        inner = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        window = tuple(  # type: ignore[assignment]  # two slices
            slice(whole.start + part.start, whole.start + part.stop)
            for whole, part in zip(window, inner, strict=True)
        )
        alpha = alpha[inner]
    alpha = np.ascontiguousarray(alpha)
    colours = sharpened(foreground(footage.frame(position)[window], alpha), alpha)
    return View(
        np.where(alpha[..., None] > 0, colours, np.uint8(0)),
        alpha,
        landmarks - np.array([window[1].start, window[0].start, 0, 0], np.float32),
        float(standing_px(landmarks, footage.body)),
        int(footage.indices[position]),
    )


def piece(footage: Footage, position: int) -> tuple[tuple[slice, slice], Floats]:
    """The rows and columns around the player in one frame, and the player's landmarks (33, 4), pixels of the
    frame."""
    landmarks = footage.landmarks[position]
    margin = MARGIN * float(standing_px(landmarks, footage.body))
    low, high = landmarks[:, :2].min(axis=0) - margin, landmarks[:, :2].max(axis=0) + margin
    x0, y0 = (int(value) for value in np.maximum(low, 0))
    x1, y1 = (int(value) for value in np.minimum(high, footage.size))
    return (slice(y0, y1), slice(x0, x1)), landmarks


def sharpened(picture: Bytes, alpha: Bytes) -> Bytes:
    """`picture` (h, w, 3) with its fine detail enhanced, using nothing outside of `alpha` (h, w)."""
    share = alpha[..., None].astype(np.float32) / 255
    colours = picture.astype(np.float32)
    blurred = cv2.GaussianBlur(colours * share, (0, 0), SHARPEN_PX)
    weight = cv2.GaussianBlur(share, (0, 0), SHARPEN_PX)[..., None]
    smooth = np.where(share > 0, blurred / np.maximum(weight, 1e-3), colours)
    return np.asarray((colours + SHARPEN * (colours - smooth) + 0.5).clip(0, 255), np.uint8)
