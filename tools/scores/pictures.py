"""Measures how similar a picture is to the true one."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Window = tuple[slice, slice]
"""Rows and columns of a picture."""

MS_SSIM_SMALLEST = 161
"""Pixels each way: four halvings, and a window of 11 pixels."""


def psnr(output: Picture, truth: Picture, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio of (H, W, 3) pictures, dB, over the pixels of `mask` (H, W)."""
    error = output.astype(np.float32) - truth
    square = float(np.square(error if mask is None else error[mask]).mean())
    return math.inf if square == 0 else 10 * math.log10(255**2 / square)


def ssim_map(output: Picture, truth: Picture) -> NDArray[np.float32]:
    """(H, W) structural similarity at each pixel of (H, W, 3) pictures (Wang et al., 2004; windows of 7
    pixels, the channels averaged)."""
    from skimage.metrics import structural_similarity  # training then needs no more than `psnr` does

    _, similarity = structural_similarity(
        truth.astype(np.float32), output.astype(np.float32), channel_axis=2, data_range=255, full=True
    )
    return np.asarray(similarity.mean(axis=2), np.float32)


def multiscale_ssim(output: Picture, truth: Picture) -> float:
    """MS-SSIM (Wang, Simoncelli and Bovik, 2003) of (H, W, 3) pictures; NaN for pictures too small for it."""
    from pytorch_msssim import ms_ssim

    if min(truth.shape[:2]) < MS_SSIM_SMALLEST:
        return math.nan
    return float(ms_ssim(to_tensor(output), to_tensor(truth), data_range=1.0))


def gradient_energy(picture: Picture, mask: Mask | None = None) -> float:
    """Mean squared gradient of the grey picture (H, W, 3) BGR over `mask` (H, W)."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    down, right = np.gradient(grey)
    energy = down**2 + right**2
    return float((energy if mask is None else energy[mask]).mean())


def sharpness(output: Picture, truth: Picture, mask: Mask | None = None) -> float:
    """Gradient energy of output over truth: below 1 for blur, above for noise."""
    return gradient_energy(output, mask) / max(gradient_energy(truth, mask), 1e-6)


def to_tensor(picture: Picture) -> Tensor:
    """(H, W, 3) BGR 0..255 → (1, 3, H, W) RGB 0..1."""
    return torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
