"""The adversarial losses: small functions of a discriminator's logits, a list with (B, 1, h, w) for each
scale.

Scales are summed, as in pix2pixHD (Wang et al., 2018, equation 4). The caller detaches the pictures from
which the discriminator learns, and not those from which the generator learns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tools.train.discriminators import Judgement
from tools.train.upload import upload

Logits = Sequence[Tensor]


def hinge_discriminator(real: Logits, fake: Logits) -> Tensor:
    """Real above 1, painted below -1 (Lim & Ye, "Geometric GAN", 2017)."""
    return _sum(F.relu(1 - yes).mean() + F.relu(1 + no).mean() for yes, no in zip(real, fake, strict=True))


def hinge_generator(fake: Logits) -> Tensor:
    return _sum(-no.mean() for no in fake)


def least_squares_discriminator(real: Logits, fake: Logits) -> Tensor:
    """LSGAN (Mao et al., 2017) with targets 1 and 0; halved, as in pix2pixHD's code."""
    return _sum(
        ((yes - 1).square().mean() + no.square().mean()) / 2 for yes, no in zip(real, fake, strict=True)
    )


def least_squares_generator(fake: Logits) -> Tensor:
    return _sum((no - 1).square().mean() for no in fake)


def feature_matching(real: Judgement, fake: Judgement) -> Tensor:
    """L1 between the features of all layers before the logits (pix2pixHD, equation 5; use a weight of 10).

    Weights as in its code: 4 / layers for a layer, 1 / scales for a scale. No gradient reaches `real`.
    """
    pairs = list(zip(real.features, fake.features, strict=True))
    return _sum(F.l1_loss(painted, true.detach()) for true, painted in pairs) * (4 / len(pairs))


def _sum(terms: Iterable[Tensor]) -> Tensor:
    return torch.stack([term.float() for term in terms]).sum()


@dataclass(frozen=True)
class Augmentation:
    """One draw of DiffAugment (Zhao et al., 2020: colour, translation, cutout), with a row for each picture
    of the batch.

    It is applied alike to recordings, painted pictures and earlier frames, so that a discriminator trained on
    little footage cannot memorize it. It is differentiable, so that the generator can learn through it.
    brightness, saturation, contrast (B, 1, 1, 1); shift and cut (B, 2), x and y in quarter-resolution pixels.
    """

    brightness: Tensor
    saturation: Tensor
    contrast: Tensor
    shift: Tensor
    cut: Tensor

    @classmethod
    def draw(
        cls, batch: int, size: tuple[int, int], random: np.random.Generator, device: torch.device
    ) -> Augmentation:
        """size: (height, width) of the pictures. The ranges are the paper's, for pictures in 0..1."""

        def uniform(low: float, high: float) -> Tensor:
            return upload(random.uniform(low, high, (batch, 1, 1, 1)).astype(np.float32), device)

        quarter = np.array([size[1], size[0]]) // 4
        most = np.round(quarter / 8).astype(int)
        shift, cut = random.integers(-most, most + 1, (batch, 2)), random.integers(0, quarter, (batch, 2))
        return cls(
            uniform(-0.25, 0.25),
            uniform(0, 2),
            uniform(0.5, 1.5),
            upload(shift, device),
            upload(cut, device),
        )

    def pictures(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) 0..1 → the same shape; colours may leave 0..1. Sides are multiples of 4."""
        x = pictures + self.brightness
        grey = x.mean(dim=1, keepdim=True)
        x = (x - grey) * self.saturation + grey
        level = x.mean(dim=(1, 2, 3), keepdim=True)
        x = (x - level) * self.contrast + level
        return _translate(x, self.shift * 4) * self._kept(x)

    def condition(self, maps: Tensor) -> Tensor:
        """(B, K, H/4, W/4) → moved like the pictures; neither recoloured nor cut."""
        return _translate(maps, self.shift)

    def _kept(self, x: Tensor) -> Tensor:
        """(B, 1, H, W): 0 in a rectangle with half the sides around `cut`, 1 elsewhere."""
        height, width = x.shape[-2:]
        away_x = (torch.arange(width, device=x.device) - 4 * self.cut[:, :1]).abs() >= width // 4  # (B, W)
        away_y = (torch.arange(height, device=x.device) - 4 * self.cut[:, 1:]).abs() >= height // 4
        return (away_y[:, None, :, None] | away_x[:, None, None, :]).to(x.dtype)


def _translate(x: Tensor, shift: Tensor) -> Tensor:
    """Shifts each picture of (B, C, H, W) by its whole pixels (B, 2), x and y; zeros come in."""
    height, width = x.shape[-2:]
    columns = torch.arange(width, device=x.device) - shift[:, :1]  # (B, W)
    rows = torch.arange(height, device=x.device) - shift[:, 1:]  # (B, H)
    inside_x, inside_y = (columns >= 0) & (columns < width), (rows >= 0) & (rows < height)
    which = torch.arange(len(x), device=x.device)[:, None, None]
    moved = x.permute(0, 2, 3, 1)[
        which, rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]
    ]  # (B, H, W, C)
    inside = inside_y[:, None, :, None] & inside_x[:, None, None, :]
    return moved.permute(0, 3, 1, 2) * inside
