"""The paper doll as differentiable torch: for training on a GPU, and for shows on one.

The same parts, maps, blending and order as `engines.doll.drawing`, without rounding in between.
"""

from __future__ import annotations

from dataclasses import asdict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.doll.bank import Bank
from engines.doll.bending import BENDS, SOFT, STIFF, reach_of
from engines.doll.drawing import STEP, THIN
from engines.doll.parts import (
    COUNT,
    TABLE,
    Points,
    Table,
    agreement,
    depths,
    fit,
    joints_of,
    points_of,
)
from engines.runtime.mixed_precision import without_autocast
from engines.skeleton import Landmark as L


class TorchDoll(nn.Module):
    """A player's doll on a device: what `Bank` holds, as buffers.

    Everything is float32, whatever autocast says: bfloat16 moves parts by pixels.
    """

    atlas: Tensor  # (pixels, 4) uint8: all sprites, row by row, premultiplied RGBA
    places: Tensor  # (F, P) where each begins
    sides: Tensor  # (F, P, 2) width and height
    corners: Tensor  # (F, P, 2), x and y in the view
    heights: Tensor  # (F,)
    bends: Tensor  # (3, P, J): neighbour, joint and sign of each part's `BENDS`
    across: Tensor  # (P + 2,), see `bending.Reach`; near and strength likewise
    near: Tensor
    strength: Tensor

    def __init__(self, bank: Bank) -> None:
        super().__init__()
        atlas = bank.atlas
        self.register_buffer("atlas", torch.from_numpy(atlas.pixels[:, [2, 1, 0, 3]].copy()))
        self.register_buffer("places", torch.from_numpy(atlas.starts))
        self.register_buffer("sides", torch.from_numpy(atlas.sizes[..., ::-1].copy()))
        self.register_buffer("corners", torch.from_numpy(atlas.corners).float())
        self.register_buffer("heights", torch.from_numpy(bank.heights).float())
        for name, value in bank.points._asdict().items():
            self.register_buffer(f"points_{name}", torch.from_numpy(value).float())
        for name, value in vars(TABLE).items():
            tensor = torch.from_numpy(value)
            self.register_buffer(f"table_{name}", tensor.float() if tensor.is_floating_point() else tensor)
        most = max(sum(bend.part == part for bend in BENDS) for part in range(COUNT))
        rows = [[bend[1:] for bend in BENDS if bend.part == part] for part in range(COUNT)]
        padded = [[*row, *[(0, 0, 0)] * (most - len(row))] for row in rows]  # sign 0: none
        self.register_buffer("bends", torch.tensor(padded).permute(2, 0, 1))  # (3, P, J)
        for name, value in reach_of(bank.widths, bank.skirt)._asdict().items():
            self.register_buffer(name, torch.from_numpy(value).float())
        self._near, self._far = asdict(bank.body.near), asdict(bank.body.far)

    def forward(
        self,
        landmarks: Tensor,
        frames: Tensor,
        size: tuple[int, int],
        corner: Tensor,
        before: Tensor | None = None,
        share: Tensor | None = None,
        order: Tensor | None = None,
    ) -> Tensor:
        """The dolls (B, 4, h, w), premultiplied RGBA 0..1, differentiable with respect to the landmarks.

        landmarks (B, 33, 4) finite, pixels of the player's picture; size (h, w) and corner (B, 2), x and y:
        the window of the picture that is painted; frames, before, order (B, P) int64 and share (B, P), see
        `choice.Drawing`.
        """
        with without_autocast(landmarks.device):
            pose = torch.cat([landmarks[..., :2] - corner[:, None], landmarks[..., 2:]], dim=-1).float()
            height = self._standing_px(landmarks.float())  # (B, 1)
            layers = self._layers(pose, height, frames, size)  # (B, P, h, w, 4)
            if before is not None and share is not None:
                old = self._layers(pose, height, before, size)
                layers = old + (layers - old) * share.float()[..., None, None, None]
            if order is None:
                order = (-depths(pose, height, self._table())).argsort(dim=1, stable=True)  # (B, P)
            batch = torch.arange(len(pose), device=pose.device)
            doll = torch.zeros_like(layers[:, 0])  # (B, h, w, 4)
            for part in order.unbind(1):  # (B,): each row draws its own next part
                layer = layers[batch, part]
                doll = layer + doll * (1 - layer[..., 3:])
            return doll.permute(0, 3, 1, 2)

    def _layers(self, pose: Tensor, height: Tensor, frames: Tensor, size: tuple[int, int]) -> Tensor:
        """Each part as it is drawn, (B, P, h, w, 4), premultiplied 0..1. pose (B, 33, 4), of the window."""
        table, parts = self._table(), torch.arange(COUNT, device=pose.device)
        recorded = Points(
            *(getattr(self, f"points_{name}")[frames] for name in Points._fields)
        )  # (B, P, P, K)
        driven = Points(*(each[:, None] for each in points_of(pose, table)))
        rows = fit(driven, recorded, height[:, None], self.heights[frames][..., None], table)
        maps = torch.stack(rows, dim=-1).unflatten(-1, (2, 3))  # (B, P, P, 2, 3): of each part, by its frame
        own = maps[:, parts, parts]  # (B, P, 2, 3)
        field = self._field(pose, height, maps, own, size)
        field = field - self.corners[frames, parts][..., None, None]  # (B, P, 2, gh, gw)
        there = F.interpolate(field.flatten(0, 1), size=size, mode="bilinear", align_corners=True)
        u, v = there.unflatten(0, field.shape[:2]).unbind(2)  # (B, P, h, w)
        (a, b), (c, d) = (row.unbind(2) for row in own[..., :2].unbind(2))
        drawn = ((a * d - b * c).abs() > THIN)[..., None, None]
        return self._sample(u, v, self.places[frames, parts], self.sides[frames, parts], drawn)

    def _field(
        self, pose: Tensor, height: Tensor, maps: Tensor, own: Tensor, size: tuple[int, int]
    ) -> Tensor:
        """(B, P, 2, gh, gw): the place of each part's pixels in its frame, on a grid over the window."""
        step = max(2.0, STEP * self._near["height"])
        down, across = (max(2, int(-(-side // step)) + 1) for side in size)
        y, x = (
            torch.linspace(0, side - 1, count, device=pose.device)
            for side, count in zip(size, (down, across), strict=True)
        )
        places = torch.stack([x.expand(down, -1), y[:, None].expand(-1, across)])  # (2, gh, gw)

        def at(of: Tensor) -> Tensor:
            """(B, ..., 2, 3) → (B, ..., 2, gh, gw)."""
            a, b, start = (of[..., column, None, None] for column in range(3))  # (B, ..., 2, 1, 1)
            return a * places[0] + b * places[1] + start

        neighbours, rows, signs = self.bends.unbind(0)  # (P, J) each
        parts = torch.arange(COUNT, device=pose.device)[:, None]
        theirs = maps[:, parts, neighbours]  # (B, P, J, 2, 3)
        others = at(theirs)  # (B, P, J, 2, gh, gw)
        bends = _smooth((agreement(theirs, own[:, :, None]) - STIFF) / (SOFT - STIFF))
        joints = [each[:, rows][..., None, None] for each in joints_of(pose, self._table())]
        joint_x, joint_y, out_x, out_y = joints  # (B, P, J, 1, 1) each
        reach, end = ((each[rows] * height[:, :, None])[..., None, None] for each in (self.across, self.near))
        from_x, from_y = places[0] - joint_x, places[1] - joint_y
        sign = signs[..., None, None]
        near = 2 - (from_x**2 + from_y**2 + 1e-12) ** 0.5 / end
        weight = _smooth(0.5 + 0.5 * sign * (from_x * out_x + from_y * out_y) / reach) * _smooth(near)
        weight = weight * (bends * self.strength[rows] * (signs != 0))[..., None, None]  # (B, P, J, gh, gw)
        weight = weight / weight.sum(2, keepdim=True).clamp(min=1)
        mine = at(own)  # (B, P, 2, gh, gw)
        return mine + (weight[:, :, :, None] * (others - mine[:, :, None])).sum(2)

    def _sample(self, u: Tensor, v: Tensor, place: Tensor, sides: Tensor, drawn: Tensor) -> Tensor:
        """Samples sprites at their places u, v (B, P, h, w), bilinear, clear outside: (B, P, h, w, 4)."""
        left, top = u.detach().floor(), v.detach().floor()
        right, low = u - left, v - top  # shares of the pixel to the right and below
        result = u.new_zeros(*u.shape, 4)
        width, height = (each[..., None, None] for each in sides.unbind(-1))
        for down, row_share in ((0, 1 - low), (1, low)):
            for across, share in ((0, 1 - right), (1, right)):
                column, row = left.long() + across, top.long() + down
                inside = (column >= 0) & (column < width) & (row >= 0) & (row < height) & drawn
                index = torch.where(inside, place[..., None, None] + row * width + column, 0)
                weight = torch.where(inside, row_share * share, 0) / 255
                result = result + self.atlas[index].float() * weight[..., None]
        return result

    def _standing_px(self, landmarks: Tensor) -> Tensor:
        """(B, 33, 4) → (B, 1), see `engines.body.height_at`."""
        near, far = self._near, self._far
        ankle_y = torch.maximum(landmarks[:, L.LEFT_ANKLE, 1], landmarks[:, L.RIGHT_ANKLE, 1])[:, None]
        span = near["ankle_y"] - far["ankle_y"]
        share = ((ankle_y - far["ankle_y"]) / span).clamp(0, 1) if span > 1 else torch.ones_like(ankle_y)
        return far["height"] + share * (near["height"] - far["height"])

    def _table(self) -> Table[Tensor]:
        return Table(**{name: getattr(self, f"table_{name}") for name in vars(TABLE)})


def _smooth(share: Tensor) -> Tensor:
    share = share.clamp(0, 1)
    return share * share * (3 - 2 * share)
