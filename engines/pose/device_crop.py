"""Cuts the input of a net out of a frame that lies on a device."""

from __future__ import annotations

import torch
from torch import Tensor, nn

PARAMETERS = 8
"""The affine map from the crop to the frame, row by row, then the frame's width and height."""


class DeviceCrop(nn.Module):
    """What cv2.warpAffine cuts out of a frame, bilinear, with plain torch: within 0.1 of 255 on average and 4
    at most, as OpenCV rounds its coordinates to 1/32 of a pixel.

    The frame's size is data, so that one captured graph serves cameras of every size.

    size: the crop's side, pixels. replicate: beyond the frame its edge goes on, otherwise it is black.
    """

    def __init__(self, size: int, *, replicate: bool) -> None:
        super().__init__()
        self._replicate = replicate
        places = torch.arange(size, dtype=torch.float32)
        y, x = torch.meshgrid(places, places, indexing="ij")
        self.register_buffer("_x", x.contiguous())  # (size, size)
        self.register_buffer("_y", y.contiguous())
        self._x: Tensor
        self._y: Tensor

    def forward(self, frame: Tensor, parameters: Tensor) -> Tensor:
        """frame (N, 3) uint8 BGR, of which the first width * height rows are pixels, row by row; parameters
        (PARAMETERS,) float32 → (1, size, size, 3) uint8 RGB."""
        a, b, left, c, d, top, width, height = parameters.unbind()
        u, v = a * self._x + b * self._y + left, c * self._x + d * self._y + top
        column, row = u.floor(), v.floor()
        right, down = (u - column)[..., None], (v - row)[..., None]
        above, below = (
            torch.lerp(
                self._tap(frame, y, column, width, height),
                self._tap(frame, y, column + 1, width, height),
                right,
            )
            for y in (row, row + 1)
        )
        crop = (torch.lerp(above, below, down) + 0.5).to(torch.uint8)
        return crop.flip(-1)[None]

    def _tap(self, frame: Tensor, row: Tensor, column: Tensor, width: Tensor, height: Tensor) -> Tensor:
        """(size, size, 3) float32: the pixels at whole places."""
        y = torch.minimum(row.clamp(min=0), height - 1)
        x = torch.minimum(column.clamp(min=0), width - 1)
        taken = frame[y.long() * width.long() + x.long()].float()
        if self._replicate:
            return taken
        return taken * ((y == row) & (x == column))[..., None]
