"""Tells on a machine without a GPU whether work can be captured into a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from engines.runtime.streams import Graphs
from tests.engines.cuda_on_cpu import run_cuda_on

READS, MAY_READ = "reads a value on the host", "may look for errors on the host"
DEPENDS = "has a result whose shape depends on values"
FORBIDDEN = {
    "aten::lift_fresh": "makes a tensor from Python's data, as a list for an index does",
    "aten::_local_scalar_dense": READS,
    "aten::is_nonzero": READS,
    "aten::equal": READS,
    "aten::nonzero": DEPENDS,
    "aten::masked_select": DEPENDS,
    "aten::repeat_interleave": DEPENDS,
    "aten::bincount": DEPENDS,
    "aten::_unique2": DEPENDS,
    "aten::unique_consecutive": DEPENDS,
    "aten::unique_dim": DEPENDS,
    "aten::linalg_inv_ex": MAY_READ,
    "aten::_linalg_solve_ex": MAY_READ,
    "aten::linalg_cholesky_ex": MAY_READ,
}
INDEXED = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")


class Capturable(TorchDispatchMode):
    """Within, an operation that a capture on a GPU refuses is an AssertionError.

    On the device "cpu" the work gives real results, but a tensor that lies on the host by mistake looks like
    any other. On "meta" such a tensor is found, and nothing is computed; but there torch makes tensors from
    Python's data without a trace. What passes on both can be captured.
    """

    def __init__(self, device: torch.device = torch.device("cpu")) -> None:  # noqa: B008  # it is a constant
        super().__init__()
        self._device = device

    def __torch_dispatch__(
        self, func: OpOverload, types: object, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name, given = func._schema.name, kwargs or {}
        assert name not in FORBIDDEN, f"{name} {FORBIDDEN[name]}"
        tensors = [leaf for leaf in tree_leaves((args, given)) if isinstance(leaf, Tensor)]
        if name in INDEXED:
            masks = [each for each in args[1] if each is not None and each.dtype in (torch.bool, torch.uint8)]
            assert not masks, f"{name} with a mask {DEPENDS}"
        for tensor in tensors:
            assert tensor.device.type == self._device.type, f"{name} takes a tensor on {tensor.device}"
        return func(*args, **given)


def count_captures(patch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """From now on whatever is captured must be capturable. Returns the list of it, which grows."""
    captured: list[Callable[[], None]] = []

    def capture(graphs: Graphs, work: Callable[[], None]) -> Callable[[], None]:
        with graphs._stream.current(), Capturable(graphs._stream.device):
            work()
        captured.append(work)
        return work

    patch.setattr(Graphs, "capture", capture)
    return captured


def capture_on(device: str, patch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """`count_captures`, with the backend "cuda" on another of torch's devices: "cpu", or "meta", from which
    nothing can be read."""
    run_cuda_on(device, patch)
    return count_captures(patch)
