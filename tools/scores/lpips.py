"""LPIPS v0.1: how different two pictures look to people, from features of a network trained on ImageNet.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (CVPR 2018): features
are normalized over their channels, and their squared differences are weighted by linear layers that were
fitted to human judgements.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.scores.lpips_weights import WEIGHTS, load

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of RGB 0..1, as torchvision's networks were trained; LPIPS scales pictures of -1..1 to the same."""
ALEX = (
    # stride, padding, pooled before (3x3, stride 2)
    (4, 2, False), (1, 2, True), (1, 1, True), (1, 1, False), (1, 1, False),
)  # fmt: skip
"""TABLE of AlexNet's convolutions (Krizhevsky, "One weird trick for parallelizing convolutional neural
networks", 2014, as in torchvision); the activations of each are compared."""
SMALLEST = 31
"""Pixels to a side: nothing is left of a smaller picture after the poolings."""


class Lpips(nn.Module):
    """LPIPS v0.1 with AlexNet, the network that its authors recommend for judging."""

    mean: Tensor
    std: Tensor

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """weights: as `tools.scores.lpips_weights.load` returns them."""
        super().__init__()
        for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        for name, tensor in weights.items():
            self.register_buffer(name.replace(".", "_"), tensor, persistent=False)

    @classmethod
    def load(cls, folder: Path = WEIGHTS) -> Lpips:
        """Loads the weights from `folder`. Raises WeightsError where they are missing or damaged."""
        return cls(load(folder))

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """(B, 3, H, W) RGB 0..1, at least 31 pixels each way → (B,) distances: 0 for equal pictures."""
        return sum_of_means(self.maps(output, target))

    def maps(self, output: Tensor, target: Tensor) -> list[Tensor]:
        """The distance of each layer at each place, (B, 1, h, w): LPIPS is the sum of their means."""
        found = []
        for index, (ours, theirs) in enumerate(
            zip(self._features(output), self._features(target), strict=True)
        ):
            weight = self.get_buffer(f"linear{index}").view(1, -1, 1, 1)
            found.append(((_unit(ours) - _unit(theirs)).square() * weight).sum(1, keepdim=True))
        return found

    def _features(self, picture: Tensor) -> list[Tensor]:
        x = (picture - self.mean) / self.std
        found = []
        for index, (stride, padding, pooled) in enumerate(ALEX):
            if pooled:
                x = F.max_pool2d(x, 3, 2)
            weight, bias = self.get_buffer(f"conv{index}_weight"), self.get_buffer(f"conv{index}_bias")
            x = F.relu(F.conv2d(x, weight, bias, stride, padding))
            found.append(x)
        return found


def sum_of_means(maps: list[Tensor], mask: Tensor | None = None) -> Tensor:
    """Layers' distance maps → (B,). mask: (B, 1, H, W) 0..1, the places that count: each map is averaged with
    the mask as the weight, scaled to the map's size."""
    total = maps[0].new_zeros(maps[0].shape[0])
    for distances in maps:
        if mask is None:
            total = total + distances.mean((1, 2, 3))
        else:
            share = F.interpolate(mask, distances.shape[2:], mode="area")
            total = total + (distances * share).sum((1, 2, 3)) / share.sum((1, 2, 3)).clamp(min=1e-6)
    return total


def _unit(x: Tensor) -> Tensor:
    """Each place's features as a vector of length 1; 1e-10 as in the authors' normalize_tensor."""
    return x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
