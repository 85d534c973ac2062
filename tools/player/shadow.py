"""Finds how a player's shadow lies on the floor in the footage. `tools.train` calls it."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engines.painting.shadow import Floats, Shadow, lay_down
from tools.footage.dataset import Footage

FRAMES = 24
REDUCED_PX = 128
"""Height in pixels at which frames are examined."""
LEAST_EXPLAINED = 0.1
"""The shadow is drawn if it explains at least this share of the darkening compared with the plate (sum of
squares)."""
UPS = (*np.arange(-0.6, -0.05, 0.1), *np.arange(0.1, 0.85, 0.1))
ACROSS = np.arange(-2, 2.05, 0.2)
SOLES = 0.02
STEPS, LAST = np.array([0.1, 0.05, 0.01]), 0.05
"""The search begins with a lattice of `UPS` and `ACROSS`. Then it moves each of (across, up, soles) by its
step; steps are halved down to the share LAST of the first ones."""
LIGHT = 4.0
"""Levels added to both sides of a ratio: in black areas no shadow can be seen."""
BESIDE = 9
"""Darkening up to this many of these pixels beside the drawn shadow is counted as part of it."""


class _Frame(NamedTuple):
    """A reduced frame: how much darker than the plate it is outside of the player, 0..1; the player's
    outline; and, in its pixels, the player's landmarks (33, 4) and standing height."""

    darker: Floats
    free: NDArray[np.bool_]
    outline: NDArray[np.uint8]
    landmarks: Floats
    standing_px: float


def find_shadow(footage: Footage, positions: NDArray[np.int64]) -> Shadow | None:
    """The one shadow that best explains, by least squares, what is darker than the plate in some frames of
    `positions`. None where no shadow explains much: soft light from all sides, or a floor out of the
    picture."""
    chosen = positions[np.linspace(0, len(positions) - 1, min(FRAMES, len(positions))).astype(int)]
    frames = [_look(footage, int(position)) for position in chosen]
    total = sum(float(np.square(frame.darker).sum()) for frame in frames)
    if not total:
        return None

    def explained(place: NDArray[np.float64]) -> float:
        if not _shadow(place).is_sound():
            return 0.0
        shades = [_laid(frame, _shadow(place)) for frame in frames]
        both = sum(float((shade * frame.darker).sum()) for shade, frame in zip(shades, frames, strict=True))
        own = sum(float(np.square(shade).sum()) for shade in shades)
        return max(both, 0.0) ** 2 / (own * total) if own else 0.0

    lattice = [np.array([across, up, SOLES]) for up in UPS for across in ACROSS]
    best = max(tqdm(lattice, unit="place", desc="shadow"), key=explained)
    step = STEPS.copy()
    while step[0] > LAST * STEPS[0]:
        moves = [best + sign * step * axis for axis in np.eye(3) for sign in (-1, 1)]
        better = max(moves, key=explained)
        if explained(better) > explained(best):
            best = better
        else:
            step /= 2
    if explained(best) < LEAST_EXPLAINED:
        return None
    return _shadow(best, _strength(frames, best))


def _shadow(place: NDArray[np.float64], strength: float = 1.0) -> Shadow:
    """place: across, up, soles."""
    across, up, soles = place.tolist()
    return Shadow(across, up, soles, strength)


def _look(footage: Footage, position: int) -> _Frame:
    scale = REDUCED_PX / footage.size[1]
    frame, plate, outline = (
        cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for picture in (footage.frame(position), footage.plate, footage.mask(position))
    )
    darker = 1 - (frame.mean(axis=2) + LIGHT) / (plate.mean(axis=2) + LIGHT)
    free = cv2.dilate(outline, np.ones((3, 3))) < 13
    darker -= np.median(darker[free]) if free.any() else 0  # without changes of the light as a whole
    darker = np.where(free, darker, 0).clip(-1, 1).astype(np.float32)
    landmarks = (footage.landmarks[position] + 0.5) * np.float32(scale) - 0.5
    return _Frame(darker, free, np.asarray(outline, np.uint8), landmarks, footage.body.near.height * scale)


def _laid(frame: _Frame, shadow: Shadow) -> Floats:
    """The shadow's shape, 0..1, where the player does not hide it."""
    out = np.empty(frame.outline.shape, np.uint8)
    lay_down(frame.outline, shadow, shadow.floor(frame.landmarks, frame.standing_px), out, (0, 0))
    return np.where(frame.free, out, 0).astype(np.float32) / 255


def _strength(frames: list[_Frame], place: NDArray[np.float64]) -> float:
    """The strength by the total light that is missing over the shadow's area: its outline need not fit to the
    pixel."""
    taken = area = 0.0
    for frame in frames:
        shade = _laid(frame, _shadow(place))
        beside = cv2.dilate(shade, np.ones((2 * BESIDE + 1, 2 * BESIDE + 1))) > 0
        taken += float(frame.darker[beside].sum())
        area += float(shade.sum())
    return float(np.clip(taken / area, 0.01, 1))
