"""The reconstruction losses: each a small function of pictures (B, C, H, W) in 0..1."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from engines.painting.generator import Painting
from engines.skeleton import Landmark

FACE_CARE = 4.0
"""Factor on the price of leaving the doll in the face, where the other losses weigh more too: a face that is
half the doll's and half the net's looks like nobody."""


def masked_l1(output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference, weighted by `weight` (B, 1, H, W)."""
    difference = (output - target).abs().mean(dim=1, keepdim=True)
    return (difference * weight).sum() / (weight.sum() + 1.0)


def laplacian_pyramid(output: Tensor, target: Tensor, levels: int = 4) -> Tensor:
    """L1 between Laplacian pyramids, each level weighed by its scale (Bojanowski et al., 2018)."""
    difference = output - target  # the pyramid is linear
    total = difference.new_zeros(())
    for level in range(levels):
        coarse = F.avg_pool2d(difference, 2)
        band = difference - F.interpolate(coarse, scale_factor=2.0, mode="nearest")
        total = total + band.abs().mean() * 2**level
        difference = coarse
    return total + difference.abs().mean() * 2**levels


def gradient(output: Tensor, target: Tensor) -> Tensor:
    """L1 between horizontal and vertical differences: it asks for edges in the right place and as steep."""
    difference = output - target
    return difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()


def face_weight(landmarks: Tensor, height: int, width: int, body_px: float) -> Tensor:
    """(B, 1, H, W): a soft spot around the head, 1 in its middle, a Gaussian with sigma `body_px` / 14."""
    head = (Landmark.LEFT_EAR, Landmark.RIGHT_EAR, Landmark.NOSE)
    ears = torch.stack([landmarks[:, each, :2] for each in head], dim=1).mean(dim=1)  # (B, 2)
    x = torch.arange(width, device=landmarks.device) - ears[:, 0, None]
    y = torch.arange(height, device=landmarks.device) - ears[:, 1, None]
    square = x[:, None, None, :] ** 2 + y[:, None, :, None] ** 2
    return torch.exp(-square / (2 * (body_px / 14) ** 2))


def trust(choice: Tensor, where: Tensor) -> Tensor:
    """The share of the doll that is not used, 0..1, where the doll is. choice, where: (B, 1, H, W) 0..1.

    The net's own colours are an average of what is possible, and so win a little wherever the doll is off by
    a pixel or two. With a price on them, they are used only where they win much: seams, holes, views that do
    not fit.
    """
    return ((1 - choice) * where).sum() / (where.sum() + 1.0)


def reconstruction_losses(
    painting: Painting, batch: Mapping[str, Tensor], body_px: float
) -> dict[str, Tensor]:
    """Each loss by name, for a batch of `Crops`."""
    target, mask, plate = batch["target"], batch["mask"], batch["plate"]
    rgb, alpha = painting.rgb, torch.maximum(torch.sigmoid(painting.alpha_logits), painting.inside)
    picture = rgb * alpha + plate * (1 - alpha)
    person = torch.cat([picture * mask, alpha], dim=1)
    truth = torch.cat([target * mask, mask], dim=1)
    face = face_weight(batch["landmarks"], target.shape[-2], target.shape[-1], body_px) * mask
    covered = painting.tinted[:, 3:] * mask
    cared_for = (covered * (1 + FACE_CARE * face)).detach()
    return {
        "reconstruction": masked_l1(picture, target, torch.ones_like(mask) * 0.2 + mask),
        "laplacian": laplacian_pyramid(person, truth) / 4,
        "gradient": gradient(picture * mask, target * mask),
        "alpha": F.binary_cross_entropy_with_logits(painting.alpha_logits, mask),
        "foreground": masked_l1(rgb, target, mask),
        "face": masked_l1(rgb, target, face),
        "doll": laplacian_pyramid(painting.tinted[:, :3] * mask, target * covered) / 4,
        "trust": trust(painting.choice, cared_for),
    }
