"""The generator: a network that turns a pose, the player's paper doll and its own previous output into the
player's picture, RGB and alpha.

`tools.train` trains it; `engines.rendering` runs it for every frame of a show, as `LiveGenerator`.

It is a U-Net of plain 3x3 residual blocks on a coarse grid. The grid has about 40 cells to the player's
standing height (`cell_px`), so one net serves pictures of several sizes, and costs the same for all. No
convolution sees full resolution. (Depthwise convolutions would save arithmetic, but memory bandwidth limits
them on a GPU.) The net's own colours are blurred wherever landmarks do not tell enough. So the net also tints
the doll (`engines.doll`), which is drawn at full resolution, and chooses between the two. Tint, choice and
outline are smooth fields, one value a cell, interpolated; the net's own colours have 4x4 pixels a cell.
BatchNorm is used in training; `fold` merges it into the convolutions for export.
"""

from __future__ import annotations

import copy
import itertools
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from engines.skeleton import LANDMARKS, Skeleton

CELLS = 40
"""The standing player is about this many cells high."""
FINE = 4
"""Pixels along a cell's side, in the doll as the net sees it and in the net's own colours."""
PREVIOUS_CHANNELS = 4
"""The previous output: RGB times alpha, and alpha, for each cell."""

ALPHA_SHARPNESS = 2.0
"""Factor on alpha's logits when a picture is painted, not in training. An arm of which the net is unsure is
then painted or left out, not mixed with the background. On 200 training frames of the demo player, the
detector found the player in 100 % instead of 98.5 %, for 0.2 dB less foreground PSNR."""


DOLL_CHANNELS = 4
"""The doll: premultiplied RGBA."""
PATCH_CHANNELS = 32
"""Channels that the stem computes from the doll's pixels in each cell."""
SOFT = 0.01
"""Within about this distance of the doll's outline, standing heights, the net decides where the player ends;
farther inside, the player is opaque."""
GAP = 3
"""On air the net decides only in the doll's gaps, up to this many times `SOFT` from the doll on both sides.
At its outer edge the doll decides."""
TINT = 0.3
"""The doll's colours are changed by at most this, 0..1: the light in a bank's frame may not fit the pose."""
FIELDS = (3, 1, 1)
"""Channels of the fields: tint, outline, choice."""
DOLL_ALPHA, DOLL_CHOICE = 2.0, 3.0
"""Logits: how much the doll's alpha adds to the net's (from minus to plus this), and the initial choice of
the doll's colours. An untrained net shows the doll, and training starts from there."""
CLEAR = 0.02
"""On air, an alpha below this becomes 0. An untrained net has 0.018 outside of its doll: a haze over the
window that would cost as much time as the player."""


class Painting(NamedTuple):
    """What the net returns, of the picture's size. rgb (B, 3, H, W) 0..1 and alpha_logits (B, 1, H, W) are
    the result. The rest tells how it was made: own (B, 3, H, W) 0..1, the net's own colours; tinted (B, 4, H,
    W), the tinted doll; choice (B, 1, H, W) 0..1, how much of the doll is taken where there is a doll; inside
    (B, 1, H, W) 0..1, where the player is according to the doll, whatever the logits."""

    rgb: Tensor
    alpha_logits: Tensor
    own: Tensor
    tinted: Tensor
    choice: Tensor
    inside: Tensor

    @property
    def alpha(self) -> Tensor:
        """(B, 1, H, W) 0..1: alpha as in training. On air it is reduced, see `GAP` and `CLEAR`."""
        return torch.maximum(torch.sigmoid(self.alpha_logits * ALPHA_SHARPNESS), self.inside)

    def feedback(self, cell: int) -> Tensor:
        """This picture as the next previous output: (B, 4, H/cell, W/cell), for a net with `cell` pixels a
        cell."""
        alpha = self.alpha
        return F.avg_pool2d(torch.cat([self.rgb * alpha, alpha], dim=1), cell)

    def over(self, plate: Tensor) -> Tensor:
        """The player over `plate` (B, 3, H, W), the picture (B, 3, H, W), 0..1."""
        return plate + self.alpha * (self.rgb - plate)


class Variant(NamedTuple):
    """The size of a net: channels at each level (the first is the grid's, each next one has half the
    resolution); residual blocks in each level of encoder and decoder, top first; and residual blocks in the
    middle."""

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


def cell_px(body_px: float) -> int:
    """The side of the net's cells, pixels, for a player `body_px` high: a multiple of `FINE`."""
    return FINE * max(1, round(body_px / (CELLS * FINE)))


def multiple(variant: str, cell: int) -> int:
    """A picture's sides must be multiples of this many pixels for the net to paint it."""
    return int(cell * 2 ** (len(VARIANTS[variant].channels) - 1))


