"""The networks of a player's show, in the form in which they are compiled: a TABLE of the pose nets, and the
player's generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engines.backends.choice import is_on_device
from engines.pack.manifest import slug
from engines.pack.player_pack import PlayerPack
from engines.painting.generator import Generator, LiveGenerator
from engines.plans.digest import network_digest
from engines.pose import detector, landmarks
from engines.pose.convert import load_net
from engines.pose.refine import refine
from engines.pose.region import Region
from engines.pose.tflite_net import ImageNet
from engines.rendering.renderer import calibration
from engines.rendering.windows import Windows
from engines.runtime.engine import Calibration, EngineError, Tensors

Floats = NDArray[np.float32]


class PoseNet(NamedTuple):
    """One of the pose nets.

    net: its key in `convert.NETS`. size: of its picture, pixels. low: its value for black (white is 1).
    region: where in a frame of (width, height) it looks, given a person's region there. replicate: whether
    the frame's edge is repeated beyond it. points: its outputs → (N, 2), 0..1 of its picture, or None where
    it found nothing.
    """

    net: str
    size: int
    low: float
    outputs: tuple[str, ...]
    region: Callable[[tuple[int, int], Region], Region]
    replicate: bool
    points: Callable[[Tensors], Floats | None]

    def module(self) -> ImageNet:
        return ImageNet(load_net(self.net, self.outputs), self.low, 1.0)

    def example(self) -> dict[str, torch.Tensor]:
        return {"picture": torch.zeros(1, self.size, self.size, 3, dtype=torch.uint8)}


@dataclass(frozen=True)
class Export:
    """A network, and what it is compiled for.

    label: the name of its plans. examples: inputs, one set for each shape. pose: which of `POSE_NETS` it is;
    without, it is a generator, and `calibration` has its inputs along the player's own poses.
    """

    label: str
    module: nn.Module
    examples: tuple[dict[str, torch.Tensor], ...]
    outputs: tuple[str, ...]
    digest: str
    pose: PoseNet | None = None
    calibration: Calibration | None = None

    def shapes(self, index: int) -> dict[str, tuple[int, ...]]:
        return {name: tuple(tensor.shape) for name, tensor in self.examples[index].items()}

    def label_of(self, index: int) -> str:
        """The label of one shape: a generator has several."""
        if self.pose is not None:
            return self.label
        cell = self.generator.cell
        rows, columns = self.examples[index]["previous"].shape[2:]
        return f"{self.label}-{cell * columns}x{cell * rows}"

    @property
    def generator(self) -> Generator:
        """The player's generator; only for an export that is not a pose net."""
        assert isinstance(self.module, LiveGenerator)  # noqa: S101  # for the type checker
        return self.module.generator


def show_exports(
    pack: PlayerPack,
    backend: str,
    *,
    size: tuple[int, int] | None = None,
) -> list[Export]:
    """The networks that a show with this player runs on `backend`.

    size: only this window of the generator, (width, height). Raises EngineError, GraphError, PackError.
    """
    found = [_pose_export(name, net) for name, net in POSE_NETS.items()]
    net = LiveGenerator(pack.generator()).eval()
    sizes = Windows.of(pack, few=is_on_device(backend)).sizes
    if size is not None:
        step = net.generator.multiple
        if size[0] % step or size[1] % step or min(size) < step:
            raise EngineError(f"--size {size[0]}x{size[1]}: the sides must be multiples of {step}")
        sizes = (size,)
    found.append(
        Export(
            f"{slug(pack.name)}.generator",
            net,
            tuple(net.example(each) for each in sizes),
            net.OUTPUTS,
            network_digest(net),
            calibration=calibration(net, pack),
        )
    )
    return found


def untrained_export(variant: str, size: tuple[int, int]) -> Export:
    """An untrained generator for a picture of about `size`, to test whether a backend compiles it."""
    net = LiveGenerator(Generator(variant, 0.8 * size[1]).fold()).eval()
    step = net.generator.multiple
    width, height = (max(step, side // step * step) for side in size)
    label = f"untrained-{variant}.generator"
    return Export(label, net, (net.example((width, height)),), net.OUTPUTS, network_digest(net))


def _pose_export(name: str, net: PoseNet) -> Export:
    module = net.module()
    return Export(name, module, (net.example(),), net.outputs, network_digest(module), pose=net)


def _whole(size: tuple[int, int], _: Region) -> Region:
    return Region(size[0] / 2, size[1] / 2, max(size), 0.0)


def _person(_: tuple[int, int], person: Region) -> Region:
    return person


def _found(outputs: Tensors) -> Floats | None:
    """The keypoints of the most certain person that the detector found."""
    boxes = np.asarray(outputs["boxes"], np.float32)[0]
    logits = np.asarray(outputs["scores"], np.float32)[0, :, 0]
    candidates, scores = detector.decode(boxes, logits, detector.anchors(), 0.0)
    found = detector.suppress(candidates, scores)
    return found[0].keypoints if found else None


def _refined(outputs: Tensors) -> Floats:
    """The pose's landmarks, refined by their heatmap."""
    raw = np.asarray(outputs["landmarks"], np.float32).reshape(-1, 5)[: landmarks.LANDMARKS, :2]
    heatmap = np.asarray(outputs["heatmap"], np.float32)[0, : landmarks.LANDMARKS]
    return refine(raw / np.float32(landmarks.SIZE), heatmap)


POSE_NETS: dict[str, PoseNet] = {
    "detector": PoseNet(
        "pose_detection", detector.SIZE, -1.0, ("boxes", "scores"), _whole, False, _found,
    ),
    "landmarks": PoseNet(
        "pose_landmark_full", landmarks.SIZE, 0.0, landmarks.LandmarkNet.OUTPUTS, _person, True, _refined,
    ),
}  # fmt: skip
"""TABLE of the pose nets, as engines/pose compiles them."""
