"""Hands and face as maps for the generator, beside the limb maps of engines/skeleton.py.

Fingers and features are a pixel or two wide at a quarter of the resolution, and there are about a hundred
strokes: they share a few channels, each drawn from the distance to its nearest stroke.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from engines.extras import FINGERS, segments


class Channel(NamedTuple):
    """Strokes that are drawn into one capsule map.

    strokes: keys of `engines.extras.segments`; width: as a share of the body's height; along: whether a
    second map tells the place along each of the strokes' chains.
    """

    strokes: tuple[str, ...]
    width: float
    along: bool


CHANNELS: dict[str, Channel] = {
    "left hand": Channel(("left hand",), 0.008, True),
    "right hand": Channel(("right hand",), 0.008, True),
    "face": Channel(("oval",), 0.006, False),
    "eyes": Channel(("left eye", "right eye", "left brow", "right brow"), 0.004, False),
    "mouth": Channel(("nose", "lips", "mouth"), 0.004, False),
}
"""TABLE of the maps."""
LEAST_WIDTH_PX = 2.5
"""A stroke's Gaussian is at least so wide in the picture: less would fall between the quarter-size pixels."""
CONFIDENT = 0.25
"""A part of at least this confidence is drawn in full; below, it fades to none."""


class ExtrasMaps(nn.Module):
    """Draws hands and face as soft capsules at a quarter of the picture's resolution.

    For each of `CHANNELS` the capsules (1 on the axis, falling off as a Gaussian), and for a hand the
    capsules times the place along the finger (-1 at the wrist, 1 at the tip).

    body_px: the standing player's height in the picture.
    """

    channels = sum(1 + channel.along for channel in CHANNELS.values())

    def __init__(self, body_px: float) -> None:
        super().__init__()
        strokes = segments()
        for name, channel in CHANNELS.items():
            pairs = torch.tensor([pair for each in channel.strokes for pair in strokes[each]])
            self.register_buffer(_ends(name), pairs.T.contiguous(), persistent=False)  # (2, S)
        self._sharpness = [
            0.5 / max(channel.width, LEAST_WIDTH_PX / body_px) ** 2 for channel in CHANNELS.values()
        ]
        bones = len(FINGERS[0]) - 1
        place = torch.arange(bones).repeat(len(FINGERS)) / bones  # of each bone's near end
        self.register_buffer("_place", place[:, None, None], persistent=False)
        self.register_buffer("_body_px", torch.tensor(float(body_px)), persistent=False)
        self._step = 1 / bones
        self._body_px: Tensor
        self._place: Tensor

    def forward(self, extras: Tensor, height: int, width: int) -> Tensor:
        """(B, engines.extras.POINTS, 4) pixels of a picture of 4*height x 4*width → (B, channels, h, w)."""
        unit = extras[..., :2] / self._body_px  # body heights: small numbers, fp16-safe
        step = 4.0 / self._body_px
        x = ((torch.arange(width, device=unit.device, dtype=unit.dtype) + 0.5) * step)[None, None, None, :]
        y = ((torch.arange(height, device=unit.device, dtype=unit.dtype) + 0.5) * step)[None, None, :, None]
        maps = []
        for (name, channel), sharpness in zip(CHANNELS.items(), self._sharpness, strict=True):
            near, far = self.get_buffer(_ends(name)).unbind()
            start, axis = unit[:, near], unit[:, far] - unit[:, near]  # (B, S, 2)
            dx, dy = axis[..., 0, None, None], axis[..., 1, None, None]  # (B, S, 1, 1)
            px, py = x - start[..., 0, None, None], y - start[..., 1, None, None]
            inverse = 1 / (dx * dx + dy * dy + 1e-6)
            along = (px * (dx * inverse) + py * (dy * inverse)).clamp(0, 1)  # (B, S, h, w)
            distance = (px - along * dx).square() + (py - along * dy).square()
            nearest = distance.amin(dim=1, keepdim=True)  # (B, 1, h, w)
            gate = (extras[:, near, 3].mean(dim=1) / CONFIDENT).clamp(0, 1)[:, None, None, None]
            capsule = torch.exp(-nearest * sharpness) * gate
            maps.append(capsule)
            if channel.along:
                place = self._place + along * self._step  # 0 at the wrist, 1 at the tip
                chosen = torch.where(distance <= nearest, place, torch.zeros_like(place)).amax(
                    dim=1, keepdim=True
                )
                maps.append(capsule * (2 * chosen - 1))
        return torch.cat(maps, dim=1)


def _ends(channel: str) -> str:
    """The buffer with the two ends of a channel's strokes, as rows of the extras."""
    return f"_ends_{channel.replace(' ', '_')}"
