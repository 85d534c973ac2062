"""Heatmap refinement, on the host and on a device (MediaPipe's RefineLandmarksFromHeatmapCalculator)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float32]

KERNEL = 9
"""RefineLandmarksFromHeatmapCalculator's default; the wheel's serialized options are empty."""
MIN_CONFIDENCE = 0.5


def refine(points: Floats, heatmap: Floats) -> Floats:
    """Moves each point to the centre of mass of the heatmap around it.

    points: (N, 2) x, y in 0..1 of the crop; heatmap: (N, H, W) logits. A point stays where it is if it lies
    outside of the crop, or if no value in its window reaches MIN_CONFIDENCE.
    """
    height, width = heatmap.shape[1:]
    with np.errstate(invalid="ignore"):
        column = (points[:, 0] * width).astype(np.int32)  # truncates towards zero, as the original does
        row = (points[:, 1] * height).astype(np.int32)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    offset = np.arange(KERNEL, dtype=np.int32) - (KERNEL - 1) // 2
    columns, rows = column[:, None] + offset, row[:, None] + offset  # (N, kernel)
    valid_x, valid_y = (columns >= 0) & (columns < width), (rows >= 0) & (rows < height)
    window = heatmap[
        np.arange(len(points))[:, None, None],
        np.clip(rows, 0, height - 1)[:, :, None],
        np.clip(columns, 0, width - 1)[:, None, :],
    ]
    weight = sigmoid(window) * (valid_y[:, :, None] & valid_x[:, None, :])
    total = weight.sum((1, 2))
    moved = inside & (weight.max((1, 2)) >= MIN_CONFIDENCE)
    divisor = np.where(moved, total, 1)
    result = points.copy()
    result[:, 0] = np.where(moved, (weight.sum(1) * columns).sum(1) / divisor / width, points[:, 0])
    result[:, 1] = np.where(moved, (weight.sum(2) * rows).sum(1) / divisor / height, points[:, 1])
    return result


def refine_on_device(points: Tensor, heatmap: Tensor) -> Tensor:
    """`refine` in torch: points (N, 2) and heatmap (N, H, W) on one device → (N, 2)."""
    height, width = heatmap.shape[1:]
    offset = torch.arange(KERNEL, device=points.device) - (KERNEL - 1) // 2
    near = points.nan_to_num(-1.0).clamp(-1.0, 2.0)  # an integer may not hold values farther out
    column, row = (near[:, 0] * width).to(torch.int64), (near[:, 1] * height).to(torch.int64)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    columns, rows = column[:, None] + offset, row[:, None] + offset  # (N, kernel)
    valid_x, valid_y = (columns >= 0) & (columns < width), (rows >= 0) & (rows < height)
    each = torch.arange(len(points), device=points.device)[:, None, None]
    window = heatmap[each, rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]]
    weight = torch.sigmoid(window) * (valid_y[:, :, None] & valid_x[:, None, :])
    moved = inside & (weight.amax(dim=(1, 2)) >= MIN_CONFIDENCE)
    total = torch.where(moved, weight.sum(dim=(1, 2)), torch.ones_like(points[:, 0]))
    x = (weight.sum(dim=1) * columns).sum(dim=1) / total / width
    y = (weight.sum(dim=2) * rows).sum(dim=1) / total / height
    return torch.where(moved[:, None], torch.stack([x, y], dim=1), points)


def sigmoid(values: Floats) -> Floats:
    """The logistic function, without overflow."""
    result: Floats = 1 / (1 + np.exp(-np.clip(values, -80, 80)))
    return result
