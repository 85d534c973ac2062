"""The paper doll as differentiable torch: for training on a GPU, and for shows on one.

The same parts, maps and order as `engines.reference` draws on a CPU, without rounding in between.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.body_parts import NAMES, TABLE, Points, Table, depths, directions, distance, fit, points_of
from engines.reference import SWITCH, THIN, References
from engines.runtime.half import without_autocast
from engines.skeleton import Landmark as L


class TorchReferences(nn.Module):
    """A player's doll on a device: what `References` holds, as buffers.

    Everything is float32, whatever autocast says: bfloat16 moves parts by pixels.
    """

    sprites: Tensor  # (V, P, 4, h, w) uint8, premultiplied RGBA, padded to the largest
    corners: Tensor  # (V, P, 2), x and y in the view
    heights: Tensor  # (V,)
    directions: Tensor  # (V, P, 2, 3)
    penalty: Tensor  # (V, P)

    def __init__(self, references: References) -> None:
        super().__init__()
        every = [sprite for parts in references.sprites for sprite in parts]
        height, width = np.max([sprite.pixels.shape[:2] for sprite in every], axis=0)
        shape = (len(references.views), len(NAMES))
        sprites = np.zeros((len(every), height, width, 4), np.uint8)
        for row, sprite in zip(sprites, every, strict=True):
            row[: sprite.pixels.shape[0], : sprite.pixels.shape[1]] = sprite.pixels[..., [2, 1, 0, 3]]
        self.register_buffer("sprites", torch.from_numpy(sprites).permute(0, 3, 1, 2).unflatten(0, shape))
        corners = torch.tensor([sprite.corner for sprite in every], dtype=torch.float32)
        self.register_buffer("corners", corners.unflatten(0, shape))
        for name in ("heights", "directions", "penalty"):
            self.register_buffer(name, torch.from_numpy(getattr(references, name)).float())
        for name, value in references.points._asdict().items():
            self.register_buffer(f"points_{name}", torch.from_numpy(value).float())
        for name, value in vars(TABLE).items():
            tensor = torch.from_numpy(value)
            self.register_buffer(f"table_{name}", tensor.float() if tensor.is_floating_point() else tensor)
        self._near, self._far = asdict(references.body.near), asdict(references.body.far)

    @torch.no_grad()
    def choose(self, landmarks: Tensor, current: Tensor | None = None) -> Tensor:
        """(B, 33, 4) → (B, P) int64, as `References.choose`; current (B, P): what is shown now."""
        own = directions(landmarks.float(), self._table())[:, None]  # (B, 1, P, 2, 3)
        cost = distance(self.directions, own) + self.penalty  # (B, V, P)
        if current is not None:
            shown = torch.full_like(cost[:, :1], SWITCH)
            cost = cost.scatter_add(1, current[:, None], -shown)
        return cost.argmin(1)

    def forward(self, landmarks: Tensor, chosen: Tensor, size: tuple[int, int], corner: Tensor) -> Tensor:
        """The dolls (B, 4, h, w), premultiplied RGBA 0..1, differentiable with respect to the landmarks.

        landmarks (B, 33, 4) finite, pixels of the player's picture; chosen (B, P) int64, see `choose`; size
        (h, w) and corner (B, 2), x and y: the window of the picture that is painted.
        """
        with without_autocast(landmarks.device):
            return self._paint(landmarks.float(), chosen, size, corner.float())

    def _paint(self, landmarks: Tensor, chosen: Tensor, size: tuple[int, int], corner: Tensor) -> Tensor:
        table, parts = self._table(), torch.arange(len(NAMES), device=landmarks.device)
        height = self._standing_px(landmarks)  # (B, 1)
        view = Points(*(getattr(self, f"points_{name}")[chosen, parts] for name in Points._fields))
        rows = fit(points_of(landmarks, table), view, height, self.heights[chosen], table)
        maps = torch.stack(rows, dim=-1).unflatten(-1, (2, 3))  # (B, P, 2, 3)
        linear, offset = maps[..., :2], maps[..., 2]
        offset = offset + (linear * corner[:, None, None]).sum(-1) - self.corners[chosen, parts]
        order = (-depths(landmarks, height, table)).argsort(dim=1, stable=True)  # (B, P)
        batch = torch.arange(len(landmarks), device=landmarks.device)
        doll = landmarks.new_zeros(len(landmarks), 4, *size)
        for part in order.unbind(1):  # (B,): each row draws its own next part
            sprites = self.sprites[chosen[batch, part], part].float() / 255  # (B, 4, h, w)
            moved = _move(sprites, linear[batch, part], offset[batch, part], size)
            doll = moved + doll * (1 - moved[:, 3:])
        return doll

    def _standing_px(self, landmarks: Tensor) -> Tensor:
        """(B, 33, 4) → (B, 1), see `engines.body.height_at`."""
        near, far = self._near, self._far
        ankle_y = torch.maximum(landmarks[:, L.LEFT_ANKLE, 1], landmarks[:, L.RIGHT_ANKLE, 1])[:, None]
        span = near["ankle_y"] - far["ankle_y"]
        share = ((ankle_y - far["ankle_y"]) / span).clamp(0, 1) if span > 1 else torch.ones_like(ankle_y)
        return far["height"] + share * (near["height"] - far["height"])

    def _table(self) -> Table[Tensor]:
        return Table(**{name: getattr(self, f"table_{name}") for name in vars(TABLE)})


def _move(sprites: Tensor, linear: Tensor, offset: Tensor, size: tuple[int, int]) -> Tensor:
    """sprites (B, 4, h, w) seen through maps (B, 2, 2), (B, 2) from pixels of the window to theirs →
    (B, 4, *size), bilinear, clear outside; nothing where the map is too thin."""
    y = torch.arange(size[0], device=offset.device, dtype=offset.dtype)[:, None]
    x = torch.arange(size[1], device=offset.device, dtype=offset.dtype)
    (a, b), (c, d) = (row[..., None, None].unbind(1) for row in linear.unbind(1))  # (B, 1, 1) each
    u, v = (a * x + b * y + offset[:, 0, None, None], c * x + d * y + offset[:, 1, None, None])  # (B, h, w)
    height, width = sprites.shape[2:]
    grid = torch.stack([(2 * u + 1) / width - 1, (2 * v + 1) / height - 1], dim=-1)
    moved = F.grid_sample(sprites, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return moved * ((a * d - b * c).abs() > THIN)[:, None]
