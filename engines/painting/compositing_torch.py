"""Makes the player's picture from the net's output, at full resolution, on a device. It is
`engines.painting.compositing` in torch, from tensor to tensor, so that it can be captured in a CUDA graph."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from engines.painting.generator import (
    ALPHA_SHARPNESS,
    CLEAR,
    DOLL_ALPHA,
    FIELDS,
    FINE,
    GAP,
    Generator,
    closed,
    in_light,
    inside,
    larger,
    mix,
)


class TorchCompositor:
    """Composites windows of one `generator`."""

    def __init__(self, generator: Generator) -> None:
        self._cell, self._soft = generator.cell, generator.soft

    def paint(self, doll: Tensor, own: Tensor, fields: Tensor) -> tuple[Tensor, Tensor]:
        """The player's colours (1, 3, h, w) BGR, not multiplied by alpha, and alpha (1, 1, h, w), both 0..1.

        doll: (1, 4, h, w) premultiplied BGRA 0..1. own, fields: see `LiveGenerator`.
        """
        own = larger(own.permute(0, 3, 1, 2).float(), self._cell // FINE)
        smooth = larger(fields.permute(0, 3, 1, 2).float(), self._cell)
        tint, outline, choice = smooth.split(FIELDS, dim=1)
        cover = doll[:, 3:]
        gaps = closed(cover, GAP * self._soft * self._cell // FINE) - cover
        logits = outline * gaps + DOLL_ALPHA * (2 * cover - 1)
        opaque = inside(doll, self._soft, self._cell)
        alpha = F.threshold(torch.sigmoid(logits * ALPHA_SHARPNESS), CLEAR, 0.0)
        alpha = torch.maximum(alpha, opaque)
        return mix(own, in_light(doll, tint), choice), alpha

    def feedback(self, colours: Tensor, alpha: Tensor) -> Tensor:
        """What the net sees of this picture as its previous output, (1, 4, h/cell, w/cell): see
        `Painting.feedback`."""
        return F.avg_pool2d(torch.cat([(colours * alpha).flip(1), alpha], dim=1), self._cell)
