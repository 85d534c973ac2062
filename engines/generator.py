"""The generator: landmarks and its own previous output in, the player's RGB and alpha out.

A U-Net of plain 3x3 residual blocks that works at a quarter of the picture's resolution and below. Limb
maps come in and a PixelShuffle head goes out at a quarter, so no convolution ever sees full resolution
(plain 3x3 everywhere: depthwise ones save arithmetic but are bound by memory on a GPU). BatchNorm in
training; `fold` merges it into the convolutions for export.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from engines.skeleton import Skeleton

PREVIOUS_CHANNELS = 4
"""The previous output, RGB times alpha and alpha, at a quarter of the resolution."""

ALPHA_SHARPNESS = 2.0
"""What alpha's logits are multiplied by in a picture, after training: an arm that the net is unsure of is
painted or left out rather than mixed with the scene. On 200 training frames of the demo player the detector
found him in 100 % rather than 98.5 %, at 0.2 dB of foreground PSNR."""


class Variant(NamedTuple):
    """Channels a level (the first at a quarter of the resolution, each next at half the one before), and
    residual blocks in the encoder's and decoder's levels (top first) and in the middle."""

    channels: tuple[int, ...]
    encoder: tuple[int, ...]
    middle: int
    decoder: tuple[int, ...]


VARIANTS: dict[str, Variant] = {
    "nano": Variant((32, 64, 128), (0, 1), 3, (1, 2)),
    "tiny": Variant((48, 96, 192), (0, 1), 3, (1, 2)),
    "small": Variant((64, 128, 256), (1, 1), 4, (1, 2)),
    "std": Variant((96, 192, 384, 512), (1, 2, 2), 6, (2, 2, 3)),
    "max": Variant((128, 256, 512, 768), (2, 2, 2), 6, (2, 3, 4)),
}


def multiple(variant: str) -> int:
    """The sides of a picture must be multiples of this many pixels."""
    return 4 * 2 ** (len(VARIANTS[variant].channels) - 1)


class _ConvNorm(nn.Module):
    """Convolution, then BatchNorm until it is folded."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, gamma: float = 1.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1)
        norm = nn.BatchNorm2d(outputs)
        nn.init.constant_(norm.weight, gamma)
        self.norm: nn.Module = norm

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.norm(self.conv(x))
        return result

    def fold(self) -> None:
        norm = self.norm
        if isinstance(norm, nn.BatchNorm2d):
            assert norm.running_mean is not None and norm.running_var is not None  # noqa: S101
            self.conv.weight, bias = fuse_conv_bn_weights(
                self.conv.weight, self.conv.bias, norm.running_mean, norm.running_var,
                norm.eps, norm.weight, norm.bias,
            )  # fmt: skip
            self.conv.bias = bias
            self.norm = nn.Identity()


class _Block(nn.Module):
    """x + conv·BN·ReLU·conv·BN; the small last gamma starts it near the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _ConvNorm(channels, channels)
        self.second = _ConvNorm(channels, channels, gamma=0.2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x)))


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(channels) for _ in range(count)))


class Generator(nn.Module):
    """One player's generator.

    variant: a key of `VARIANTS`; body_px: see `Skeleton`.
    """

    def __init__(self, variant: str, body_px: float) -> None:
        super().__init__()
        channels, encoder, middle, decoder = VARIANTS[variant]
        self.variant = variant
        self.skeleton = Skeleton(body_px)
        self.stem = _ConvNorm(Skeleton.channels + PREVIOUS_CHANNELS, channels[0])
        self.encoder = nn.ModuleList(
            _blocks(count, blocks) for count, blocks in zip(channels, encoder, strict=False)
        )
        self.downs = nn.ModuleList(
            _ConvNorm(above, below, stride=2) for above, below in itertools.pairwise(channels)
        )
        self.middle = _blocks(channels[-1], middle)
        self.ups = nn.ModuleList(
            nn.Conv2d(below, 4 * above, 1) for above, below in itertools.pairwise(channels)
        )
        self.decoder = nn.ModuleList(
            _blocks(count, blocks) for count, blocks in zip(channels, decoder, strict=False)
        )
        self.head = nn.Conv2d(channels[0], 16 * 4, 3, padding=1)
        for up in self.ups:
            _icnr(up, 2)
        _icnr(self.head, 4)
        with torch.no_grad():
            self.head.weight *= 0.2

    def forward(self, landmarks: Tensor, previous: Tensor) -> Tensor:
        """landmarks (B, 33, 4) pixels, previous (B, 4, H/4, W/4) → logits (B, 4, H, W) of RGB and alpha."""
        return F.pixel_shuffle(self.head(self.features(landmarks, previous)), 4)

    def features(self, landmarks: Tensor, previous: Tensor) -> Tensor:
        """What the head sees: (B, C0, H/4, W/4)."""
        maps = self.skeleton(landmarks, previous.shape[2], previous.shape[3])  # (B, 3L, H/4, W/4)
        x = F.relu(self.stem(torch.cat([maps, previous], dim=1)))  # (B, C0, H/4, W/4)
        skips = []
        for blocks, down in zip(self.encoder, self.downs, strict=True):
            x = blocks(x)
            skips.append(x)
            x = F.relu(down(x))
        x = self.middle(x)
        for up, skip, blocks in reversed(list(zip(self.ups, skips, self.decoder, strict=True))):
            x = blocks(skip + F.pixel_shuffle(up(x), 2))
        return F.relu(x)

    def fold(self) -> Generator:
        """Merges every BatchNorm into its convolution, in place, for inference. Returns itself."""
        for module in self.modules():
            if isinstance(module, _ConvNorm):
                module.fold()
        return self.eval()


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None  # noqa: S101  # for the type checker
    return conv.bias


def _head(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1, device=weight.device)
    conv.weight, conv.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
    return conv


def _icnr(conv: nn.Module, factor: int) -> None:
    """Starts a convolution before PixelShuffle as nearest-neighbour upsampling: no checkerboard
    (Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017)."""
    assert isinstance(conv, nn.Conv2d)  # noqa: S101
    kernel = torch.empty_like(conv.weight[:: factor**2])
    nn.init.kaiming_normal_(kernel)
    with torch.no_grad():
        conv.weight.copy_(kernel.repeat_interleave(factor**2, dim=0))
        _bias(conv).zero_()


def split(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (B, 4, H, W) → RGB (B, 3, H, W) and alpha (B, 1, H, W), both 0..1."""
    return torch.sigmoid(logits[:, :3]), torch.sigmoid(logits[:, 3:] * ALPHA_SHARPNESS)


