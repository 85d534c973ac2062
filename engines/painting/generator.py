"""The generator: a pose, the player's paper doll and its own previous output in, his RGB and alpha out.

A U-Net of plain 3x3 residual blocks on a grid of its own, whose cells are as large as the player's body
says (`cell_px`): about 40 to the standing height, so that one net serves pictures of several sizes, and its
cost does not grow with the picture. No convolution sees full resolution (plain 3x3 everywhere: depthwise ones
save arithmetic but are bound by memory on a GPU). What the net paints itself is blurred wherever landmarks do
not tell enough; so it also tints the doll (`engines.doll`) at full resolution, and chooses between the two.
Tint, choice and outline are smooth fields, given for each cell and interpolated; its own colours come 4x4 to
a cell.
BatchNorm in training; `fold` merges it into the convolutions for export.
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
"""So many cells of the net's grid are about as high as the standing player."""
FINE = 4
"""Each cell is so many pixels wide in what the net sees of the doll, and in its own colours."""
PREVIOUS_CHANNELS = 4
"""The previous output, RGB times alpha and alpha, for each cell."""

ALPHA_SHARPNESS = 2.0
"""What alpha's logits are multiplied by in a picture, after training: an arm that the net is unsure of is
painted or left out rather than mixed with the scene. On 200 training frames of the demo player the detector
found him in 100 % rather than 98.5 %, at 0.2 dB of foreground PSNR."""


DOLL_CHANNELS = 4
"""The doll, premultiplied RGBA."""
PATCH_CHANNELS = 32
"""What the stem sees of each cell of the doll."""
SOFT = 0.01
"""Within about so much of the doll's outline, standing heights, the net says where the player ends; farther
inside he is opaque."""
GAP = 3
"""On air the net says where the player ends only in gaps of the doll, up to so many times `SOFT` from it on
both sides; at its outer edge the doll says it."""
TINT = 0.3
"""The doll's colours are changed by this much at most, 0..1: a view's light is not always the pose's."""
FIELDS = (3, 1, 1)
"""Channels of tint, outline and choice."""
DOLL_ALPHA, DOLL_CHOICE = 2.0, 3.0
"""Logits: what the doll's alpha adds to the net's (from minus to plus this), and where the choice of the
doll's colours starts. An untrained net shows the doll, and training departs from there."""
CLEAR = 0.02
"""On air, an alpha below this is 0. Outside its doll an untrained net has 0.018: a haze over the window that
costs as much time as the player."""


class Painting(NamedTuple):
    """What the net gives. rgb (B, 3, H, W) 0..1, alpha_logits (B, 1, H, W); how it came about: own (B, 3, H,
    W) 0..1 its own colours, tinted (B, 4, H, W) the doll in its light, choice (B, 1, H, W) 0..1 how much of
    the doll is taken where there is one, inside (B, 1, H, W) 0..1 where the doll says that the player is,
    whatever the logits."""

    rgb: Tensor
    alpha_logits: Tensor
    own: Tensor
    tinted: Tensor
    choice: Tensor
    inside: Tensor

    @property
    def alpha(self) -> Tensor:
        """(B, 1, H, W) 0..1: as in training. On air less of it is shown, see `GAP` and `CLEAR`."""
        return torch.maximum(torch.sigmoid(self.alpha_logits * ALPHA_SHARPNESS), self.inside)

    def feedback(self, cell: int) -> Tensor:
        """What a net with cells of so many pixels is shown of this as its previous output: (B, 4, H/cell,
        W/cell)."""
        alpha = self.alpha
        return F.avg_pool2d(torch.cat([self.rgb * alpha, alpha], dim=1), cell)

    def over(self, plate: Tensor) -> Tensor:
        """The picture (B, 3, H, W) before `plate`, the same, 0..1."""
        return plate + self.alpha * (self.rgb - plate)


class Variant(NamedTuple):
    """Channels a level (the first of the grid's cells, each next at half the resolution before), and residual
    blocks in the encoder's and decoder's levels (top first) and in the middle."""

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
    """The side of the net's cells, pixels, for a player who stands `body_px` high: a multiple of `FINE`."""
    return FINE * max(1, round(body_px / (CELLS * FINE)))


def multiple(variant: str, cell: int) -> int:
    """The sides of what a net paints must be multiples of this many pixels."""
    return int(cell * 2 ** (len(VARIANTS[variant].channels) - 1))


