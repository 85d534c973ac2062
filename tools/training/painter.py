"""A net in training at work on whole pictures."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.doll.bank import Bank
from engines.doll.choice import Chooser
from engines.doll.drawing import Doll
from engines.generator import DOLL_CHANNELS, Generator, Painting
from engines.renderer import Windows
from engines.shadow import Floor, Shadow
from tools.footage import Footage


class Painter:
    """Paints whole pictures with a net as it is, called as `engines.renderer.Renderer` is.

    memory: its own previous output is shown to it; without, it never sees one. shadow: what he throws, as on
    air. For one thread.
    """

    def __init__(
        self,
        net: Generator,
        footage: Footage,
        bank: Bank | None,
        *,
        memory: bool = True,
        shadow: Shadow | None = None,
    ) -> None:
        self._net, self._memory = net.eval(), memory
        self._doll = None if bank is None else Doll(bank)
        self._chooser = None if bank is None else Chooser(bank)
        self._device = next(net.parameters()).device
        self.size = footage.size
        self._windows = Windows(footage.size, net.variant, footage.body.near.height)
        plate = self._windows.spread(footage.plate)
        self._floor = Floor(plate, shadow, footage.body.near.height)
        self._plate = self._planes(plate)
        self._bgra = np.zeros((*plate.shape[:2], DOLL_CHANNELS), np.uint8)
        self.reset()

    def reset(self) -> None:
        """Forgets the previous output."""
        self._previous = torch.from_numpy(self._windows.previous())[None].to(self._device)
        if self._chooser is not None:
            self._chooser.reset()

    @torch.inference_mode()
    def __call__(self, landmarks: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
        """Paints the player in a pose, see `engines.renderer.Renderer`, into `out` (H, W, 3) BGR."""
        if self._doll is not None and self._chooser is not None:
            self._doll.paint(landmarks, self._chooser(landmarks), self._bgra)
            if self._floor.cast(self._bgra[..., 3], landmarks):
                self._plate = self._planes(self._floor.picture)
        doll = torch.cat([self._planes(self._bgra[..., :3]), self._planes(self._bgra[..., 3:])], dim=1)
        pose = torch.from_numpy(landmarks)[None].to(self._device)
        with autocast(self._device):
            painting: Painting = self._net(pose, self._previous, doll)
        if self._memory:
            self._previous = painting.feedback(self._net.cell)
        rgb = painting.over(self._plate)[0].flip(0).permute(1, 2, 0) * 255
        rgb = rgb[: out.shape[0], : out.shape[1]]
        out[:] = rgb.round().to(torch.uint8).cpu().numpy()

    def _planes(self, picture: NDArray[np.uint8]) -> Tensor:
        """(H, W, C) BGR → (1, C, H, W) RGB 0..1 on the device."""
        planes = torch.from_numpy(np.ascontiguousarray(picture)).to(self._device)
        return planes.flip(2).permute(2, 0, 1)[None] / 255


def has_bf16(device: torch.device) -> bool:
    """True where bfloat16 is native, and so faster than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """Within, a net computes in bfloat16 where the device has it."""
    return torch.autocast(device.type, torch.bfloat16) if has_bf16(device) else nullcontext()
