"""The empty scene behind a player, from frames in which he stands somewhere else.

His own shadow is on the floor wherever he stands, and he stands in few places: a plain median keeps it.
So where a pixel is now darker, now brighter, and darker by the same share in every channel, which is what a
shadow does, the brighter state is taken.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

SAMPLES = 240
"""So many frames are looked at."""
LIT_PERCENTILE = 95
"""The brightness of a pixel in the light: this percentile over the samples in which it is free."""
SHADOW = 0.95
"""Below this share of that brightness a sample may be in shadow."""
LEAST_LIT = 4
"""A brighter state that was seen less often than this is a reflection or noise, not the floor."""


def empty_scene(
    frames: NDArray[np.uint8], covered: NDArray[np.bool_], *, quiet: bool = False
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The scene without the player (H, W, 3), and where it was never seen free (H, W), which is inpainted.

    frames (S, H, W, 3) uint8 BGR; covered (S, H, W): where the player is or may be.
    """
    plate = np.zeros(frames.shape[1:], np.uint8)
    for row in tqdm(range(len(plate)), unit="row", desc="plate", disable=quiet):
        plate[row] = _row(frames[:, row].astype(np.float32), ~covered[:, row])
    unseen = covered.all(axis=0)
    if unseen.any():
        plate = np.asarray(cv2.inpaint(plate, unseen.astype(np.uint8), 5, cv2.INPAINT_TELEA), np.uint8)
    return plate, unseen


def _row(samples: NDArray[np.float32], free: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """samples (S, W, 3), free (S, W) → (W, 3): the median of the free samples, in the light."""
    median = _median(samples, free)
    brightness = samples.mean(axis=2)
    lit_level = _percentile(brightness, free, LIT_PERCENTILE)
    lit = free & (brightness > SHADOW * lit_level)
    in_light = _median(samples, lit)
    ratio = (median + 4) / (in_light + 4)
    shaded = (ratio.max(axis=1) < 0.97) & (np.ptp(ratio, axis=1) < 0.12) & (lit.sum(axis=0) >= LEAST_LIT)
    return np.where(shaded[:, None], in_light, median).round().astype(np.uint8)


def _median(samples: NDArray[np.float32], chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.stack([_percentile(samples[..., channel], chosen, 50) for channel in range(3)], axis=-1)


def _percentile(
    values: NDArray[np.float32], chosen: NDArray[np.bool_], percent: float
) -> NDArray[np.float32]:
    """(S, W) → (W,): the percentile of the chosen values of each column, 0 where none is chosen."""
    ordered = np.sort(np.where(chosen, values, np.float32(np.inf)), axis=0)
    count = chosen.sum(axis=0)
    rank = np.maximum((count - 1) * percent / 100, 0)
    low, high = (
        np.take_along_axis(ordered, edge[None].astype(int), 0)[0] for edge in (np.floor(rank), np.ceil(rank))
    )
    low, high = (np.where(count > 0, edge, 0) for edge in (low, high))
    return np.asarray(low + (high - low) * (rank % 1), np.float32)
