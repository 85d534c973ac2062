"""Backends behind one interface; `compile_module` picks one and says why."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from engines.runtime.engine import Engine, EngineError, TensorSpec

__all__ = ["BACKENDS", "Engine", "EngineError", "TensorSpec", "choose_backend", "compile_module"]

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


def compile_module(
    module: nn.Module,
    inputs: Mapping[str, torch.Tensor],
    outputs: Sequence[str],
    *,
    backend: str = "auto",
    precision: str = "f32",
    threads: int = 1,
) -> Engine:
    """Compiles `module`, called with the tensors of `inputs` in order, into an engine.

    inputs: name → example tensor, whose shape and dtype become the engine's own.
    outputs: a name for each tensor that the module returns.
    precision: "f32", or "bf16" (OpenVINO, where the CPU has it). torch always runs f32.
    """
    backend = choose_backend(backend)
    if backend == "torch":
        from engines.runtime.torch_eager import TorchEngine

        return TorchEngine(module, inputs, outputs)
    from engines.runtime.openvino import OpenVinoEngine, convert

    return OpenVinoEngine(convert(module, inputs, outputs), precision, threads)
