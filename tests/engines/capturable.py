"""Tells on a machine without a GPU whether work can be captured into a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from engines.runtime.streams import Graphs

FORBIDDEN = {
    "aten::lift_fresh": "makes a tensor from Python's data, as a list for an index does",
    "aten::_local_scalar_dense": "reads a value on the host",
    "aten::is_nonzero": "reads a value on the host",
    "aten::nonzero": "has a result whose shape depends on values",
    "aten::masked_select": "has a result whose shape depends on values",
}


class Capturable(TorchDispatchMode):
    """Within, an operation that a capture refuses, and that a CPU does not mind, is an AssertionError."""

    def __torch_dispatch__(
        self, func: OpOverload, types: object, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = func._schema.name
        assert name not in FORBIDDEN, f"{name} {FORBIDDEN[name]}"
        return func(*args, **(kwargs or {}))


def count_captures(patch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """From now on whatever is captured must be capturable. Returns the list of it, which grows."""
    captured: list[Callable[[], None]] = []

    def capture(graphs: Graphs, work: Callable[[], None]) -> Callable[[], None]:
        with graphs._stream.current(), Capturable():
            work()
        captured.append(work)
        return work

    patch.setattr(Graphs, "capture", capture)
    return captured
