"""One person's landmarks in a region of a frame: crop, the landmark net, heatmap refinement, projection.

Constants are those of MediaPipe 0.10.21, modules/pose_landmark, as expanded in its wheel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.pose.convert import load_net
from engines.pose.region import Region
from engines.pose.tflite_net import ImageNet
from engines.runtime import compile_module

SIZE = 256
LANDMARKS = 33
AUXILIARY = 2
"""Landmarks 33 and 34: centre and rim of the body's circle, from which the next region comes."""
KERNEL = 9
"""RefineLandmarksFromHeatmapCalculator's default; the wheel's serialized options are empty."""
MIN_CONFIDENCE = 0.5

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class RawPose:
    """What the net says of one frame, unfiltered.

    landmarks: (33, 4) x, y in pixels of the frame, z in the same scale (0 at the hips, towards the camera
    negative), visibility 0..1. world: (33, 3) metres from the middle of the hips. aux: (2, 2) pixels.
    flag: 0..1, how sure the net is that a person is in the region.
    """

    landmarks: Floats
    world: Floats
    aux: Floats
    flag: float

    @property
    def is_finite(self) -> bool:
        """False where the net gave NaN or infinity."""
        total = self.landmarks.sum() + self.world.sum() + self.aux.sum() + self.flag
        return math.isfinite(float(total))


class LandmarkNet:
    """The full BlazePose landmark net with what surrounds it. One instance serves one thread."""

    OUTPUTS = ("landmarks", "flag", "heatmap", "world")

    def __init__(self, *, backend: str = "auto", threads: int = 1) -> None:
        module = ImageNet(load_net("pose_landmark_full", self.OUTPUTS), 0.0, 1.0)
        example = {"picture": torch.zeros(1, SIZE, SIZE, 3, dtype=torch.uint8)}
        self._engine = compile_module(
            module, example, list(self.OUTPUTS), backend=backend, precision="f32", threads=threads
        )
        self.backend = self._engine.backend
        self._inputs, self._outputs = self._engine.buffers()
        self._crop = np.empty((SIZE, SIZE, 3), np.uint8)

    def __call__(self, frame: NDArray[np.uint8], region: Region) -> RawPose:
        """frame: (H, W, 3) uint8 BGR; region: in its pixels."""
        cv2.warpAffine(
            frame,
            region.to_frame(SIZE),
            (SIZE, SIZE),
            dst=self._crop,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        cv2.cvtColor(self._crop, cv2.COLOR_BGR2RGB, dst=self._inputs["picture"][0])
        self._engine.run(self._inputs, self._outputs)
        count = LANDMARKS + AUXILIARY
        points = np.array(self._outputs["landmarks"], np.float32).reshape(-1, 5)[:count]
        points[:, :3] /= SIZE
        points[:, 3:] = _sigmoid(points[:, 3:])
        points[:, :2] = refine(points[:, :2], np.asarray(self._outputs["heatmap"], np.float32)[0, :count])
        world = np.asarray(self._outputs["world"], np.float32).reshape(-1, 3)[:LANDMARKS]
        return project(points, world, float(self._outputs["flag"].item()), region)


def refine(points: Floats, heatmap: Floats) -> Floats:
    """Moves each point to the centre of mass of the heatmap around it (RefineLandmarksFromHeatmapCalculator).

    points: (N, 2) x, y in 0..1 of the crop; heatmap: (N, H, W) logits. A point outside of the crop, or
    with no confidence of MIN_CONFIDENCE in its window, stays.
    """
    height, width = heatmap.shape[1:]
    with np.errstate(invalid="ignore"):
        column = (points[:, 0] * width).astype(np.int32)  # truncates towards zero, as the original does
        row = (points[:, 1] * height).astype(np.int32)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    offset = np.arange(KERNEL, dtype=np.int32) - (KERNEL - 1) // 2
    columns, rows = column[:, None] + offset, row[:, None] + offset  # (N, kernel)
    valid_x, valid_y = (columns >= 0) & (columns < width), (rows >= 0) & (rows < height)
    window = heatmap[
        np.arange(len(points))[:, None, None],
        np.clip(rows, 0, height - 1)[:, :, None],
        np.clip(columns, 0, width - 1)[:, None, :],
    ]
    weight = _sigmoid(window) * (valid_y[:, :, None] & valid_x[:, None, :])
    total = weight.sum((1, 2))
    moved = inside & (weight.max((1, 2)) >= MIN_CONFIDENCE)
    divisor = np.where(moved, total, 1)
    result = points.copy()
    result[:, 0] = np.where(moved, (weight.sum(1) * columns).sum(1) / divisor / width, points[:, 0])
    result[:, 1] = np.where(moved, (weight.sum(2) * rows).sum(1) / divisor / height, points[:, 1])
    return result


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


def _sigmoid(values: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-np.clip(values, -80, 80)))
    return result
