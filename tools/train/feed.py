"""Brings batches to the device on which a net is trained.

On a CPU, threads make the batches of `Crops` in advance. A GPU would have to wait for them; there the footage
lies as bytes on the card, or in the host's memory where it does not fit, and crops and dolls are made on the
card.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engines.doll.drawing_torch import TorchDoll
from tools.footage.dataset import Footage
from tools.train.crops import HOST_LANDMARKS, Crops, Steps, ahead
from tools.train.upload import upload

log = logging.getLogger(__name__)
Batch = dict[str, Tensor]
CHANNELS = 4
"""Channels of a stored frame: BGR, and the mask."""
SHARE_OF_CARD, SHARE_OF_HOST = 0.5, 0.5
"""The most of the free memory that is given to the footage: training needs the rest."""
MOST_WORKERS = 8


def batches(crops: Steps[Batch], device: torch.device, step: int) -> Generator[Batch, None, None]:
    """The batches from `step` on, without end, on `device`; see `Crops`. For a GPU the footage is read
    first."""
    if device.type == "cpu":
        return ahead(crops, step)
    store = stored(crops, device) if isinstance(crops, Crops) else None
    if store is None or not isinstance(crops, Crops):
        return _uploaded(crops, device, step)
    return _made_there(crops, DeviceCrops(crops, store, device), step)


def _uploaded(crops: Steps[Batch], device: torch.device, step: int) -> Generator[Batch, None, None]:
    with closing(ahead(crops, step, min(MOST_WORKERS, os.cpu_count() or 1))) as made:
        for batch in made:
            there = {name: upload(value, device) for name, value in batch.items()}
            yield there | {HOST_LANDMARKS: batch["landmarks"]}


def _made_there(crops: Crops, make: DeviceCrops, step: int) -> Generator[Batch, None, None]:
    with closing(ahead(Plans(crops), step)) as plans:
        for plan in plans:
            yield make(plan)


class Store:
    """The frames and masks of a run as bytes: (N, H, W, 4) uint8, from position `first` on."""

    def __init__(self, footage: Footage, positions: NDArray[np.int64], device: torch.device) -> None:
        """device: where they are stored: the training's device, or the CPU. Reads and decodes all frames."""
        self.first = int(positions[0])
        width, height = footage.size
        count = int(positions[-1]) + 1 - self.first
        self.pixels = torch.empty(count, height, width, CHANNELS, dtype=torch.uint8, device=device)

        def read(index: int) -> None:
            position = self.first + index
            frame = np.dstack([footage.frame(position), footage.mask(position)])
            self.pixels[index].copy_(torch.from_numpy(frame))

        with ThreadPoolExecutor(min(MOST_WORKERS, os.cpu_count() or 1)) as pool:
            for _ in pool.map(read, range(count)):
                pass

    def windows(
        self, positions: NDArray[np.int64], corners: NDArray[np.int64], size: tuple[int, int],
        device: torch.device,
    ) -> Tensor:  # fmt: skip
        """(M, h, w, 4) uint8 on `device`: for each position (M,), the window of `size` (width, height) that
        begins at its corner (M, 2), x and y."""
        (width, height), frames = size, positions - self.first
        here = self.pixels.device
        if here.type == device.type and device.index in (None, here.index):
            there = upload(np.concatenate([frames[:, None], corners], axis=1), device)  # (M, 3)
            rows = there[:, 2:] + torch.arange(height, device=device)  # (M, h)
            columns = there[:, 1:2] + torch.arange(width, device=device)  # (M, w)
            return self.pixels[there[:, 0, None, None], rows[:, :, None], columns[:, None, :]]
        cut = torch.empty(
            len(frames), height, width, CHANNELS, dtype=torch.uint8, pin_memory=device.type == "cuda"
        )
        for row, frame, (x, y) in zip(cut, frames.tolist(), corners.tolist(), strict=True):
            row.copy_(self.pixels[frame, y : y + height, x : x + width])
        return cut.to(device, non_blocking=True)


def stored(crops: Crops, device: torch.device) -> Store | None:
    """The footage on a GPU, or in the host's memory where the card has too little; None where neither has
    enough."""
    width, height = crops.footage.size
    count = int(crops.positions[-1] - crops.positions[0]) + 1
    needed = count * width * height * CHANNELS
    free, _ = torch.cuda.mem_get_info(device)
    here = _free_memory() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    where = place_for(needed, free, here)
    log.info("%d frames, %.1f GB, are kept %s", count, needed / 1e9, where)
    if where == "nowhere":
        return None
    return Store(crops.footage, crops.positions, device if where == "on the card" else torch.device("cpu"))