def canvas_of(size: tuple[int, int], step: int) -> tuple[int, int]:
    """A picture's size (width, height), enlarged at its right and lower edge to multiples of `step`."""
    width, height = (-(-side // step) * step for side in size)
    return width, height


class _ConvNorm(nn.Module):
    """A convolution with BatchNorm; folding merges the two."""

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
    """x + conv·BN·ReLU·conv·BN; a small last gamma lets it start near the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _ConvNorm(channels, channels)
        self.second = _ConvNorm(channels, channels, gamma=0.2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x)))


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(channels) for _ in range(count)))


class Generator(nn.Module):
    """The generator of one player.

    variant: a key of `VARIANTS`. body_px: see `Skeleton`.
    """

    pose_maps: ClassVar[type[Skeleton]] = Skeleton
    """The module that draws the pose for the stem."""
    doll_has_the_edge: ClassVar[bool] = True
    """Whether, on air, only the doll decides where the player ends at its outer edge, see `GAP`."""

    def __init__(self, variant: str, body_px: float) -> None:
        super().__init__()
        channels, encoder, middle, decoder = VARIANTS[variant]
        self.variant, self.body_px = variant, body_px
        self.cell = cell_px(body_px)
        self.multiple = multiple(variant, self.cell)
        self.skeleton = self.pose_maps(body_px, self.cell)
        self.soft = max(1, round(SOFT * body_px * FINE / self.cell))
        self.patches = nn.Conv2d(DOLL_CHANNELS, PATCH_CHANNELS, FINE, stride=FINE)
        self.stem = _ConvNorm(self.skeleton.channels + PREVIOUS_CHANNELS + PATCH_CHANNELS, channels[0])
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
        self.head = nn.Conv2d(channels[0], FINE**2 * 3, 3, padding=1)  # its own RGB
        self.fields = nn.Conv2d(channels[0], sum(FIELDS), 3, padding=1)
        for up in self.ups:
            _icnr(up, 2)
        _icnr(self.head, FINE)
        with torch.no_grad():
            self.head.weight *= 0.2
            self.fields.weight *= 0.1
            _bias(self.fields).zero_()[-1] = DOLL_CHOICE

    def forward(self, landmarks: Tensor, previous: Tensor, doll: Tensor) -> Painting:
        """landmarks (B, 33, 4), pixels; previous (B, 4, H/cell, W/cell); doll (B, 4, H, W), premultiplied
        RGBA."""
        scale = self.cell // FINE
        features = self.features(landmarks, previous, _smaller(doll, scale))
        own = larger(self.own(self.head(features).float()), scale)  # (B, 3, H, W)
        tint, alpha_logits, choice = larger(self.smooth(features), self.cell).split(FIELDS, dim=1)
        tinted = in_light(doll, tint)
        alpha_logits = alpha_logits + DOLL_ALPHA * (2 * doll[:, 3:] - 1)
        return Painting(
            mix(own, tinted, choice), alpha_logits, own, tinted, choice, inside(doll, self.soft, self.cell)
        )

    def own(self, colours: Tensor) -> Tensor:
        """The head's output (B, 48, h, w) → the net's own colours (B, 3, 4 h, 4 w), 0..1."""
        return torch.sigmoid(F.pixel_shuffle(colours, FINE))

    def smooth(self, features: Tensor) -> Tensor:
        """Features (B, C0, h, w) → `FIELDS` (B, 5, h, w), one value a cell: the doll's tint, RGB; the
        outline's logit; the share of the doll that is chosen, 0..1."""
        tint, alpha, choice = self.fields(features).float().split(FIELDS, dim=1)
        return torch.cat([torch.tanh(tint) * TINT, alpha, torch.sigmoid(choice)], dim=1)

    def features(self, landmarks: Tensor, previous: Tensor, doll: Tensor) -> Tensor:
        """The features that the heads read: (B, C0, h, w), for h x w cells. doll: (B, 4, 4 h, 4 w), `FINE`
        pixels a cell."""
        maps = self.skeleton(landmarks, previous.shape[2], previous.shape[3])  # (B, maps, h, w)
        patches = F.relu(self.patches(doll))  # (B, 32, h, w)
        x = F.relu(self.stem(torch.cat([maps, previous, patches], dim=1)))  # (B, C0, h, w)
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


def _icnr(conv: nn.Module, factor: int) -> None:
    """Initializes a convolution before PixelShuffle as nearest-neighbour upsampling, which avoids a
    checkerboard (Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017)."""
    assert isinstance(conv, nn.Conv2d)  # noqa: S101
    kernel = torch.empty_like(conv.weight[:: factor**2])
    nn.init.kaiming_normal_(kernel)
    with torch.no_grad():
        conv.weight.copy_(kernel.repeat_interleave(factor**2, dim=0))
        _bias(conv).zero_()


def in_light(doll: Tensor, tint: Tensor) -> Tensor:
    """The doll (B, 4, H, W), premultiplied, with `tint` (B, 3, H, W) added. Its colours may leave 0..1."""
    cover = doll[:, 3:]
    return torch.cat([doll[:, :3] + tint * cover, cover], dim=1)


def inside(doll: Tensor, margin: int, cell: int) -> Tensor:
    """(B, 1, H, W) 0..1: the alpha of the doll (B, 4, H, W), eroded by `margin`, in units of which a `cell`
    has `FINE`; where the outline lies within such a unit, up to two units more."""
    clear, scale = 1 - doll[:, 3:], cell // FINE
    coarse = F.max_pool2d(clear, scale) if scale > 1 else clear
    coarse = F.max_pool2d(coarse, 2 * margin + 1, stride=1, padding=margin)
    return 1 - torch.maximum(clear, larger(coarse, scale))


def closed(cover: Tensor, margin: int) -> Tensor:
    """(B, 1, H, W) 0..1: the doll's alpha `cover` (B, 1, H, W), with gaps up to 2 `margin` pixels wide
    closed."""
    return -_dilated(-_dilated(cover, margin), margin)


def _dilated(cover: Tensor, margin: int) -> Tensor:
    side = 2 * margin + 1
    rows = F.max_pool2d(cover, (side, 1), stride=1, padding=(margin, 0))
    return F.max_pool2d(rows, (1, side), stride=1, padding=(0, margin))


def larger(fields: Tensor, scale: int) -> Tensor:
    """(B, C, h, w) → (B, C, scale h, scale w), bilinear."""
    if scale == 1:
        return fields
    return F.interpolate(fields, scale_factor=float(scale), mode="bilinear", align_corners=False)


def _smaller(pictures: Tensor, scale: int) -> Tensor:
    """(B, C, scale h, scale w) → (B, C, h, w), each the mean of its pixels."""
    return pictures if scale == 1 else F.avg_pool2d(pictures, scale)


def mix(own: Tensor, tinted: Tensor, choice: Tensor) -> Tensor:
    """The player's colours (B, 3, H, W) 0..1: the doll's where there is a doll and it is chosen, else the
    net's."""
    return (own * (1 - choice * tinted[:, 3:]) + choice * tinted[:, :3]).clamp(0, 1)


class LiveGenerator(nn.Module):
    """The generator as it runs on air: this graph is exported and compiled. The rest of the work, at full
    resolution, is done by `compositing.py` on a CPU and `compositing_torch.py` on a GPU.

    forward(landmarks (1, 33, 4), pixels of the window, see `Skeleton`; previous (1, 4, h, w); doll (1, 4 h, 4
    w, 4) uint8, premultiplied BGRA, `FINE` pixels a cell) → own (1, 4 h, 4 w, 3), BGR 0..1; fields (1, h, w,
    5), as `Generator.smooth` with a tint in BGR.
    """

    INPUTS: tuple[str, ...] = ("landmarks", "previous", "doll")
    OUTPUTS: tuple[str, ...] = ("own", "fields")
    KEEP_FLOAT = (".*skeleton.*", r".*\.stem\..*", "aten::.*")
    """Operations that INT8 quantization must leave in f32. Limb maps and this module's fields are
    coordinates. In the stem, limb maps, previous output and doll meet, and their ranges differ; f32 there
    costs a tenth of the time, and the demo player's worst pose gains 1 dB."""

    def __init__(self, generator: Generator) -> None:
        """generator: folded or not; it is not changed."""
        super().__init__()
        # Reordering the weights costs nothing; indexing the channels of pictures would.
        self.generator = net = copy.deepcopy(generator)
        with torch.no_grad():
            net.patches.weight.copy_(generator.patches.weight[:, [2, 1, 0, 3]])
            for name, parameter in net.head.named_parameters():
                red, green, blue = generator.head.get_parameter(name).split(FINE**2)
                parameter.copy_(torch.cat([blue, green, red]))
            for name, parameter in net.fields.named_parameters():
                parameter.copy_(generator.fields.get_parameter(name)[[2, 1, 0, 3, 4]])

    def forward(self, landmarks: Tensor, previous: Tensor, doll: Tensor) -> tuple[Tensor, Tensor]:
        net = self.generator
        bgra = doll.permute(0, 3, 1, 2).to(landmarks.dtype) / 255  # (1, 4, 4 h, 4 w)
        features = net.features(landmarks, previous, bgra)
        own, fields = net.own(net.head(features).float()), net.smooth(features)
        return own.permute(0, 2, 3, 1), fields.permute(0, 2, 3, 1)

    def example(self, size: tuple[int, int]) -> dict[str, Tensor]:
        """Inputs of the right shapes for a window of `size` (width, height) pixels."""
        columns, rows = (side // self.generator.cell for side in size)
        return {
            "landmarks": torch.rand(1, LANDMARKS, 4) * torch.tensor([*size, 100.0, 1.0]),
            "previous": torch.zeros(1, PREVIOUS_CHANNELS, rows, columns),
            "doll": torch.zeros(1, FINE * rows, FINE * columns, DOLL_CHANNELS, dtype=torch.uint8),
        }