def canvas_of(size: tuple[int, int], step: int) -> tuple[int, int]:
    """A picture's size (width, height) with what must be added at its right and lower edge for multiples of
    `step`."""
    width, height = (-(-side // step) * step for side in size)
    return width, height


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

    pose_maps: ClassVar[type[Skeleton]] = Skeleton
    """What draws the pose for the stem."""
    doll_has_the_edge: ClassVar[bool] = True
    """Whether on air the doll alone says where the player ends at its outer edge, see `GAP`."""

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
        """landmarks (B, 33, 4) pixels, previous (B, 4, H/cell, W/cell), doll (B, 4, H, W), premultiplied
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
        """What the head gives (B, 48, h, w) → its own colours (B, 3, 4 h, 4 w) 0..1."""
        return torch.sigmoid(F.pixel_shuffle(colours, FINE))

    def smooth(self, features: Tensor) -> Tensor:
        """(B, C0, h, w) → `FIELDS` (B, 5, h, w) for each cell: how the doll is tinted, RGB; logit of the
        outline; how much of the doll is chosen, 0..1."""
        tint, alpha, choice = self.fields(features).float().split(FIELDS, dim=1)
        return torch.cat([torch.tanh(tint) * TINT, alpha, torch.sigmoid(choice)], dim=1)

    def features(self, landmarks: Tensor, previous: Tensor, doll: Tensor) -> Tensor:
        """What the heads see: (B, C0, h, w), of h x w cells. doll: (B, 4, 4 h, 4 w), `FINE` pixels a
        cell."""
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
    """Starts a convolution before PixelShuffle as nearest-neighbour upsampling: no checkerboard
    (Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017)."""
    assert isinstance(conv, nn.Conv2d)  # noqa: S101
    kernel = torch.empty_like(conv.weight[:: factor**2])
    nn.init.kaiming_normal_(kernel)
    with torch.no_grad():
        conv.weight.copy_(kernel.repeat_interleave(factor**2, dim=0))
        _bias(conv).zero_()


def in_light(doll: Tensor, tint: Tensor) -> Tensor:
    """The doll (B, 4, H, W), premultiplied, tinted (B, 3, H, W). Its colours may leave 0..1."""
    cover = doll[:, 3:]
    return torch.cat([doll[:, :3] + tint * cover, cover], dim=1)


def inside(doll: Tensor, margin: int, cell: int) -> Tensor:
    """(B, 1, H, W) 0..1: the alpha of the doll (B, 4, H, W), drawn in by `margin` of the pixels that a
    `cell` has `FINE` of a side, and by up to two of them more, as its outline lies in them."""
    clear, scale = 1 - doll[:, 3:], cell // FINE
    coarse = F.max_pool2d(clear, scale) if scale > 1 else clear
    coarse = F.max_pool2d(coarse, 2 * margin + 1, stride=1, padding=margin)
    return 1 - torch.maximum(clear, larger(coarse, scale))


def closed(cover: Tensor, margin: int) -> Tensor:
    """(B, 1, H, W) 0..1: the alpha of the doll, the same, with gaps closed that are up to twice `margin`
    pixels wide."""
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
    """The player's colours (B, 3, H, W) 0..1: the doll's where it is and is chosen, else the net's."""
    return (own * (1 - choice * tinted[:, 3:]) + choice * tinted[:, :3]).clamp(0, 1)


class LiveGenerator(nn.Module):
    """The generator as it goes on air: the graph that is exported and compiled. What is left to do at full
    resolution, `compositing.py` does on a CPU and `compositing_torch.py` on a GPU.

    forward(landmarks (1, 33, 4) pixels of the window, see `Skeleton`, previous (1, 4, h, w), doll (1, 4 h, 4
    w, 4) uint8 premultiplied BGRA, `FINE` pixels a cell) → own (1, 4 h, 4 w, 3) BGR 0..1, fields (1, h, w,
    5), as `Generator.smooth` with a tint in BGR.
    """

    INPUTS: tuple[str, ...] = ("landmarks", "previous", "doll")
    OUTPUTS: tuple[str, ...] = ("own", "fields")
    KEEP_FLOAT = (".*skeleton.*", r".*\.stem\..*", "aten::.*")
    """What INT8 must leave alone: limb maps are coordinates, and so are the fields that this module gives. In
    the stem limb maps, the previous output and what is seen of the doll meet, whose ranges differ: in f32 it
    costs a tenth of the time, and the demo player's worst pose gains 1 dB."""

    def __init__(self, generator: Generator) -> None:
        """generator: folded or not; it is left alone."""
        super().__init__()
        # Weights in another order cost nothing, where to index the channels of pictures does.
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
