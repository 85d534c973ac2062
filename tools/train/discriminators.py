"""Discriminators: networks that tell a recording from a painted picture, patch by patch.

Pictures are RGB 0..1 (B, 3, H, W). Conditions are maps at a quarter of their resolution (B, K, H/4, W/4),
such as `engines.skeleton.Skeleton` draws; they join the picture's features after the second convolution of
stride 2, where both have the same size. Limb maps are smooth, so a quarter of the resolution is enough. At
full resolution, their 60 channels would make the first layer, which sees the most pixels, 21 times as
expensive.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from engines.runtime.mixed_precision import without_autocast

Norm = Literal["spectral", "instance"]
STRIDES = (2, 2, 2, 1)
"""Strides of the convolutions before the last one, as in pix2pixHD's NLayerDiscriminator (n = 3)."""
WIDEST = 4
"""Channels double with each layer, up to this many times the width. pix2pixHD goes on to 8 times; that one
layer would take more than half of all arithmetic."""


class Judgement(NamedTuple):
    """The result of a discriminator.

    logits: (B, 1, h, w) float32 for each scale, higher is more real. features: the output of each layer
    before the logits, scale after scale, for feature matching.
    """

    logits: list[Tensor]
    features: list[Tensor]


class _Conv(nn.Conv2d):
    """A 4x4 convolution that reads its weight in float32, whatever autocast says: a spectral norm sums
    thousands of products."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, 4, stride, padding=1, bias=bias)
        nn.init.normal_(self.weight, 0, 0.02)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        with without_autocast(input.device):
            weight = self.weight
        return self._conv_forward(input, weight, self.bias)


class PatchDiscriminator(nn.Module):
    """pix2pixHD's patch discriminator (Wang et al., 2018): each logit sees 70 pixels a side.

    width: channels of the first layer. condition_channels: 0 for none. norm: "spectral" (Miyato et al., 2018)
    on every weight, or "instance" on the features of all layers but the first and the last. The sides of a
    picture must be multiples of 8, and at least 32.
    """

    def __init__(
        self,
        condition_channels: int = 0,
        *,
        picture_channels: int = 3,
        width: int = 32,
        norm: Norm = "spectral",
    ) -> None:
        super().__init__()
        self._conditioned = condition_channels > 0
        layers, inputs = [], picture_channels
        for index, stride in enumerate(STRIDES):
            if index == 2:
                inputs += condition_channels
            outputs = width * min(2**index, WIDEST)
            normed = norm == "instance" and index > 0
            parts: list[nn.Module] = [_Conv(inputs, outputs, stride, bias=not normed)]
            if normed:
                parts.append(nn.InstanceNorm2d(outputs))
            layers.append(nn.Sequential(*parts, nn.LeakyReLU(0.2)))
            inputs = outputs
        self.layers = nn.ModuleList(layers)
        self.head = _Conv(inputs, 1, 1, bias=True)
        if norm == "spectral":
            for module in [module for module in self.modules() if isinstance(module, _Conv)]:
                spectral_norm(module)

    def forward(self, picture: Tensor, condition: Tensor | None = None) -> Judgement:
        """picture (B, C, H, W) 0..1, condition (B, K, H/4, W/4), as the constructor was told."""
        if (condition is not None) != self._conditioned:
            raise ValueError("a condition belongs to a discriminator that was made for one, and only to it")
        x, features = picture * 2 - 1, []
        for index, layer in enumerate(self.layers):
            if index == 2 and condition is not None:
                x = torch.cat([x, condition.to(x.dtype)], dim=1)  # (B, 2 width + K, H/4, W/4)
            x = layer(x)
            features.append(x)
        return Judgement([self.head(x).float()], features)


class MultiScaleDiscriminator(nn.Module):
    """Patch discriminators on the picture, on its half, on its quarter ...: later ones see larger patches.

    The sides of a picture must be multiples of 8 * 2**(scales - 1), and at least 32 * 2**(scales - 1). The
    other arguments are passed to each `PatchDiscriminator`.
    """

    def __init__(
        self,
        condition_channels: int = 0,
        *,
        scales: int = 2,
        picture_channels: int = 3,
        width: int = 32,
        norm: Norm = "spectral",
    ) -> None:
        super().__init__()
        self.scales = nn.ModuleList(
            PatchDiscriminator(condition_channels, picture_channels=picture_channels, width=width, norm=norm)
            for _ in range(scales)
        )

    def forward(self, picture: Tensor, condition: Tensor | None = None) -> Judgement:
        """As `PatchDiscriminator.forward`, with one entry of logits for each scale, full size first."""
        logits, features = [], []
        for index, discriminator in enumerate(self.scales):
            if index:
                picture = F.avg_pool2d(picture, 2)
                condition = None if condition is None else F.avg_pool2d(condition, 2)
            judgement = discriminator(picture, condition)
            logits += judgement.logits
            features += judgement.features
        return Judgement(logits, features)


class TemporalDiscriminator(nn.Module):
    """Judges whether the second of two consecutive pictures, with their conditions, follows from the first.
    ("Everybody Dance Now", Chan et al., 2019, section 4.1; vid2vid, Wang et al., 2018.)"""

    def __init__(
        self, condition_channels: int = 0, *, scales: int = 1, width: int = 32, norm: Norm = "spectral"
    ) -> None:
        super().__init__()
        self.pair = MultiScaleDiscriminator(
            2 * condition_channels, scales=scales, picture_channels=6, width=width, norm=norm
        )

    def forward(
        self, earlier: Tensor, picture: Tensor, conditions: tuple[Tensor, Tensor] | None = None
    ) -> Judgement:
        """earlier, picture (B, 3, H, W) 0..1; conditions: those of both, each (B, K, H/4, W/4)."""
        maps = None if conditions is None else torch.cat(conditions, dim=1)
        judgement: Judgement = self.pair(torch.cat([earlier, picture], dim=1), maps)
        return judgement
