"""Tells on a machine without a GPU whether work would make the host wait for one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.engines.capturable import FORBIDDEN, INDEXED


class Waits(TorchDispatchMode):
    """Within, `found` takes down every operation for which the host would wait for the device, by name.

    device: "cpu" or "meta", as for `tests.engines.capturable.Capturable`: on "meta" whatever is read raises,
    and copies to and fro are seen; on "cpu" tensors that are made from Python's data. host: tensors that lie
    on the host on purpose, which on the CPU look like any other.
    """

    def __init__(self, device: torch.device, host: list[Tensor] | None = None) -> None:
        super().__init__()
        self._device = device
        self._host = {tensor.data_ptr() for tensor in host or []}
        self.found: list[str] = []

    def __torch_dispatch__(
        self, func: OpOverload, types: object, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name, given = func._schema.name, kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, given)) if isinstance(leaf, Tensor)]
        result = func(*args, **given)
        there = [tensor.device.type == self._device.type for tensor in tensors]
        if self._device.type == "cpu":
            there = [tensor.data_ptr() not in self._host for tensor in tensors]
        if name in FORBIDDEN and any(there):
            self.found.append(name)
        if name in INDEXED and any(each is not None and each.dtype == torch.bool for each in args[1]):
            self.found.append(f"{name} with a mask")
        if name in ("aten::_to_copy", "aten::copy_") and self._device.type != "cpu":
            ends = {tensor.device.type for tensor in (*tensors, result)}
            waits = not (given.get("non_blocking", False) or (name == "aten::copy_" and args[2:] == (True,)))
            if len(ends) > 1 and waits:
                self.found.append(f"{name} between {sorted(ends)}")
        return result
