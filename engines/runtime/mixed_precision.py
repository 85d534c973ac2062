"""Half precision only where it is harmless: in convolutions. Coordinates and colours stay in float32.

In float16 a landmark at pixel 1500 would be off by half a pixel.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


class HalfWeights(nn.Module):
    """A module that keeps weights of its own and computes in their precision, whatever its input's; it
    returns float32."""


def halve(module: nn.Module) -> None:
    """Converts every convolution of `module` to float16, in place; the precision around them is kept."""
    for part in module.modules():
        if isinstance(part, WEIGHTED):
            part.half()
            part.register_forward_pre_hook(_in_half)
        elif isinstance(part, HalfWeights):
            part.half()


def _in_half(part: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Any, ...]:
    return tuple(each.to(torch.float16) for each in inputs)


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Within this context autocast lowers no precision on `device`: for coordinates in a network in training.

    Does nothing where autocast is off, so that a traced or exported network holds no trace of it.
    """
    kind = device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.autocast(kind, enabled=False)
    return nullcontext()
