"""Finds one person's landmarks in a region of a frame: crop, landmark net, heatmap refinement, projection.

Constants are those of MediaPipe 0.10.21, modules/pose_landmark, as expanded in its wheel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.pose.convert import FULL, load_net
from engines.pose.cropped_net import open_cropped_net
from engines.pose.device_frame import Frame
from engines.pose.refine import refine, refine_on_device, sigmoid
from engines.pose.region import Region
from engines.pose.tflite_net import ImageNet

SIZE = 256
LANDMARKS = 33
AUXILIARY = 2
"""Landmarks 33 and 34: centre and rim of the body's circle, which give the next frame's region."""

Floats = NDArray[np.float32]
RIM = 3
"""A mask with this many pixels on the rim of the net's picture, and this far inside the frame, is more than a
speck."""


@dataclass(frozen=True)
class PersonMask:
    """Where the net sees the person, in its own picture.

    logits: (256, 256), above 0 on the person. to_frame: (2, 3), from pixels of that picture to the frame's.
    """

    logits: Floats
    to_frame: NDArray[np.float64]

    def on_frame(self, size: tuple[int, int]) -> Floats:
        """(H, W), 0 (background) to 1 (person), for a frame of `size` (width, height).

        0 beyond the region.
        """
        mask = 1 / (1 + np.exp(-np.clip(self.logits, -30, 30)))
        return np.asarray(cv2.warpAffine(mask, self.to_frame, size), np.float32)

    def is_cut(self, size: tuple[int, int]) -> bool:
        """Whether the person continues beyond the net's picture, where the frame of `size` (width, height)
        does too."""
        rim = np.ones(self.logits.shape, np.bool_)
        rim[1:-1, 1:-1] = False
        y, x = np.nonzero(rim & (self.logits > 0))
        places = self.to_frame[:, :2] @ np.stack([x, y]) + self.to_frame[:, 2:]
        inside = ((places > RIM) & (places < np.array(size)[:, None] - RIM)).all(axis=0)
        return int(inside.sum()) >= RIM


@dataclass(frozen=True)
class RawPose:
    """The net's output for one frame, unfiltered.

    landmarks: (33, 4), x, y in pixels of the frame, z in the same scale (0 at the hips, negative towards the
    camera), visibility 0..1. world: (33, 3), metres from the middle of the hips. aux: (2, 2), pixels. flag:
    0..1, how sure the net is that a person is in the region. mask: only if asked for.
    """

    landmarks: Floats
    world: Floats
    aux: Floats
    flag: float
    mask: PersonMask | None = None

    @property
    def is_finite(self) -> bool:
        """False where the net gave NaN or infinity."""
        total = self.landmarks.sum() + self.world.sum() + self.aux.sum() + self.flag
        return math.isfinite(float(total))


class LandmarkNet:
    """A BlazePose landmark net with its cropping and projection. One instance serves one thread."""

    OUTPUTS = ("landmarks", "flag", "heatmap", "world")

    def __init__(
        self, *, net: str = FULL, mask: bool = False, backend: str = "auto", threads: int = 1
    ) -> None:
        """net: `convert.FULL` or `convert.HEAVY`. mask: whether poses include the person's mask."""
        outputs = (*self.OUTPUTS, "mask") if mask else self.OUTPUTS
        module = ImageNet(load_net(net, outputs), 0.0, 1.0)
        self._net = open_cropped_net(
            module, SIZE, outputs, replicate=True, backend=backend, threads=threads, condense=condensed
        )
        self.backend = self._net.backend

    def __call__(self, frame: Frame, region: Region) -> RawPose:
        """frame: (H, W, 3) uint8 BGR; region: in its pixels."""
        to_frame = region.to_frame(SIZE)
        outputs = self._net(frame, to_frame)
        count = LANDMARKS + AUXILIARY
        points = np.array(outputs["landmarks"], np.float32).reshape(-1, 5)[:count]
        points[:, :3] /= SIZE
        points[:, 3:] = sigmoid(points[:, 3:])
        if "heatmap" in outputs:  # a device has already refined them
            points[:, :2] = refine(points[:, :2], np.asarray(outputs["heatmap"], np.float32)[0, :count])
        world = np.asarray(outputs["world"], np.float32).reshape(-1, 3)[:LANDMARKS]
        pose = project(points, world, float(outputs["flag"].item()), region)
        if "mask" not in outputs:
            return pose
        logits = np.array(outputs["mask"], np.float32).reshape(SIZE, SIZE)
        return replace(pose, mask=PersonMask(logits, to_frame))


def condensed(outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The net's outputs on a device, with x and y refined there. The heatmap is dropped: it need not come
    back."""
    count = LANDMARKS + AUXILIARY
    raw = outputs["landmarks"].view(1, -1, 5)[:, :count]  # (1, 35, 5)
    places = refine_on_device(raw[0, :, :2] / SIZE, outputs["heatmap"][0, :count]) * SIZE
    landmarks = torch.cat([places[None], raw[..., 2:]], dim=2)
    kept = {name: outputs[name] for name in ("flag", "world", "mask") if name in outputs}
    return {"landmarks": landmarks, **kept}


def project(points: Floats, world: Floats, flag: float, region: Region) -> RawPose:
    """From the crop to the frame (LandmarkProjectionCalculator, WorldLandmarkProjectionCalculator).

    points: (35, 5) x, y, z in units of the crop's side, visibility, presence; world: (33, 3) in the crop's
    directions.
    """
    cos, sin = math.cos(region.angle), math.sin(region.angle)
    turn = np.array([[cos, sin], [-sin, cos]], np.float32)  # row vectors
    centred = (points[:, :2] - 0.5) @ turn * region.side
    placed = centred + np.array([region.x, region.y], np.float32)
    landmarks = np.empty((LANDMARKS, 4), np.float32)
    landmarks[:, :2] = placed[:LANDMARKS]
    landmarks[:, 2] = points[:LANDMARKS, 2] * region.side
    landmarks[:, 3] = points[:LANDMARKS, 3]
    metres = world.copy()
    metres[:, :2] = world[:, :2] @ turn
    return RawPose(landmarks, metres, placed[LANDMARKS:].astype(np.float32), flag)
