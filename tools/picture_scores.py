"""How like a picture is to the true one, over a mask."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def psnr(output: Picture, truth: Picture, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio of (H, W, 3) pictures, dB, over the pixels of `mask` (H, W)."""
    error = output.astype(np.float32) - truth
    square = float(np.square(error if mask is None else error[mask]).mean())
    return math.inf if square == 0 else 10 * math.log10(255**2 / square)


def foreground_ssim(output: Picture, truth: Picture, mask: Mask) -> float:
    """Mean over `mask` (H, W) of the structural similarity map (Wang et al., 2004; windows of 7 pixels,
    the channels averaged). Only the surroundings of the mask are computed: the rest has no influence."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    near = (
        slice(max(rows[0] - 8, 0), rows[-1] + 9),
        slice(max(columns[0] - 8, 0), columns[-1] + 9),
    )
    _, similarity = structural_similarity(
        truth[near], output[near], channel_axis=2, data_range=255, full=True
    )
    return float(similarity.mean(axis=2)[mask[near]].mean())


def gradient_energy(picture: Picture, mask: Mask) -> float:
    """Mean squared gradient of the grey picture (H, W, 3) BGR over `mask` (H, W)."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    down, right = np.gradient(grey)
    return float((down**2 + right**2)[mask].mean())