def _free_memory() -> int:
    """Bytes that the host can spare without swapping, as Linux counts them (proc(5), MemAvailable)."""
    for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def place_for(needed: int, card_free: int, host_free: int) -> str:
    """The place for `needed` bytes of footage: "on the card", "on the host" or "nowhere"."""
    if needed <= SHARE_OF_CARD * card_free:
        return "on the card"
    return "on the host" if needed <= SHARE_OF_HOST * host_free else "nowhere"


class Plan(NamedTuple):
    """A batch of B items before it is made, as arrays.

    positions: (3, B), the frames, those one before, and those two before; a missing one is replaced by
    another. there: (2, B) float32, 1 where the two earlier ones exist, else 0. corners: (B, 2). landmarks,
    earlier: (B, 33, 4), pixels of the frame. frames: (B, parts), the bank's frame of each part of a doll.
    """

    positions: NDArray[np.int64]
    there: NDArray[np.float32]
    corners: NDArray[np.int64]
    landmarks: NDArray[np.float32]
    earlier: NDArray[np.float32]
    frames: NDArray[np.int64]


class Plans:
    """plans[step] is the plan of the batch crops[step]: the host's share of the work. For any thread."""

    def __init__(self, crops: Crops) -> None:
        self._crops = crops

    def __getitem__(self, step: int) -> Plan:
        draws = self._crops.draws(step)
        earlier = [(draw.earlier, draw.before) for draw in draws]
        positions = [
            [draw.position, *(draw.position if each is None else each for each in two)]
            for draw, two in zip(draws, earlier, strict=True)
        ]
        return Plan(
            np.array(positions, np.int64).T,
            np.array([[each is not None for each in two] for two in earlier], np.float32).T,
            np.array([draw.corner for draw in draws], np.int64),
            np.stack([draw.landmarks for draw in draws]),
            np.stack([draw.earlier_landmarks for draw in draws]),
            np.stack([draw.frames for draw in draws]),
        )


class DeviceCrops:
    """Makes the batch of a plan on a device: as `Crops` does, except that its dolls are not rounded to
    bytes."""

    def __init__(self, crops: Crops, store: Store, device: torch.device) -> None:
        self._crops, self._store, self._device = crops, store, device
        self._plate = torch.from_numpy(crops.footage.plate).to(device)  # (H, W, 3)
        self._dolls = None if crops.bank is None else TorchDoll(crops.bank).to(device)

    @torch.no_grad()
    def __call__(self, plan: Plan) -> Batch:
        device, (width, height), count = self._device, self._crops.size, len(plan.corners)
        corners = np.tile(plan.corners, (3, 1))
        seen = self._store.windows(plan.positions.reshape(-1), corners, (width, height), device)
        pictures, masks = _planes(seen[..., :3]), _planes(seen[..., 3:])  # (3 B, 3, h, w), (3 B, 1, h, w)
        target, earlier_target, _ = pictures.split(count)
        there = upload(plan.there, device)[..., None, None, None]  # (2, B, 1, 1, 1)
        feedback = F.avg_pool2d(torch.cat([pictures * masks, masks], dim=1)[count:], self._crops.cell)
        previous, before_previous = (feedback.unflatten(0, (2, count)) * there).unbind()
        landmarks, earlier = upload(plan.landmarks, device), upload(plan.earlier, device)
        corner = upload(plan.corners, device)  # (B, 2)
        shift = F.pad(corner, (0, 2))[:, None].to(landmarks.dtype)  # (B, 1, 4)
        rows = corner[:, 1:] + torch.arange(height, device=device)  # (B, h)
        columns = corner[:, :1] + torch.arange(width, device=device)  # (B, w)
        frames = upload(plan.frames, device)
        return {
            "landmarks": landmarks - shift,
            "earlier": earlier - shift,
            "doll": self._doll(landmarks, frames, corner),
            "earlier_doll": self._doll(earlier, frames, corner),
            "previous": previous,
            "before_previous": before_previous,
            "target": target,
            "earlier_target": earlier_target,
            "mask": masks[:count],
            "plate": _planes(self._plate[rows[:, :, None], columns[:, None, :]]),
            HOST_LANDMARKS: torch.from_numpy(
                plan.landmarks - np.pad(plan.corners, ((0, 0), (0, 2)))[:, None].astype(np.float32)
            ),
        }

    def _doll(self, landmarks: Tensor, frames: Tensor, corner: Tensor) -> Tensor:
        width, height = self._crops.size
        if self._dolls is None:
            return landmarks.new_zeros(len(landmarks), 4, height, width)
        doll: Tensor = self._dolls(landmarks, frames, (height, width), corner)
        return doll


def _planes(pictures: Tensor) -> Tensor:
    """(B, h, w, C) BGR or grey uint8 → (B, C, h, w) RGB 0..1."""
    return pictures.flip(-1).permute(0, 3, 1, 2).float() / 255
