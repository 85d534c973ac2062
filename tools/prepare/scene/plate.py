"""Makes the empty scene behind a player, from frames in which the player stands elsewhere.

`prepare` calls it once for each scene. A plain median would keep the player's shadows, and pixels that were
free at different times would not fit together. So the plate is built from differences between neighbouring
pixels: first the median over time of each difference (a shadow's edge is rarely at the same place twice),
then the picture that has these differences and, on the whole, the brightness of the lit scene. Y. Weiss,
"Deriving intrinsic images from image sequences", ICCV 2001; the solution by cosine transforms is that of
Poisson's equation.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn, idctn
from tqdm import tqdm

from tools.prepare.files.ahead import WORKERS, in_order

SAMPLES = 72
"""Frames that are used."""
LIT_PERCENTILE = 95
"""The brightness of a pixel in the light: this percentile over the samples in which it is free."""
SHADOW, SHADED = 0.95, 0.97
"""A sample is in shadow if it is darker than SHADOW times that brightness. A pixel is often in shadow if the
median of all its samples is below SHADED times the median in the light, in every channel."""
TINT = 0.12
"""The channels may differ by at most this in that: a shadow has no colour of its own."""
LEAST_LIT = 4
"""A brighter state seen fewer times than this is a reflection or noise, not the floor."""
ANCHOR = 5e-4
"""The weight of the lit brightness beside the differences: it holds over about 1 / sqrt(ANCHOR) = 45
pixels."""
RARELY = 0.25
"""A pixel that is free in a smaller share of the samples may be in shadow in all of them: there only
differences count, and all of them."""
ROUNDS = 15
DARK = 8.0
"""Added to pixel values before the logarithm, so that noise in the dark does not count."""
FILL_PX = 360
"""The fill for a part that was never seen is searched in a picture whose longer side is at most this."""
RING, ALIKE = 0.15, 0.12
"""The fill is searched by its surround, a ring with the width RING as a share of the part. It is taken if
that differs by at most ALIKE plus half of its own texture: logarithms of brightness, and their slopes. A fill
that stands out from its own surround is not taken."""
SURROUND_PX, PLAIN = 8, 3.0
"""A surround of this width is plain if its pixels differ from their median by less than this, of 255."""
BAND_ROWS = 32
"""Rows that are processed at once, in parallel threads."""
LEAST_PIECE_PX = 48
"""A smaller part is not divided further."""

Floats = NDArray[np.float32]


class Plate(NamedTuple):
    """picture (H, W, 3) uint8 BGR; unseen (H, W): where the scene was never seen free, and is filled in."""

    picture: NDArray[np.uint8]
    unseen: NDArray[np.bool_]


def empty_scene(frames: NDArray[np.uint8], covered: NDArray[np.bool_], *, quiet: bool = False) -> Plate:
    """The empty scene. frames (S, H, W, 3) uint8 BGR; covered (S, H, W): where the player may be, or nothing
    is seen."""
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


def plain(plate: Plate) -> NDArray[np.bool_]:
    """(H, W): areas never seen free that are certain all the same, since their whole surround has one
    colour."""
    sure = np.zeros(plate.unseen.shape, np.bool_)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(plate.unseen.astype(np.uint8))
    kernel = np.ones((2 * SURROUND_PX + 1,) * 2, np.uint8)
    for part in range(1, count):
        x, y, width, height = stats[part, :4]
        near = (
            slice(max(y - SURROUND_PX, 0), y + height + SURROUND_PX),
            slice(max(x - SURROUND_PX, 0), x + width + SURROUND_PX),
        )
        here = (labels[near] == part).astype(np.uint8)
        around = (cv2.dilate(here, kernel) > 0) & ~plate.unseen[near]
        colours = plate.picture[near][around]
        if len(colours) and np.abs(colours - np.median(colours, axis=0)).mean() < PLAIN:
            sure[near] |= here > 0
    return sure


def _differences(
    frames: NDArray[np.uint8], covered: NDArray[np.bool_], *, quiet: bool
) -> tuple[Floats, Floats, Floats]:
    """Medians over time of the logarithms' differences, to the right (H, W - 1, 3) and down (H - 1, W, 3),
    and the lit scene's logarithm (H, W, 3)."""
    height = frames.shape[1]
    edges = np.linspace(0, height, max(1, height // BAND_ROWS) + 1).astype(int).tolist()
    with (
        ThreadPoolExecutor(WORKERS) as pool,
        tqdm(total=height, unit="row", desc="plate", disable=quiet) as bar,
    ):
        bands = []
        for band in in_order(pool, partial(_band, frames, covered), pairwise(edges), WORKERS):
            bands.append(band)
            bar.update(len(band[0]))
    across, down, lit = (np.concatenate(parts) for parts in zip(*bands, strict=True))
    return across, down[1:], lit


def _band(
    frames: NDArray[np.uint8], covered: NDArray[np.bool_], rows: tuple[int, int]
) -> tuple[Floats, Floats, Floats]:
    """For the rows from the first to before the last: differences to the right, differences from the row
    above, and the lit scene."""
    _, _, width, _ = frames.shape
    first, end = rows
    across = np.zeros((end - first, width - 1, 3), np.float32)
    down = np.zeros((end - first, width, 3), np.float32)
    lit = np.zeros((end - first, width, 3), np.float32)
    above: tuple[Floats, NDArray[np.bool_], NDArray[np.bool_], Floats] | None = None
    for y in range(max(first - 1, 0), end):
        row, free = np.log(frames[:, y].astype(np.float32) + DARK), ~covered[:, y]
        light, lit_row = _in_light(row, free)
        if y >= first:
            lit[y - first] = lit_row
            across[y - first] = _median(
                np.diff(row, axis=1),
                free[:, 1:] & free[:, :-1],
                light[:, 1:] & light[:, :-1],
                np.diff(lit_row, axis=0),
            )
            if above is not None:
                down[y - first] = _median(
                    row - above[0], free & above[1], light & above[2], lit_row - above[3]
                )
        above = row, free, light, lit_row
    return across, down, lit


def _in_light(row: Floats, free: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Floats]:
    """row (S, W, 3) logarithms → in which samples (S, W) each pixel is free and not in shadow, and their
    median (W, 3)."""
    usual = _percentile(row, free[..., None], 50)
    brightness = row.mean(axis=2, keepdims=True)
    top = _percentile(brightness, free[..., None], LIT_PERCENTILE)
    bright = free & (brightness > top + np.log(SHADOW))[..., 0]
    in_light = _percentile(row, bright[..., None], 50)
    ratio = usual - in_light
    shaded = (ratio.max(axis=1) < np.log(SHADED)) & (np.ptp(ratio, axis=1) < TINT)
    shaded &= (bright.sum(axis=0) >= LEAST_LIT) & (free.mean(axis=0) >= RARELY)
    return free & (bright | ~shaded), np.where(shaded[:, None], in_light, usual)


def _median(values: Floats, free: NDArray[np.bool_], light: NDArray[np.bool_], lit: Floats) -> Floats:
    """The median (W, 3) of the differences (S, W, 3) in samples (S, W) that are free and in the light; where
    there is none, `lit` (W, 3), the difference of the lit scene."""
    found = _percentile(values, light[..., None], 50)
    return np.where((light.any(axis=0) | ~free.any(axis=0))[:, None], found, lit)


def _percentile(values: Floats, chosen: NDArray[np.bool_], percent: float) -> Floats:
    """values (S, W, 3), chosen (S, W, 1 or 3) → (W, 3): the percentile of each column's chosen values, 0
    where there are none."""
    ordered = np.sort(np.where(chosen, values, np.float32(np.inf)), axis=0)
    count = np.broadcast_to(chosen.sum(axis=0), values.shape[1:])
    rank = np.maximum((count - 1) * percent / 100, 0)
    low, high = (
        np.take_along_axis(ordered, edge[None].astype(int), 0)[0] for edge in (np.floor(rank), np.ceil(rank))
    )
    low, high = (np.where(count > 0, edge, 0) for edge in (low, high))
    return np.asarray(low + (high - low) * (rank % 1), np.float32)


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
    """`logs` (H, W, 3) with areas never seen continued from their surround, without a seam: with the texture
    of another part of the scene that fits in, else smoothly, as in `logs`."""
    hidden = cv2.dilate(unseen.astype(np.uint8), np.ones((5, 5), np.uint8))
    across, down = across.copy(), down.copy()
    count, labels = cv2.connectedComponents(hidden)
    pieces = [(labels == label).astype(np.uint8) for label in range(1, count)]
    found = False
    while pieces:
        piece = pieces.pop()
        shift = _source(logs, hidden, piece)
        if shift is None:
            pieces += _halves(piece)
            continue
        found = True
        moved = np.roll(logs, shift, (0, 1))
        right, below = piece[:, 1:] & piece[:, :-1] > 0, piece[1:] & piece[:-1] > 0
        across[right] = np.diff(moved, axis=1)[right]
        down[below] = np.diff(moved, axis=0)[below]
    if not found:
        return logs
    channels = [
        _anchored(across[..., channel], down[..., channel], logs[..., channel], hidden > 0)
        for channel in range(3)
    ]
    return np.stack(channels, axis=-1)


def _source(logs: Floats, hidden: NDArray[np.uint8], piece: NDArray[np.uint8]) -> tuple[int, int] | None:
    """How far down and to the right another part of the scene must be moved to fit into `piece` (H, W). It is
    the part whose surround is most like the piece's. None where no part was seen whole, or none is alike."""
    step = max(1, round(max(piece.shape) / FILL_PX))
    small = cv2.GaussianBlur(logs.mean(axis=2), (0, 0), 0.5 * step)[::step, ::step]
    gone, wanted = hidden[::step, ::step].astype(np.float32), np.ascontiguousarray(piece[::step, ::step])
    x, y, width, height = cv2.boundingRect(wanted)
    if not width:
        return None
    ring = max(3, round(RING * min(width, height)))
    top, left = max(y - ring, 0), max(x - ring, 0)
    bottom, right = min(y + height + ring, small.shape[0]), min(x + width + ring, small.shape[1])
    features = np.dstack([cv2.Sobel(small, -1, 1, 0), cv2.Sobel(small, -1, 0, 1), small]).astype(np.float32)
    inner = wanted[top:bottom, left:right]
    around = cv2.dilate(inner, np.ones((2 * ring + 1, 2 * ring + 1), np.uint8)) - inner
    around = (around * (gone[top:bottom, left:right] == 0)).astype(np.float32)
    template = np.ascontiguousarray(features[top:bottom, left:right])
    shown = np.repeat(around[..., None], 3, axis=2)
    unlike = cv2.matchTemplate(features, template, cv2.TM_SQDIFF, mask=shown)
    whole = np.maximum(inner, around).astype(np.float32)
    overlap = cv2.matchTemplate(gone, whole, cv2.TM_CCORR)
    area, edge = max(float(inner.sum()), 1.0), max(float(around.sum()), 1.0)
    slopes = np.ascontiguousarray((features[..., :2] ** 2).sum(axis=2))
    inside = cv2.matchTemplate(slopes, inner.astype(np.float32), cv2.TM_CCORR) / area
    usual = float((slopes[top:bottom, left:right] * around).sum()) / edge
    unlike = unlike / edge
    cost = np.where(overlap > 0.5, np.inf, unlike + np.maximum(inside - usual, 0))
    best = np.unravel_index(int(np.argmin(cost)), cost.shape)
    if not unlike[best] < ALIKE**2 + usual / 2 or not np.isfinite(cost[best]):
        return None
    return (top - int(best[0])) * step, (left - int(best[1])) * step


def _halves(piece: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The piece of the picture, divided across its longer side; nothing where it is small."""
    x, y, width, height = cv2.boundingRect(piece)
    if max(width, height) < LEAST_PIECE_PX:
        return []
    first, second = piece.copy(), piece.copy()
    if height > width:
        first[y + height // 2 :], second[: y + height // 2] = 0, 0
    else:
        first[:, x + width // 2 :], second[:, : x + width // 2] = 0, 0
    return [first, second]


def _picture(logs: Floats) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.exp(logs) - DARK + 0.5, 0, 255), np.uint8)
