"""Eager torch: the reference with which every other backend is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from engines.runtime.engine import Engine, Tensors, TensorSpec


class TorchEngine(Engine):
    """Runs `module` unchanged, in float32 on the CPU, with torch's default number of threads."""

    backend = "torch"
    precision = "f32"

    def __init__(self, module: nn.Module, inputs: Mapping[str, torch.Tensor], outputs: Sequence[str]) -> None:
        self._module = module.eval()
        with torch.inference_mode():
            example = _as_tuple(self._module(*inputs.values()))
        super().__init__(
            {name: _spec(tensor) for name, tensor in inputs.items()},
            {name: _spec(tensor) for name, tensor in zip(outputs, example, strict=True)},
        )

    def run(self, inputs: Tensors, outputs: Tensors) -> None:
        self.check(inputs, outputs)
        with torch.inference_mode():
            results = _as_tuple(self._module(*(torch.from_numpy(inputs[name]) for name in self.inputs)))
            for name, result in zip(self.outputs, results, strict=True):
                torch.from_numpy(outputs[name]).copy_(result)


def _spec(tensor: torch.Tensor) -> TensorSpec:
    return TensorSpec(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))


def _as_tuple(result: torch.Tensor | tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)
