"""Backends behind one interface; `compile_module` picks one and says why."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import overload

import torch
from torch import nn

from engines.runtime.engine import Calibration, Engine, EngineError, Tensors, TensorSpec

__all__ = [
    "BACKENDS",
    "PLANNED",
    "Calibration",
    "Engine",
    "EngineError",
    "TensorSpec",
    "Tensors",
    "choose_backend",
    "compile_module",
    "is_on_device",
    "missing",
]

log = logging.getLogger(__name__)


def _no_gpu() -> str | None:
    if torch.version.cuda is None:
        return "this build of torch has no CUDA"
    return None if torch.cuda.is_available() else "torch finds no NVIDIA GPU, or no driver for it"


def _no_openvino() -> str | None:
    return None if importlib.util.find_spec("openvino") else "the package openvino is not installed"


_PROBES: dict[str, Callable[[], str | None]] = {
    "cuda": _no_gpu,
    "openvino": _no_openvino,
    "torch": lambda: None,
}
"""TABLE of the backends: what tells why one cannot run here."""
BACKENDS = tuple(_PROBES)
"""In the order in which `auto` tries them."""
PLANNED = ("tensorrt", "tensorrt-rtx")
"""Those that need plans, made by `engines.build` before the show."""


def missing(backend: str) -> str | None:
    """Why a backend cannot run on this machine; None where it can. Raises EngineError for an unknown one."""
    if backend not in BACKENDS:
        known = ", ".join((*BACKENDS, *PLANNED))
        raise EngineError(f"unknown backend {backend!r}; choose one of: auto, {known}")
    return _PROBES[backend]()


def choose_backend(backend: str = "auto") -> str:
    """The backend that "auto" means on this machine, or `backend` itself if it can run here: whether one of
    `PLANNED` can, its plans decide.

    Raises EngineError.
    """
    if backend != "auto":
        if backend in PLANNED:
            return backend
        why = missing(backend)
        if why is not None:
            raise EngineError(f"the backend {backend} cannot run here: {why}; choose auto")
        return backend
    for each in BACKENDS:
        why = missing(each)
        if why is None:
            return each
        log.info("backend %s skipped: %s", each, why)
    raise EngineError("no backend can run here")


def is_on_device(backend: str) -> bool:
    """Whether the engines of a backend are `DeviceEngine`s, between which a frame never leaves the GPU."""
    return choose_backend(backend) in ("cuda", *PLANNED)


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
    precision: "f32"; "bf16" and "int8" (OpenVINO); "fp16" (CUDA); "auto": the fastest that the machine and
    `calibration` allow. torch always runs f32, and a planned backend what its plan is of.
    calibration: needed for "int8".
    """
    examples = [inputs] if isinstance(inputs, Mapping) else list(inputs)
    engines: list[Engine]
    chosen = choose_backend(backend)
    if chosen in PLANNED:
        from engines.runtime.planned import load_planned

        engines = list(load_planned(module, examples, outputs, chosen))
    elif chosen == "torch":
        from engines.runtime.torch_eager import TorchEngine

        engines = [TorchEngine(module, example, outputs) for example in examples]
    elif chosen == "cuda":
        from engines.runtime.cuda import compile_cuda

        engines = list(compile_cuda(module, examples, outputs, precision))
    else:
        from engines.runtime.openvino import compile_openvino

        engines = list(compile_openvino(module, examples, outputs, precision, threads, calibration))
    return engines[0] if isinstance(inputs, Mapping) else engines
