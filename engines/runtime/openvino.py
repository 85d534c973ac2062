"""OpenVINO: the default on a machine without an NVIDIA GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import openvino as ov
import torch
from torch import nn

from engines.runtime.engine import Engine, EngineError, Tensors, TensorSpec


def cpu_has_bf16() -> bool:
    """True where the CPU multiplies bfloat16 natively (AVX-512 BF16, AMX)."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVinoEngine(Engine):
    """A model compiled for the CPU.

    precision "f32" or "bf16" is the arithmetic hint (OpenVINO's own default is bf16 where the CPU
    has it, which moves landmarks by pixels); "int8" expects a model that is already quantized.
    """

    backend = "openvino"

    def __init__(self, model: ov.Model, precision: str, threads: int) -> None:
        self.precision = precision
        config = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,
        }
        try:
            compiled = ov.Core().compile_model(model, "CPU", config)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot compile {model.get_friendly_name()}: {error}") from error
        self._request = compiled.create_infer_request()
        super().__init__(_specs(compiled.inputs), _specs(compiled.outputs))
        self._bound: dict[str, int] = {}

    def run(self, inputs: Tensors, outputs: Tensors) -> None:
        self.check(inputs, outputs)
        for name, array in (*inputs.items(), *outputs.items()):
            if name in self.inputs or name in self.outputs:
                self._bind(name, array)
        self._request.infer()

    def _bind(self, name: str, array: np.ndarray) -> None:  # type: ignore[type-arg]
        """Hands OpenVINO the caller's own memory, once for each array."""
        address = array.ctypes.data
        if self._bound.get(name) != address:
            self._request.set_tensor(name, ov.Tensor(array, shared_memory=True))
            self._bound[name] = address


def convert(
    module: nn.Module, inputs: Mapping[str, torch.Tensor], outputs: Sequence[str]
) -> ov.Model:
    """torch module → OpenVINO model with named, statically shaped tensors."""
    module = module.eval()
    with torch.inference_mode():
        model = ov.convert_model(
            module,
            example_input=tuple(inputs.values()),
            input=[list(tensor.shape) for tensor in inputs.values()],
        )
    for port, name in zip(model.inputs, inputs, strict=True):
        port.get_tensor().set_names({name})
    for port, name in zip(model.outputs, outputs, strict=True):
        port.get_tensor().set_names({name})
    return model


def _specs(ports: Sequence[ov.ConstOutput]) -> dict[str, TensorSpec]:
    return {
        port.get_any_name(): TensorSpec(tuple(port.shape), np.dtype(port.element_type.to_dtype()).name)
        for port in ports
    }
