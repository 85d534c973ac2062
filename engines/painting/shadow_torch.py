"""The shadow in torch, for shows on a GPU: the same picture as `shadow.py`, with shapes that a graph can
hold."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.painting.shadow import FEET, QUARTER, Shadow


class TorchFloor(nn.Module):
    """A player's plate with the shadow on it, on a device.

    plate: (H, W, 3) uint8, sides in multiples of 4.
    """

    plate: Tensor

    def __init__(self, plate: Tensor, shadow: Shadow, standing_px: float) -> None:
        super().__init__()
        self._shadow, self._standing_px = shadow, standing_px
        self.register_buffer("plate", plate)
        height, width = (side // QUARTER for side in plate.shape[:2])
        y, x = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
        self.register_buffer("places", torch.stack([x, y], dim=-1))
        self.places: Tensor  # (H/4, W/4, 2)

    def forward(self, outline: Tensor, landmarks: Tensor, corner: Tensor) -> Tensor:
        """outline (1, 1, h, w) 0..1, landmarks (1, 33, 4) pixels of the picture, corner (1, 2): where (x, y)
        in the picture `outline` begins, multiples of 4 → (H, W, 3) uint8."""
        shadow, rows = self._shadow, self._shadow.smoothing()
        small = F.avg_pool2d(outline, QUARTER)  # (1, 1, h/4, w/4)
        small = F.avg_pool2d(small, (rows, 1), stride=1, padding=(rows // 2, 0))
        lowest = landmarks[0, FEET, 1].amax() + shadow.soles * self._standing_px
        floor = (lowest + 0.5) / QUARTER - 0.5
        above = (floor - self.places[..., 1]) / shadow.up
        x = self.places[..., 0] - shadow.across * above - corner[0, 0] / QUARTER
        y = floor - above - corner[0, 1] / QUARTER
        height, width = small.shape[2:]
        grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)[None]
        laid = F.grid_sample(small, grid, padding_mode="zeros", align_corners=False)  # (1, 1, H/4, W/4)
        laid = F.interpolate(laid, scale_factor=float(QUARTER), mode="bilinear", align_corners=False)
        light = 1 - shadow.strength * laid[0, 0, ..., None]  # (H, W, 1)
        return (self.plate * light + 0.5).to(torch.uint8)
