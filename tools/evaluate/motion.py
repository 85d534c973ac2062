"""How steady consecutive pictures are: flicker, and the difference left when the motion is removed.

The warp error is after Lai et al., "Learning Blind Video Temporal Consistency" (ECCV 2018), section 4.2: the
earlier picture is moved along the optical flow onto the later one, and compared where the flow is reliable.
Here it is a mean absolute difference, in levels, on the person alone. The flow is DIS (Kroeger et al., 2016).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.evaluate.regions import person_window
from tools.scores.pictures import Mask, Picture, Window

STILL_PX = 1.0
"""Between two frames whose landmarks move less than this on average, every change counts as flicker."""
MARGIN = 32
"""Pixels around the person for which flow is computed: the most that the person may move in a frame."""
LEAST_SHARE = 0.1
"""With less than this share of the person that can be followed, there is no result."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Motion:
    """The motion between two pictures in `window`. source: (h, w, 2), for each pixel of the second picture
    its place (x, y) in the first. valid: (h, w), where forward and backward flow agree."""

    window: Window
    source: Floats
    valid: Mask


class Flow:
    """Optical flow between consecutive pictures (H, W, 3) BGR, on the person."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def __call__(self, before: Picture, after: Picture, mask: Mask) -> Motion:
        """mask: (H, W), the person in either picture, not empty."""
        window = person_window(mask, MARGIN)
        first, second = (
            np.ascontiguousarray(cv2.cvtColor(picture[window], cv2.COLOR_BGR2GRAY))
            for picture in (before, after)
        )
        forward, backward = self._dis.calc(first, second, None), self._dis.calc(second, first, None)
        height, width = first.shape
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        source = np.stack([columns, rows], axis=2) + backward
        there = cv2.remap(forward, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        inside = (source >= 0).all(axis=2) & (source <= (width - 1, height - 1)).all(axis=2)
        # Ruder et al., "Artistic style transfer for videos" (2016), equation 5.
        apart = np.square(backward + there).sum(axis=2)
        length = np.square(backward).sum(axis=2) + np.square(there).sum(axis=2)
        return Motion(window, source, inside & (apart <= 0.01 * length + 0.5))


def warp_error(before: Picture, after: Picture, motion: Motion, mask: Mask) -> float:
    """Mean absolute difference, in levels of 255, between `after` and `before` moved along `motion`.

    It is over the pixels of `mask` (H, W), the person in `after`, that can be followed; NaN where hardly any
    can.
    """
    on = mask[motion.window]
    counted = on & motion.valid
    if counted.sum() <= LEAST_SHARE * on.sum():
        return math.nan
    moved = cv2.remap(
        before[motion.window], motion.source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return float(np.abs(after[motion.window].astype(np.float32) - moved)[counted].mean())


def is_still(before: Floats, after: Floats) -> bool:
    """Whether landmarks (33, 4), pixels, hardly move."""
    return float(np.linalg.norm(after[:, :2] - before[:, :2], axis=1).mean()) < STILL_PX


def change(before: Picture, after: Picture, mask: Mask) -> float:
    """Mean absolute change over `mask`, levels of 255."""
    return float(np.abs(after[mask].astype(np.int16) - before[mask]).mean())
