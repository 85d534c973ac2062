"""Draws landmarks as limb maps, the generator's view of a pose.

The limb maps are plain differentiable torch and part of the generator's exported graph: only 33 points go
from the pose net to the generator, not a picture.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import torch
from torch import Tensor, nn

from engines.runtime.mixed_precision import without_autocast


class Landmark(IntEnum):
    """MediaPipe's order of the 33 pose landmarks; left and right are the person's own."""

    NOSE = 0
    LEFT_EYE = 2
    RIGHT_EYE = 5
    LEFT_EAR = 7
    RIGHT_EAR = 8
    LEFT_MOUTH = 9
    RIGHT_MOUTH = 10
    LEFT_SHOULDER = 11
    RIGHT_SHOULDER = 12
    LEFT_ELBOW = 13
    RIGHT_ELBOW = 14
    LEFT_WRIST = 15
    RIGHT_WRIST = 16
    LEFT_PINKY = 17
    RIGHT_PINKY = 18
    LEFT_INDEX = 19
    RIGHT_INDEX = 20
    LEFT_THUMB = 21
    RIGHT_THUMB = 22
    LEFT_HIP = 23
    RIGHT_HIP = 24
    LEFT_KNEE = 25
    RIGHT_KNEE = 26
    LEFT_ANKLE = 27
    RIGHT_ANKLE = 28
    LEFT_HEEL = 29
    RIGHT_HEEL = 30
    LEFT_TOE = 31
    RIGHT_TOE = 32


LANDMARKS = 33
DEPTH = 0.27
"""Factor that brings the pose net's z to the scale of x and y. A rigid bone keeps its length: over the demo
clips, the squared length in the picture of thighs, hips and shoulders falls by 0.05 to 0.08 per squared z
(correlation -0.5 to -0.9)."""


class Limb(NamedTuple):
    """A capsule between two points, each the mean of some landmarks; width as a share of the standard."""

    start: tuple[Landmark, ...]
    end: tuple[Landmark, ...]
    width: float
    colour: tuple[int, int, int]


_L = Landmark
LEFT, RIGHT, MIDDLE = (80, 175, 255), (255, 170, 70), (220, 220, 220)
"""Colours of a stick figure, BGR."""
LIMBS: dict[str, Limb] = {
    "face": Limb((_L.LEFT_EAR, _L.RIGHT_EAR), (_L.NOSE,), 0.8, MIDDLE),
    "ears": Limb((_L.RIGHT_EAR,), (_L.LEFT_EAR,), 1.0, MIDDLE),
    "mouth": Limb((_L.RIGHT_MOUTH,), (_L.LEFT_MOUTH,), 0.5, MIDDLE),
    "neck": Limb((_L.LEFT_SHOULDER, _L.RIGHT_SHOULDER), (_L.LEFT_EAR, _L.RIGHT_EAR), 1.0, MIDDLE),
    "shoulders": Limb((_L.RIGHT_SHOULDER,), (_L.LEFT_SHOULDER,), 1.2, MIDDLE),
    "hips": Limb((_L.RIGHT_HIP,), (_L.LEFT_HIP,), 1.2, MIDDLE),
    "left side": Limb((_L.LEFT_SHOULDER,), (_L.LEFT_HIP,), 1.2, LEFT),
    "right side": Limb((_L.RIGHT_SHOULDER,), (_L.RIGHT_HIP,), 1.2, RIGHT),
    "left upper arm": Limb((_L.LEFT_SHOULDER,), (_L.LEFT_ELBOW,), 0.9, LEFT),
    "right upper arm": Limb((_L.RIGHT_SHOULDER,), (_L.RIGHT_ELBOW,), 0.9, RIGHT),
    "left forearm": Limb((_L.LEFT_ELBOW,), (_L.LEFT_WRIST,), 0.8, LEFT),
    "right forearm": Limb((_L.RIGHT_ELBOW,), (_L.RIGHT_WRIST,), 0.8, RIGHT),
    "left hand": Limb((_L.LEFT_WRIST,), (_L.LEFT_INDEX, _L.LEFT_PINKY), 0.7, LEFT),
    "right hand": Limb((_L.RIGHT_WRIST,), (_L.RIGHT_INDEX, _L.RIGHT_PINKY), 0.7, RIGHT),
    "left thigh": Limb((_L.LEFT_HIP,), (_L.LEFT_KNEE,), 1.2, LEFT),
    "right thigh": Limb((_L.RIGHT_HIP,), (_L.RIGHT_KNEE,), 1.2, RIGHT),
    "left shin": Limb((_L.LEFT_KNEE,), (_L.LEFT_ANKLE,), 0.9, LEFT),
    "right shin": Limb((_L.RIGHT_KNEE,), (_L.RIGHT_ANKLE,), 0.9, RIGHT),
    "left foot": Limb((_L.LEFT_HEEL,), (_L.LEFT_TOE,), 0.8, LEFT),
    "right foot": Limb((_L.RIGHT_HEEL,), (_L.RIGHT_TOE,), 0.8, RIGHT),
}
CHANNELS_PER_LIMB = 3
VISIBLE = 0.25
"""A limb is drawn in full if its less visible end has at least this visibility; below, it fades out."""


class Skeleton(nn.Module):
    """Draws `LIMBS` as soft capsules, on a grid of cells.

    For each limb three channels: the capsule (1 on the axis, falling off as a Gaussian), the capsule
    times the place along the limb (-1 at its start, 1 at its end), and the capsule times the limb's
    depth relative to the hips (in picture heights, times 4; nearer is negative as in the landmarks).

    body_px: the standing player's height in the picture; it sets the capsules' widths. cell: the side of a
    cell, pixels.
    """

    channels = CHANNELS_PER_LIMB * len(LIMBS)

    def __init__(self, body_px: float, cell: int = 4) -> None:
        super().__init__()
        self._cell = cell
        starts, ends = torch.zeros(len(LIMBS), LANDMARKS), torch.zeros(len(LIMBS), LANDMARKS)
        for row, limb in enumerate(LIMBS.values()):
            starts[row, list(limb.start)] = 1 / len(limb.start)
            ends[row, list(limb.end)] = 1 / len(limb.end)
        hips = torch.zeros(1, LANDMARKS)
        hips[0, [Landmark.LEFT_HIP, Landmark.RIGHT_HIP]] = 0.5
        widths = torch.tensor([limb.width for limb in LIMBS.values()]) * 0.04
        self.register_buffer("_starts", starts, persistent=False)
        self.register_buffer("_ends", ends, persistent=False)
        self.register_buffer("_hips", hips, persistent=False)
        self.register_buffer("_sharpness", 0.5 / widths.square()[:, None, None], persistent=False)
        self.register_buffer("_body_px", torch.tensor(float(body_px)), persistent=False)
        self._body_px: Tensor
        self._starts: Tensor
        self._ends: Tensor
        self._hips: Tensor
        self._sharpness: Tensor

    def forward(self, landmarks: Tensor, height: int, width: int) -> Tensor:
        """landmarks (B, 33, 4), pixels of a picture of `height` x `width` cells → (B, channels, height,
        width).

        Computed in float32, whatever autocast says: in bfloat16 the limbs' ends would move.
        """
        with without_autocast(landmarks.device):
            return self._limbs(landmarks, height, width)

    def _limbs(self, landmarks: Tensor, height: int, width: int) -> Tensor:
        unit = landmarks[..., :3] / self._body_px  # lengths in body heights: small numbers, fp16-safe
        start, end = self._starts @ unit, self._ends @ unit  # (B, L, 3)
        hips = self._hips @ unit  # (B, 1, 3)
        gate = _gate(self._starts, landmarks) * _gate(self._ends, landmarks)  # (B, L, 1)

        # The cells' centres.
        step = self._cell / self._body_px
        x = (torch.arange(width, device=unit.device, dtype=unit.dtype) + 0.5) * step
        y = (torch.arange(height, device=unit.device, dtype=unit.dtype) + 0.5) * step
        axis = end - start  # (B, L, 3)
        dx, dy = axis[..., 0, None, None], axis[..., 1, None, None]  # (B, L, 1, 1)
        px = x[None, None, None, :] - start[..., 0, None, None]  # (B, L, 1, w)
        py = y[None, None, :, None] - start[..., 1, None, None]  # (B, L, h, 1)
        inverse = 1 / (dx * dx + dy * dy + 1e-6)
        along = (px * (dx * inverse) + py * (dy * inverse)).clamp(0, 1)  # (B, L, h, w)
        distance = (px - along * dx).square() + (py - along * dy).square()
        capsule = torch.exp(-distance * self._sharpness) * gate[..., None]  # (B, L, h, w)
        depth = (((start + end) / 2 - hips)[..., 2, None, None] * 4).clamp(-1, 1)  # (B, L, 1, 1)
        return torch.cat([capsule, capsule * (2 * along - 1), capsule * depth], dim=1)


def _gate(weights: Tensor, landmarks: Tensor) -> Tensor:
    return ((weights @ landmarks[..., 3:4]) / VISIBLE).clamp(0, 1)
