"""Pictures as encoders and cameras have them: NV12, full luma and chroma at half the resolution, on a device.

BT.709 in limited range (ITU-R BT.709-6, section 3): Y' 16..235, Cb and Cr 16..240 about 128.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

RED, GREEN, BLUE = 0.2126, 0.7152, 0.0722
"""The primaries' shares of luma."""
LUMA, CHROMA = 219 / 255, 224 / 255
"""Of 8-bit full range."""
TO_CB, TO_CR = 1 / (2 * (1 - BLUE)), 1 / (2 * (1 - RED))


def bgr_to_nv12(picture: Tensor, out: Tensor) -> None:
    """picture (H, W, 3) uint8 BGR, both sides even → `out` (H * 3 / 2, W) uint8.

    `out`: the luma, then half as many rows of Cb and Cr by turns, each the mean of four pixels. It can be
    captured.
    """
    height, width, _ = picture.shape
    blue, green, red = picture.float().unbind(-1)
    luma = RED * red + GREEN * green + BLUE * blue  # (H, W) 0..255
    out[:height].copy_(luma * LUMA + 16.5)
    colour = torch.stack([(blue - luma) * TO_CB, (red - luma) * TO_CR])  # (2, H, W) -127.5..127.5
    small = F.avg_pool2d(colour[None], 2)[0] * CHROMA + 128.5  # (2, H/2, W/2)
    out[height:].view(height // 2, width // 2, 2).copy_(small.permute(1, 2, 0))
