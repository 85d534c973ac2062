"""Measures how far a network is from the machine's limit, by its arithmetic and traffic.

After Williams, Waterman and Patterson, "Roofline: an insightful visual performance model" (CACM 2009): no
network is faster than its arithmetic at the machine's highest rate, nor than its traffic at the memory's
rate. Both limits are measured here, in the network's precision and by the same library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

HEAVY = ("aten.convolution", "aten.addmm", "aten.mm", "aten.bmm")
"""The operations whose traffic is counted; operations between them can be fused into them."""
PROBE_CHANNELS, PROBE_SIDE, PROBE_LAYERS = 256, 64, 4
"""The ceiling is measured with 3x3 convolutions of these numbers: large enough to use the whole machine."""
COPY_BYTES = 1 << 28


class Work(NamedTuple):
    """One forward pass of a batch of one. macs: multiply-adds in convolutions and matrix products. traffic:
    bytes that these read and write, weights included, if everything else is fused."""

    macs: int
    traffic: int

    @property
    def flops(self) -> int:
        return 2 * self.macs


class Ceiling(NamedTuple):
    """flops: at most, a second. bandwidth: bytes a second."""

    flops: float
    bandwidth: float

    def least_ms(self, work: Work) -> float:
        """The shortest possible pass, milliseconds."""
        return 1000 * max(work.flops / self.flops, work.traffic / self.bandwidth)


class _Traffic(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if str(func.overloadpacket) in HEAVY:
            self.elements += sum(
                each.numel() for each in tree_leaves((args, result)) if isinstance(each, Tensor)
            )
        return result


def count(module: nn.Module, inputs: Sequence[Tensor], element_bytes: int) -> Work:
    """The work of `module` with `inputs`, in a precision with `element_bytes` a value.

    Inputs and module may be on the meta device: nothing is computed.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as flops, _Traffic() as traffic:
        module(*inputs)
    return Work(flops.get_total_flops() // 2, traffic.elements * element_bytes)


def probe() -> tuple[nn.Module, dict[str, Tensor]]:
    """A network that consists only of large convolutions, and its input."""
    generator = torch.Generator().manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(PROBE_LAYERS):
        layer = nn.Conv2d(PROBE_CHANNELS, PROBE_CHANNELS, 3, padding=1)
        with torch.no_grad():
            layer.weight.normal_(0, 0.02, generator=generator)
        layers += [layer, nn.ReLU()]
    picture = torch.rand(1, PROBE_CHANNELS, PROBE_SIDE, PROBE_SIDE, generator=generator)
    return nn.Sequential(*layers).eval(), {"features": picture}


def probe_flops() -> int:
    module, inputs = probe()
    return count(module.to("meta"), [value.to("meta") for value in inputs.values()], 4).flops


def copier(device: str) -> Callable[[], None]:
    """A function that copies COPY_BYTES; it reads and writes twice as much."""
    if device == "cuda":
        source, target = (torch.empty(COPY_BYTES, dtype=torch.uint8, device=device) for _ in range(2))

        def copy() -> None:
            target.copy_(source)
            torch.cuda.synchronize()

        return copy
    here, there = (np.zeros(COPY_BYTES, np.uint8) for _ in range(2))
    return lambda: np.copyto(there, here)
