"""CUDA through torch alone: half precision, channels last, one captured graph for each shape.

It serves NVIDIA GPUs without TensorRT, and as a reference for those with it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from engines.runtime.device_engine import DeviceEngine
from engines.runtime.engine import EngineError
from engines.runtime.mixed_precision import halve

DEVICE = "cuda"
PRECISIONS = ("f32", "fp16")


class CudaEngine(DeviceEngine):
    """A module on a device. precision: "f32" or "fp16", as it was given to `place`."""

    backend = "cuda"

    def __init__(
        self, module: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str], precision: str
    ) -> None:
        """module, inputs: on the device; inputs are examples. outputs: a name for each tensor that the module
        returns."""
        self.precision = precision
        self._module = module
        input_tensors = {name: tensor.contiguous().clone() for name, tensor in inputs.items()}
        with torch.inference_mode():
            results = as_tuple(module(*input_tensors.values()))
        output_tensors = {name: _whole(result) for name, result in zip(outputs, results, strict=True)}
        super().__init__(input_tensors, output_tensors)

    def enqueue(self) -> None:
        with torch.inference_mode():
            results = as_tuple(self._module(*self.input_tensors.values()))
            for buffer, result in zip(self.output_tensors.values(), results, strict=True):
                buffer.copy_(result)


def compile_cuda(
    module: nn.Module, examples: Sequence[Mapping[str, Tensor]], outputs: Sequence[str], precision: str
) -> list[CudaEngine]:
    """One engine for each of `examples`, which differ only in shape; see `compile_module`.

    precision: "auto" is fp16. Raises EngineError.
    """
    precision = "fp16" if precision == "auto" else precision
    if precision not in PRECISIONS:
        raise EngineError(f"the backend cuda runs in {' or '.join(PRECISIONS)}, not in {precision}")
    device = torch.device(DEVICE)
    try:
        placed = place(module, precision, device)
        return [
            CudaEngine(placed, {n: tensor.to(device) for n, tensor in each.items()}, outputs, precision)
            for each in examples
        ]
    except torch.OutOfMemoryError as error:
        raise EngineError(
            f"{type(module).__name__} does not fit into the GPU's memory: close other programs that use it"
        ) from error


def place(module: nn.Module, precision: str, device: torch.device) -> nn.Module:
    """A copy of `module` on `device`, for inference in `precision`."""
    placed = copy.deepcopy(module).eval().requires_grad_(False)
    if precision == "fp16":
        halve(placed)
    placed = placed.to(device)
    for tensor in (*placed.parameters(), *placed.buffers()):
        if tensor.dim() == 4:
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
    return placed


def as_tuple(result: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


def _whole(result: Tensor) -> Tensor:
    """A buffer for `result`: outputs never have half precision."""
    dtype = torch.float32 if result.dtype == torch.float16 else result.dtype
    return torch.empty(result.shape, dtype=dtype, device=result.device)
