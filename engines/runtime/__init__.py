"""Backends behind one interface; `compile_module` picks one and says why."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import overload

import torch
from torch import nn

from engines.runtime.engine import Calibration, Engine, EngineError, Tensors, TensorSpec

__all__ = [
    "BACKENDS",
    "Calibration",
    "Engine",
    "EngineError",
    "TensorSpec",
    "Tensors",
    "choose_backend",
    "compile_module",
]

log = logging.getLogger(__name__)

BACKENDS = ("openvino", "torch")
"""In the order in which `auto` tries them."""


def choose_backend(backend: str = "auto") -> str:
    """The backend that "auto" means on this machine, or `backend` itself if it is known."""
    if backend != "auto":
        if backend not in BACKENDS:
            raise EngineError(f"unknown backend {backend!r}; choose one of: auto, {', '.join(BACKENDS)}")
        return backend
    try:
        import openvino  # noqa: F401  # is it there?
    except ImportError as error:
        log.info("backend openvino skipped: %s", error)
        return "torch"
    return "openvino"


@overload
def compile_module(
    module: nn.Module, inputs: Mapping[str, torch.Tensor], outputs: Sequence[str], *, backend: str = ...,
    precision: str = ..., threads: int = ..., calibration: Calibration | None = ...,
) -> Engine: ...  # fmt: skip
@overload
def compile_module(
    module: nn.Module, inputs: Sequence[Mapping[str, torch.Tensor]], outputs: Sequence[str], *,
    backend: str = ..., precision: str = ..., threads: int = ..., calibration: Calibration | None = ...,

) -> list[Engine]: ...  # fmt: skip
def compile_module(
    module: nn.Module,
    inputs: Mapping[str, torch.Tensor] | Sequence[Mapping[str, torch.Tensor]],
    outputs: Sequence[str],
    *,
    backend: str = "auto",
    precision: str = "f32",
    threads: int = 1,
    calibration: Calibration | None = None,
) -> Engine | list[Engine]:
    """Compiles `module`, called with the tensors of `inputs` in order, into an engine.

    inputs: name → example tensor, whose shape and dtype become the engine's own; a list of such gives a
    list of engines of one network, one for each shape.
    outputs: a name for each tensor that the module returns.
    precision: "f32"; "bf16" and "int8" (OpenVINO); "auto": the fastest that the CPU and `calibration`
    allow. torch always runs f32.
    calibration: needed for "int8".
    """
    examples = [inputs] if isinstance(inputs, Mapping) else list(inputs)
    engines: list[Engine]
    if choose_backend(backend) == "torch":
        from engines.runtime.torch_eager import TorchEngine

        engines = [TorchEngine(module, example, outputs) for example in examples]
    else:
        from engines.runtime.openvino import compile_openvino

        engines = list(compile_openvino(module, examples, outputs, precision, threads, calibration))
    return engines[0] if isinstance(inputs, Mapping) else engines
