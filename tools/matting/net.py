"""The matting network: a small U-Net that turns a rough mask into the person's alpha.

Its inputs are the picture, the landmark net's mask of the person, and the empty plate where that is known. It
is fully convolutional; sides are multiples of MULTIPLE.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MULTIPLE = 32
WIDTHS = (24, 40, 64, 96, 128)
"""Channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the picture."""
SURE = 0.004
"""A mask counts as no more certain than this."""
INPUTS = 3 + 1 + 3 + 3 + 1
"""Picture, mask, plate, their difference, and where the plate is known."""


class MattingNet(nn.Module):
    """About 1 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        first, *_ = WIDTHS
        self.stem = nn.Conv2d(4 * INPUTS, first, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(width) for width in WIDTHS)
        self.down = nn.ModuleList(
            nn.Conv2d(wide, narrow, 3, stride=2, padding=1) for wide, narrow in pairwise(WIDTHS)
        )
        self.up = nn.ModuleList(nn.Conv2d(narrow, wide, 1) for wide, narrow in pairwise(WIDTHS))
        self.merge = nn.ModuleList(_Block(width) for width in WIDTHS[:-1])
        last, fine = nn.Conv2d(32, 4, 3, padding=1), nn.Conv2d(8, 1, 3, padding=1)
        self.head = nn.Sequential(nn.Conv2d(first, 32, 3, padding=1), nn.ReLU(), last)
        self.fine = nn.Sequential(nn.Conv2d(INPUTS + 1, 8, 3, padding=1), nn.ReLU(), fine)
        for layer in (last, fine):
            nn.init.zeros_(layer.weight)
            assert layer.bias is not None  # noqa: S101  # for the type checker
            nn.init.zeros_(layer.bias)

    def forward(self, picture: Tensor, mask: Tensor, plate: Tensor, known: Tensor) -> Tensor:
        """picture, plate (B, 3, H, W) RGB; mask, known (B, 1, H, W); all 0..1 → logits of alpha (B, 1, H, W).

        Where the plate is not known, its colours have no effect.
        """
        plate = plate * known
        difference = (picture - plate).abs() * known
        shown = torch.cat([picture - 0.5, mask - 0.5, plate - 0.5 * known, difference, known], dim=1)
        x = self.stem(F.pixel_unshuffle(shown, 2))
        levels = []
        for block, down in zip(self.blocks, self.down, strict=False):
            x = block(x)
            levels.append(x)
            x = down(x)
        x = self.blocks[-1](x)
        for level, up, merge in zip(reversed(levels), reversed(self.up), reversed(self.merge), strict=True):
            x = merge(level + F.interpolate(up(x), scale_factor=2.0, mode="bilinear", align_corners=False))
        sure = mask.clamp(SURE, 1 - SURE)
        logits = F.pixel_shuffle(self.head(x), 2) + torch.log(sure / (1 - sure))  # starts as the mask itself
        return logits + self.fine(torch.cat([shown, logits / 6], dim=1))


class _Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        last = nn.Conv2d(width, width, 3, padding=1)
        self.body = nn.Sequential(nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), last)
        nn.init.normal_(last.weight, std=0.01)
        assert last.bias is not None  # noqa: S101  # for the type checker
        nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)
