"""The player alone, with alpha, for other backgrounds and for editors: offline."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.generator import LiveGenerator
from engines.renderer import Renderer


class LayerGenerator(LiveGenerator):
    """The generator without a plate.

    forward(landmarks (1, 33, 4) pixels of the window, see `Skeleton`, previous (1, 4, h/cell, w/cell), doll
    (1, h, w, 4) uint8 premultiplied BGRA) → layer (1, h, w, 4) uint8 BGRA, straight (the colours are not
    times alpha), next previous (1, 4, h/cell, w/cell).
    """

    INPUTS = ("landmarks", "previous", "doll")
    OUTPUTS = ("layer", "next_previous")

    def forward(self, landmarks: Tensor, previous: Tensor, doll: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        bgr, alpha = self.paint(landmarks, previous, doll)
        layer = (torch.cat([bgr, alpha], dim=1) * 255 + 0.5).to(torch.uint8)
        return layer.permute(0, 2, 3, 1), self.next_previous(bgr * alpha, alpha)

    def example(self, size: tuple[int, int]) -> dict[str, Tensor]:
        """See `LiveGenerator.example`."""
        return {name: tensor for name, tensor in super().example(size).items() if name in self.INPUTS}


class LayerRenderer(Renderer):
    """`Renderer` for the player alone."""

    net = LayerGenerator

    def __call__(self, landmarks: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
        """As `Renderer`, into `out` (H, W, 4) BGRA, straight; all 0 where he is not."""
        rows, columns, outputs = self.run(landmarks)
        out[:] = 0
        height, width = out.shape[:2]
        layer = np.asarray(outputs["layer"], np.uint8)[0, : height - rows.start, : width - columns.start]
        out[rows, columns] = layer * (layer[..., 3:] > 0)