def feedback(rgb: Tensor, alpha: Tensor) -> Tensor:
    """What the net is shown of a picture as its previous output: (B, 4, H/4, W/4)."""
    return F.avg_pool2d(torch.cat([rgb * alpha, alpha], dim=1), 4)


class LiveGenerator(nn.Module):
    """The generator as it goes on air, composited: the graph that is exported and compiled.

    forward(landmarks (1, 33, 4) pixels of the window, previous (1, 4, h/4, w/4), plate (1, h, w, 3) uint8
    BGR) → picture (1, h, w, 3) uint8 BGR, next previous (1, 4, h/4, w/4).
    """

    INPUTS = ("landmarks", "previous", "plate")
    OUTPUTS = ("picture", "next_previous")
    KEEP_FLOAT = (".*skeleton.*", "aten::.*")
    """What INT8 must leave alone: limb maps are coordinates, and this module itself mixes colours."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator
        # The head's channels are 16 of red, green, blue and alpha each. Two heads that give BGR and alpha
        # apart cost the same arithmetic, and spare the picture a split and a flip at full resolution.
        red, green, blue, alpha = generator.head.weight.split(16)
        red_bias, green_bias, blue_bias, alpha_bias = _bias(generator.head).split(16)
        self.bgr = _head(torch.cat([blue, green, red]), torch.cat([blue_bias, green_bias, red_bias]))
        self.alpha = _head(alpha * ALPHA_SHARPNESS, alpha_bias * ALPHA_SHARPNESS)

    def forward(self, landmarks: Tensor, previous: Tensor, plate: Tensor) -> tuple[Tensor, Tensor]:
        features = self.generator.features(landmarks, previous)
        bgr = torch.sigmoid(F.pixel_shuffle(self.bgr(features), 4))  # (1, 3, h, w)
        alpha = torch.sigmoid(F.pixel_shuffle(self.alpha(features), 4))  # (1, 1, h, w)
        paint = bgr * alpha
        still = plate.permute(0, 3, 1, 2).to(bgr.dtype) * (1 - alpha)
        picture = (paint * 255 + still + 0.5).to(torch.uint8).permute(0, 2, 3, 1)  # (1, h, w, 3)
        quarter = F.avg_pool2d(paint, 4).flip(1)  # `feedback`, RGB
        return picture, torch.cat([quarter, F.avg_pool2d(alpha, 4)], dim=1)

    def example(self, size: tuple[int, int]) -> dict[str, Tensor]:
        """Inputs of the right shapes for a window of `size` (width, height) pixels."""
        width, height = size
        return {
            "landmarks": torch.rand(1, 33, 4) * torch.tensor([width, height, 100.0, 1.0]),
            "previous": torch.zeros(1, PREVIOUS_CHANNELS, height // 4, width // 4),
            "plate": torch.zeros(1, height, width, 3, dtype=torch.uint8),
        }
