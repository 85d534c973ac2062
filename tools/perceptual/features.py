"""Frozen features of pictures to train on, and the perceptual loss over them.

The loss compares what a network trained on real pictures sees in the output and in the truth (Johnson et al.,
"Perceptual Losses for Real-Time Style Transfer and Super-Resolution", 2016; Wang et al., "pix2pixHD", 2018).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.pose.convert import load_known_graph
from engines.pose.tflite_net import TfliteNet
from tools.perceptual.weights import WEIGHTS, WeightsError, load

log = logging.getLogger(__name__)

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of RGB 0..1: what torchvision's networks were trained with; LPIPS scales pictures of -1..1 to the same."""
VGG = {"vgg16": ("lpips_vgg16", (2, 2, 3, 3, 3)), "vgg19": ("vgg19", (2, 2, 4, 4, 4))}
"""TABLE of VGG networks: name → name of the weights, convolutions in each block (Simonyan and Zisserman,
2014, table 1, configurations D and E)."""
LAYERS = ("relu1_2", "relu2_2", "relu3_3")
POSE_LAYERS = {"pose_landmark_full": (206, 216, 226, 251), "selfie_segmentation": (8, 25, 48, 91)}
"""TABLE of the networks that are always there: tensors at 1/2, 1/4, 1/8 and 1/16 of their input."""


class ImagenetNormalize(nn.Module):
    """(B, 3, H, W) RGB 0..1 → the same, as torchvision's networks expect it."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, picture: Tensor) -> Tensor:
        return (picture - self.mean) / self.std


class Features(nn.Module):
    """(B, 3, H, W) RGB 0..1 → a list of feature maps (B, C, h, w), finest first. Frozen, differentiable."""

    name: str

    def forward(self, picture: Tensor) -> list[Tensor]:
        raise NotImplementedError


class VggFeatures(Features):
    """A VGG network up to the last of `layers`: with the default, 12 GMAC a picture of 256x256."""

    def __init__(
        self, weights: Mapping[str, Tensor], name: str = "vgg16", layers: Sequence[str] = LAYERS
    ) -> None:
        """weights: `conv{i}.weight` (out, in, 3, 3) and `conv{i}.bias`. layers: such as relu3_3, the third
        convolution of the third block. Raises ValueError for a layer that the network lacks."""
        super().__init__()
        self.name = name
        names = [
            f"relu{block}_{number}"
            for block, count in enumerate(VGG[name][1], 1)
            for number in range(1, count + 1)
        ]
        unknown = [layer for layer in layers if layer not in names]
        if unknown or not layers:
            raise ValueError(f"{name} has no layers {unknown}; it has {names}")
        self._names = names[: max(names.index(layer) for layer in layers) + 1]
        self._layers = frozenset(layers)
        self.normalize = ImagenetNormalize()
        for index in range(len(self._names)):
            self.register_buffer(f"weight{index}", weights[f"conv{index}.weight"], persistent=False)
            self.register_buffer(f"bias{index}", weights[f"conv{index}.bias"], persistent=False)

    @classmethod
    def load(cls, name: str = "vgg16", layers: Sequence[str] = LAYERS, folder: Path = WEIGHTS) -> VggFeatures:
        """name: of `VGG`. Raises WeightsError where its weights are missing or damaged."""
        return cls(load(VGG[name][0], folder), name, layers)

    def forward(self, picture: Tensor) -> list[Tensor]:
        x = self.normalize(picture)
        found = []
        for index, name in enumerate(self._names):
            if index and name.endswith("_1"):
                x = F.max_pool2d(x, 2)
            x = F.relu(
                F.conv2d(x, self.get_buffer(f"weight{index}"), self.get_buffer(f"bias{index}"), padding=1)
            )
            if name in self._layers:
                found.append(x)
        return found


class PoseFeatures(Features):
    """The encoders of the frozen pose and segmentation networks, which every installation has.

    They know people, not fine texture: a weaker loss than VGG's. Pictures are resized to their 256x256.
    """

    name = "pose"

    def __init__(self, folder: Path = WEIGHTS) -> None:
        """Raises GraphError where the networks cannot be had."""
        super().__init__()
        nets = []
        for name, layers in POSE_LAYERS.items():
            graph = load_known_graph(name, folder)
            nets.append(TfliteNet(replace(graph, outputs={str(layer): layer for layer in layers})))
        self.nets = nn.ModuleList(nets)
        self._size = nets[0].input_shape[1:]

    def forward(self, picture: Tensor) -> list[Tensor]:
        if picture.shape[2:] != self._size:
            picture = F.interpolate(picture, self._size, mode="bilinear", antialias=True)
        return [layer for net in self.nets for layer in net(picture)]


def perceptual_features(prefer: str | None = None, folder: Path = WEIGHTS) -> Features:
    """The best features that are here: VGG-19, VGG-16, otherwise the pose networks'; which, is logged.

    prefer: "vgg19", "vgg16" or "pose", and no other. Raises WeightsError, GraphError where it cannot be had.
    """
    if prefer is not None and prefer not in (*VGG, PoseFeatures.name):
        raise WeightsError(f"no perceptual features {prefer!r}: choose of {[*VGG, PoseFeatures.name]}")
    features: Features | None = None
    for name in ("vgg19", "vgg16") if prefer is None else (prefer,):
        if name == PoseFeatures.name:
            break
        try:
            features = VggFeatures.load(name, folder=folder)
        except WeightsError as error:
            if prefer is not None:
                raise
            log.info("%s", error)
        else:
            break
    features = features or PoseFeatures(folder)
    log.info("perceptual features: %s", features.name)
    return features


def perceptual_loss(features: Features, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over the feature maps of their mean absolute difference, in units of the target's mean magnitude
    there: so each layer counts alike, whatever the network. 0 for equal pictures, about 1 for unlike ones.

    output, target: (B, 3, H, W) RGB 0..1; mask: (B, 1, H, W) 0..1, what counts how much. Gradients reach
    `output` alone. Returns a scalar.
    """
    with torch.no_grad():
        wanted = features(target)
    total = output.new_zeros(())
    for ours, theirs in zip(features(output), wanted, strict=True):
        difference = (ours - theirs).abs().mean(1, keepdim=True)
        magnitude = theirs.abs().mean(1, keepdim=True)
        if mask is not None:
            share = F.interpolate(mask, ours.shape[2:], mode="area")
            difference, magnitude = difference * share, magnitude * share
        total = total + difference.sum() / magnitude.sum().clamp(min=1e-6)
    return total / len(wanted)
