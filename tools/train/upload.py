"""Copies arrays from the host to the training device without waiting."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def upload(array: NDArray[Any] | Tensor, device: torch.device) -> Tensor:
    """`array` on `device`; on the CPU it is the same memory.

    To a GPU it goes through page-locked memory, in the order of the current stream. A plain copy would block
    the host until everything queued before is done.
    """
    tensor = array if isinstance(array, Tensor) else torch.from_numpy(np.ascontiguousarray(array))
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
