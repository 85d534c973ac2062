"""Loads engines from the plans that `engines.build` made, when a show starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from engines.backends import tensorrt, tensorrt_rtx
from engines.backends.tensorrt_api import TensorRt
from engines.plans.cache import ANY, PlanCache, PlanKey
from engines.plans.digest import network_digest, plan_folder
from engines.plans.machine import Gpu, gpu
from engines.runtime.engine import Engine, EngineError


class Package(Protocol):
    """The module for a backend's package."""

    def version(self) -> str: ...
    def package(self) -> TensorRt: ...


PACKAGES: Mapping[str, Package] = {"tensorrt": tensorrt, "tensorrt-rtx": tensorrt_rtx}
"""TABLE of the backends with plans: the module that knows the package's `version` and loads the `package`."""


def this_gpu(backend: str) -> Gpu:
    """The GPU of this machine. Raises EngineError where there is none."""
    found = gpu()
    if found is None:
        raise EngineError(
            f"the backend {backend} needs an NVIDIA GPU with its driver: nvidia-smi finds none here"
        )
    return found


def plan_key(
    backend: str,
    digest: str,
    shapes: Sequence[Mapping[str, tuple[int, ...]]],
    precision: str = ANY,
    target: str | None = None,
) -> PlanKey:
    """The key of a plan for this machine's GPU, or for any GPU of the compute capability `target`.

    digest: `network_digest`. Raises EngineError where the backend's package or a GPU is missing.
    """
    version = PACKAGES[backend].version()
    machine = Gpu(ANY, target, ANY) if target is not None else this_gpu(backend)
    return PlanKey(
        network=digest,
        backend=backend,
        version=version,
        device=machine.name,
        capability=machine.capability,
        driver=machine.driver,
        precision=precision,
        shapes=tuple(shapes),
    )


def load_planned(
    module: nn.Module,
    examples: Sequence[Mapping[str, torch.Tensor]],
    outputs: Sequence[str],
    backend: str,
    folder: Path | None = None,
) -> list[Engine]:
    """One engine for each of `examples`, from the plans in `folder` (`plan_folder()`).

    Raises EngineError, and PlanError where a plan is missing, stale, foreign or corrupt.
    """
    cache = PlanCache(folder if folder is not None else plan_folder())
    digest = network_digest(module)
    engines = []
    for example in examples:
        shapes = {name: tuple(tensor.shape) for name, tensor in example.items()}
        plan, manifest = cache.load(plan_key(backend, digest, [shapes]))
        engines.append(open_plan(plan, list(example), outputs, backend, manifest.key.precision))
    return engines


def open_plan(
    plan: bytes, inputs: Sequence[str], outputs: Sequence[str], backend: str, precision: str
) -> Engine:
    """An engine for a plan on this machine's GPU. Raises EngineError."""
    this_gpu(backend)
    if not torch.cuda.is_available():
        raise EngineError(f"the backend {backend} needs a torch with CUDA, and this one finds no GPU")
    from engines.backends.tensorrt_engine import TensorRtEngine

    trt = PACKAGES[backend].package()
    return TensorRtEngine(trt, plan, inputs, outputs, backend=backend, precision=precision)
