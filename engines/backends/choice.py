"""TABLE of the backends. `compile_module` picks one for a network, and says why it skipped others."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, overload

from engines.runtime.engine import Calibration, Engine, EngineError

if TYPE_CHECKING:  # the import takes seconds, and not every caller needs it
    import torch
    from torch import nn

log = logging.getLogger(__name__)

Loaded = TypeVar("Loaded")


def _no_gpu() -> str | None:
    import torch

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
"""TABLE of the backends: for each, the function that tells why it cannot run here, or None."""
BACKENDS = tuple(_PROBES)
"""The backends in the order in which `auto` tries them."""
LONGEST_REASON = 300
"""The most characters shown of a backend's error."""
PLANNED = ("tensorrt", "tensorrt-rtx")
"""Backends that need plans, which `engines.build` makes before the show."""


def missing(backend: str) -> str | None:
    """Why a backend cannot run on this machine; None where it can. Raises EngineError for an unknown one."""
    if backend not in BACKENDS:
        known = ", ".join((*BACKENDS, *PLANNED))
        raise EngineError(f"unknown backend {backend!r}; choose one of: auto, {known}")
    return _PROBES[backend]()


def choose_backend(backend: str = "auto") -> str:
    """The backend that "auto" means on this machine, or `backend` itself if it can run here. A backend of
    `PLANNED` is not checked: its plans decide.

    Raises EngineError.
    """
    return _candidates(backend)[0]


def _candidates(backend: str) -> list[str]:
    """The backends to try: with "auto" those that can run here, in order; else only `backend`."""
    if backend != "auto":
        why = None if backend in PLANNED else missing(backend)
        if why is not None:
            raise EngineError(f"the backend {backend} cannot run here: {why}; choose auto")
        return [backend]
    found = []
    for each in BACKENDS:
        why = missing(each)
        if why is None:
            found.append(each)
        else:
            log.info("backend %s skipped: %s", each, why)
    if not found:
        raise EngineError("no backend can run here")
    return found


def first_that_works(
    backend: str,
    load: Callable[[str], Loaded],
    tell: Callable[[str], None] = log.warning,
    passed_on: tuple[type[Exception], ...] = (),
) -> Loaded:
    """The result of `load` with `backend`; with "auto", with the first backend for which `load` works.

    On any failure (memory, a driver, a capture) the next backend is tried, and `tell` gets the reason in one
    line. A backend that was named is not replaced. passed_on: errors that are no backend's fault, and are
    raised.

    Raises EngineError with all reasons where none works.
    """
    reasons = []
    for each in _candidates(backend):
        try:
            return load(each)
        except passed_on:
            raise
        except Exception as error:  # GPU libraries raise errors of all kinds
            if backend != "auto" and isinstance(error, EngineError):
                raise
            log.info("the backend %s failed", each, exc_info=True)
            reasons.append(f"the backend {each} does not work here ({_one_line(error)})")
        if backend == "auto":
            tell(reasons[-1])
        _release()
    raise EngineError("; ".join(reasons))


def _one_line(error: Exception) -> str:
    """An error as one line: with its type, unless it is one of ours; a long one is cut."""
    text = " ".join(str(error).split())
    if not isinstance(error, EngineError):
        text = f"{type(error).__name__}: {text}"
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…"


def _release() -> None:
    """Frees the GPU memory that a backend took before it failed."""
    import torch

    gc.collect()
    if torch.cuda.is_initialized():
        with contextlib.suppress(RuntimeError):  # after a fault the GPU may do nothing at all
            torch.cuda.empty_cache()


def is_on_device(backend: str) -> bool:
    """Whether a backend's engines are `DeviceEngine`s, between which a frame never leaves the GPU."""
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

    inputs: name → example tensor, whose shape and dtype become the engine's. A list of such mappings gives a
    list of engines for one network, one for each shape. outputs: a name for each tensor that the module
    returns. precision: "f32"; "bf16" or "int8" (OpenVINO); "fp16" (CUDA); "auto": on a CPU the fastest one
    measured on this machine, by `calibration`. torch always runs f32, a planned backend the precision of its
    plan. threads: of a CPU; with "auto" the most. calibration: required for "int8".

    With the backend "auto", one that cannot compile `module` is left for the next one, which is logged.
    Raises EngineError.
    """
    examples = [inputs] if isinstance(inputs, Mapping) else list(inputs)

    def load(chosen: str) -> list[Engine]:
        if chosen in PLANNED:
            from engines.backends.load_plans import load_planned

            return list(load_planned(module, examples, outputs, chosen))
        if chosen == "torch":
            from engines.backends.torch_eager import TorchEngine

            return [TorchEngine(module, example, outputs) for example in examples]
        if chosen == "cuda":
            from engines.backends.cuda import compile_cuda

            return list(compile_cuda(module, examples, outputs, precision))
        from engines.backends.openvino import compile_openvino

        return list(compile_openvino(module, examples, outputs, precision, threads, calibration))

    engines = first_that_works(backend, load)
    return engines[0] if isinstance(inputs, Mapping) else engines
