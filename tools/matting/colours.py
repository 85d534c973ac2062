"""Finds a person's own colours at the edge, where a frame mixes them with the background."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

COARSE, FINE = 45, 3
"""Pixels over which colours are averaged, in the first pass and in the second."""
STEP = 4
"""The first pass uses a picture that is smaller by this factor."""

Floats = NDArray[np.float32]


def foreground(picture: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3): the colours of what `alpha` (H, W), 255 where opaque, covers, without those of the
    background behind it.

    Where alpha is 255, and outside of the box around all that is not 0, it is the picture itself.
    "Approximate Fast Foreground Colour Estimation" (Forte, ICIP 2021): blurred colours of both sides, then
    the picture's own detail, twice.
    """
    x, y, width, height = cv2.boundingRect(alpha)
    if width == 0 or height == 0:
        return picture.copy()
    left, top = max(x - FINE, 0), max(y - FINE, 0)
    near = (slice(top, y + height + FINE), slice(left, x + width + FINE))
    image = picture[near].astype(np.float32)
    share = cv2.cvtColor(alpha[near].astype(np.float32) / 255, cv2.COLOR_GRAY2BGR)
    person, background = _both_sides(image, image, share, COARSE, STEP)
    person = _detailed(image, person, background, share)
    person, background = _both_sides(person, background, share, FINE, 1)
    person = _detailed(image, person, background, share)
    cv2.copyTo(image, (alpha[near] == 255).astype(np.uint8), person)
    result = picture.copy()
    result[near] = cv2.convertScaleAbs(person)
    return result


def _both_sides(
    person: Floats, background: Floats, share: Floats, radius: int, step: int
) -> tuple[Floats, Floats]:
    """The colours of the person and of the background around each pixel, averaged over the area that each
    covers."""
    height, width = share.shape[:2]
    small = (max(width // step, 1), max(height // step, 1))
    side = (2 * (radius // step) + 1,) * 2
    found = []
    for colours, weights in ((person, share), (background, 1 - share)):
        weighted = colours * weights
        if step > 1:
            weighted, weights = (
                cv2.resize(each, small, interpolation=cv2.INTER_AREA) for each in (weighted, weights)
            )
        mean = cv2.blur(weighted, side) / (cv2.blur(weights, side) + 1e-5)
        if step > 1:
            mean = cv2.resize(mean, (width, height), interpolation=cv2.INTER_LINEAR)
        found.append(np.asarray(mean, np.float32))
    return found[0], found[1]


def _detailed(image: Floats, person: Floats, background: Floats, share: Floats) -> Floats:
    return np.clip(person + share * (image - background - share * (person - background)), 0, 255)
