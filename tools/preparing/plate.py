"""The empty scene behind a player, from frames in which the player stands somewhere else.

`prepare` calls it once for each scene. A plain median keeps the player's shadows, and pixels that were seen free
at different times do not fit together. So the plate is put together from differences between neighbouring
pixels: the median over time of each (a shadow's edge is seldom there twice), then the picture that has these
differences and, on the whole, the brightness of the lit scene. Y. Weiss, "Deriving intrinsic images from image
sequences", ICCV 2001; the solution by cosine transforms is that of Poisson's equation.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn, idctn
from tqdm import tqdm

SAMPLES = 72
"""So many frames are looked at."""
LIT_PERCENTILE = 80
"""The lit scene's brightness at a pixel: this percentile over the samples in which it is free."""
ANCHOR = 5e-4
"""How much the lit brightness weighs beside the differences: it holds over some 1 / sqrt(ANCHOR) = 45 pixels."""
RARELY = 0.25
"""A pixel that is free in a smaller share of the samples may be in shadow in all of them: differences alone."""
ROUNDS = 15
DARK = 8.0
"""Added to pixel values before the logarithm, so that noise in the dark does not count."""
FILL_PX = 360
"""What was never seen is filled at a resolution at which its surround has no longer side than this."""

Floats = NDArray[np.float32]


class Plate(NamedTuple):
    """picture (H, W, 3) uint8 BGR; unseen (H, W): where it was never seen free, and is filled."""

    picture: NDArray[np.uint8]
    unseen: NDArray[np.bool_]


def empty_scene(frames: NDArray[np.uint8], covered: NDArray[np.bool_], *, quiet: bool = False) -> Plate:
    """frames (S, H, W, 3) uint8 BGR; covered (S, H, W): where the player is or may be, or nothing is seen."""
    unseen = covered.all(axis=0)
    rarely = (~covered).mean(axis=0) < RARELY
    if rarely.all():
        rarely = unseen
    logs = np.empty(frames.shape[1:], np.float32)
    across, down, lit = _differences(frames, covered, quiet=quiet)
    for channel in range(3):
        logs[..., channel] = _anchored(across[..., channel], down[..., channel], lit[..., channel], rarely)
    if unseen.any():
        logs = _filled(logs, across, down, unseen)
    return Plate(_picture(logs), unseen)


def _differences(
    frames: NDArray[np.uint8], covered: NDArray[np.bool_], *, quiet: bool
) -> tuple[Floats, Floats, Floats]:
    """Medians over time of the logarithms' differences, to the right (H, W - 1, 3) and down (H - 1, W, 3), and
    the lit scene's logarithm (H, W, 3)."""
    _, height, width, _ = frames.shape
    across = np.zeros((height, width - 1, 3), np.float32)
    down = np.zeros((height - 1, width, 3), np.float32)
    lit = np.zeros((height, width, 3), np.float32)
    above, free_above = None, None
    for y in tqdm(range(height), unit="row", desc="plate", disable=quiet):
        row, free = np.log(frames[:, y].astype(np.float32) + DARK), ~covered[:, y]
        both = free[:, 1:] & free[:, :-1]
        across[y] = _percentile(np.diff(row, axis=1), both, 50)
        lit[y] = _percentile(row, free, LIT_PERCENTILE)
        if above is not None and free_above is not None:
            down[y - 1] = _percentile(row - above, free & free_above, 50)
        above, free_above = row, free
    return across, down, lit


def _percentile(values: Floats, chosen: NDArray[np.bool_], percent: float) -> Floats:
    """values (S, W, 3), chosen (S, W) → (W, 3): of the chosen values of each column, 0 where none is chosen."""
    ordered = np.sort(np.where(chosen[..., None], values, np.float32(np.inf)), axis=0)
    count = chosen.sum(axis=0)
    rank = np.maximum((count - 1) * percent / 100, 0)
    low, high = (
        np.take_along_axis(ordered, edge[None, :, None].astype(int), 0)[0]
        for edge in (np.floor(rank), np.ceil(rank))
    )
    low, high = (np.where(count[:, None] > 0, edge, 0) for edge in (low, high))
    return np.asarray(low + (high - low) * (rank % 1)[:, None], np.float32)


def _anchored(across: Floats, down: Floats, lit: Floats, rarely: NDArray[np.bool_]) -> Floats:
    """One channel with these differences and, where it is not `rarely` seen, about the brightness `lit`."""
    target = np.where(rarely, np.median(lit[~rarely]), lit).astype(np.float32)
    solved = target
    for _ in range(ROUNDS if rarely.any() else 1):  # where nothing anchors it, it anchors itself
        solved = _solve(across, down, target)
        target = np.where(rarely, solved, target)
    return solved


def _solve(across: Floats, down: Floats, target: Floats) -> Floats:
    """The picture u that makes sum |du/dx - across|^2 + |du/dy - down|^2 + ANCHOR |u - target|^2 smallest."""
    height, width = target.shape
    right = ANCHOR * target
    right[:, 1:] += across
    right[:, :-1] -= across
    right[1:] += down
    right[:-1] -= down
    x, y = (2 - 2 * np.cos(np.pi * np.arange(side) / side) for side in (width, height))
    return np.asarray(
        idctn(dctn(right, norm="ortho") / (x[None] + y[:, None] + ANCHOR), norm="ortho"), np.float32
    )


def _filled(logs: Floats, across: Floats, down: Floats, unseen: NDArray[np.bool_]) -> Floats:
    """`logs` (H, W, 3) with what was never seen continued from its surround: its texture, without a seam.

    Pieces of the surround are put there by OpenCV's shift map; of these only the differences are taken.
    """
    hidden = cv2.dilate(unseen.astype(np.uint8), np.ones((5, 5), np.uint8))
    x, y, width, height = cv2.boundingRect(hidden)
    more = max(width, height) // 2 + 8
    top, bottom = max(y - more, 0), min(y + height + more, logs.shape[0])
    left, right = max(x - more, 0), min(x + width + more, logs.shape[1])
    piece = _picture(logs[top:bottom, left:right])
    mask = hidden[top:bottom, left:right]
    if mask.all():
        return logs
    scale = min(1.0, FILL_PX / max(piece.shape[:2]))
    small = cv2.resize(piece, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    small_mask = cv2.resize(mask, small.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2Lab)
    texture = np.zeros_like(lab)
    cv2.xphoto.inpaint(lab, (1 - small_mask) * 255, texture, cv2.xphoto.INPAINT_SHIFTMAP)
    continued = cv2.resize(
        cv2.cvtColor(texture, cv2.COLOR_Lab2BGR), piece.shape[1::-1], interpolation=cv2.INTER_CUBIC
    )
    continued_logs = np.log(continued.astype(np.float32) + DARK)
    result = logs.copy()
    for channel in range(3):
        right_of, below = across[..., channel].copy(), down[..., channel].copy()
        inner_right, inner_below = mask[:, 1:] & mask[:, :-1] > 0, mask[1:] & mask[:-1] > 0
        view = right_of[top:bottom, left : right - 1]
        view[inner_right] = np.diff(continued_logs[..., channel], axis=1)[inner_right]
        view = below[top : bottom - 1, left:right]
        view[inner_below] = np.diff(continued_logs[..., channel], axis=0)[inner_below]
        target = logs[..., channel].copy()
        target[top:bottom, left:right][mask > 0] = continued_logs[..., channel][mask > 0]
        result[..., channel] = _anchored(right_of, below, target, hidden > 0)
    return result


def _picture(logs: Floats) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.exp(logs) - DARK + 0.5, 0, 255), np.uint8)
