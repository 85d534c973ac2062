"""A network that is small, with inputs and outputs of several kinds, for tests of the backends."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

OUTPUTS = ("picture", "mean")


class Small(nn.Module):
    """Two inputs, one of them uint8, and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first = nn.Conv2d(4, 16, 3, padding=1)
        self.second = nn.Conv2d(16, 3, 3, padding=1)

    def forward(self, previous: Tensor, plate: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.cat([previous, plate.to(previous.dtype).permute(0, 3, 1, 2) / 255], dim=1)
        x = self.second(F.relu(self.first(x)))
        return x, x.mean(dim=(2, 3))


def example(rows: int = 16, columns: int = 24) -> dict[str, Tensor]:
    return {
        "previous": torch.zeros(1, 1, rows, columns),
        "plate": torch.zeros(1, rows, columns, 3, dtype=torch.uint8),
    }


def fill(inputs: dict[str, NDArray[np.generic]], seed: int) -> None:
    random = np.random.default_rng(seed)
    inputs["previous"][:] = random.normal(size=inputs["previous"].shape)
    inputs["plate"][:] = random.integers(0, 256, inputs["plate"].shape)


def expected(net: nn.Module, inputs: dict[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
    with torch.inference_mode():
        return [out.numpy() for out in net(*(torch.from_numpy(array) for array in inputs.values()))]
