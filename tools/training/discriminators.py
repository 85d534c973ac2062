"""Discriminators: what tells a recording from a painted picture, patch by patch.

Pictures are RGB 0..1 (B, 3, H, W), conditions are maps at a quarter of their resolution (B, K, H/4, W/4),
such as `engines.skeleton.Skeleton` draws. They join the picture's features after the second convolution of
stride 2, where both are of one size. Limb maps are smooth, so a quarter of the resolution holds all they
have; at full resolution their 60 channels would make the first layer, which sees the most pixels, 21 times
as dear.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from engines.runtime.half import without_autocast
from engines.skeleton import Landmark
from tools.training.upload import upload

Norm = Literal["spectral", "instance"]
STRIDES = (2, 2, 2, 1)
"""Of the convolutions before the one that gives the logits, as in pix2pixHD's NLayerDiscriminator (n = 3)."""
WIDEST = 4
"""Channels double with each layer up to this many times the width. pix2pixHD goes on to 8 times: more than
half of all arithmetic would lie in that one layer."""


class Judgement(NamedTuple):
    """What a discriminator returns.

    logits: (B, 1, h, w) float32 a scale, higher is more real; features: what each layer before them gave,
    scale after scale, for feature matching.
    """

    logits: list[Tensor]
    features: list[Tensor]


class _Conv(nn.Conv2d):
    """A 4x4 convolution that takes its weight in float32 whatever autocast says: a spectral norm is a sum of
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
    """Patch discriminators on the picture, on its half, on its quarter ...: the later see larger patches.

    The sides of a picture must be multiples of 8 * 2**(scales - 1), and at least 32 * 2**(scales - 1). The
    other arguments go to each `PatchDiscriminator`.
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
        """As `PatchDiscriminator.forward`; one entry of logits a scale, full size first."""
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
    """Two consecutive pictures with their conditions at once: does the second follow from the first?
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


class Part(NamedTuple):
    """A part of the body to look at closely: about the mean of `landmarks`, `side` in standing heights."""

    landmarks: tuple[Landmark, ...]
    side: float


_L = Landmark
PARTS: dict[str, Part] = {
    "face": Part((_L.NOSE, _L.LEFT_EAR, _L.RIGHT_EAR), 0.25),
    "left hand": Part((_L.LEFT_WRIST, _L.LEFT_INDEX, _L.LEFT_PINKY), 0.18),
    "right hand": Part((_L.RIGHT_WRIST, _L.RIGHT_INDEX, _L.RIGHT_PINKY), 0.18),
}
"""TABLE of what crop discriminators look at; each is a `PatchDiscriminator` on `part_crops`."""


def part_centres(landmarks: Tensor, parts: Sequence[str]) -> Tensor:
    """(B, 33, 4) pixels, on the host → (B, len(parts), 2), the centres of `PARTS`."""
    points = ([landmarks[:, each, :2] for each in PARTS[name].landmarks] for name in parts)
    return torch.stack([torch.stack(each, dim=1).mean(dim=1) for each in points], dim=1)


def pass_over(critic: nn.Module, times: int) -> None:
    """Leaves a critic as if it had judged so often: its spectral norms are estimated a little further at each
    use of a weight. Where one process has nothing for it to judge, it stays the critic of the others."""
    with torch.no_grad():
        for _ in range(times):
            for module in critic.modules():
                if isinstance(module, _Conv):
                    _ = module.weight


def crops_about(pictures: Tensor, centres: Tensor, side_px: float, out_size: int) -> Tensor:
    """Square crops (B * N, C, out_size, out_size) about `centres` (B, N, 2), x and y in pixels of `pictures`
    (B, C, H, W), those of one picture after each other. Bilinear and differentiable; outside is zero.

    Pixel i spans i to i + 1, as in `Skeleton`. Choose out_size near side_px: far below, pixels are skipped.
    """
    batch, count = centres.shape[:2]
    step = (torch.arange(out_size, device=centres.device, dtype=centres.dtype) + 0.5) / out_size - 0.5
    x = (centres[..., 0, None] + step * side_px) * (2 / pictures.shape[-1]) - 1  # (B, N, out)
    y = (centres[..., 1, None] + step * side_px) * (2 / pictures.shape[-2]) - 1
    square = (batch, count, out_size, out_size)
    grid = torch.stack([x[:, :, None, :].expand(square), y[:, :, :, None].expand(square)], dim=-1)
    crops = F.grid_sample(pictures, grid.reshape(batch, count * out_size, out_size, 2), align_corners=False)
    crops = crops.unflatten(2, (count, out_size))  # (B, C, N, out, out)
    return crops.transpose(1, 2).flatten(0, 1)


def part_crops(
    pictures: Tensor, landmarks: Tensor, parts: Sequence[str], body_px: float, out_size: int
) -> Tensor:
    """Crops (n, C, out_size, out_size) of one kind of `PARTS` (all of one side) from pictures (B, C, H, W).

    landmarks (B, 33, 4) pixels of `pictures`, on the host, wherever those are: how many crops there are is
    known without waiting for a device; body_px: see `Skeleton`. Only parts whose centre lies inside
    the picture are cut, so n may be 0; it depends on the landmarks alone, and so is the same for a recording
    and for what is painted in its place. For limb maps, give landmarks, body_px and out_size over 4.
    """
    (side,) = {PARTS[name].side for name in parts}
    height, width = pictures.shape[2:]
    places = part_centres(landmarks, parts).numpy()  # (B, N, 2)
    rows, columns = ((places >= 0) & (places < (width, height))).all(axis=-1).nonzero()  # (n,) each
    where = upload(places[rows, columns][:, None], pictures.device)  # (n, 1, 2)
    shown = pictures.index_select(0, upload(rows, pictures.device))
    return crops_about(shown, where, side * body_px, out_size)
