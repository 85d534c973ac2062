"""The GPU way, run on the CPU: the same code, without streams and captured graphs."""

from __future__ import annotations

import pytest

CUDA_ON_CPU = "cuda on the CPU"


def run_cuda_on_cpu(patch: pytest.MonkeyPatch) -> None:
    """Lets the backend "cuda" put its tensors on the CPU."""
    run_cuda_on("cpu", patch)


def run_cuda_on(device: str, patch: pytest.MonkeyPatch) -> None:
    """Lets the backend "cuda" put its tensors on another of torch's devices."""
    patch.setattr("engines.backends.cuda.DEVICE", device)
    patch.setitem(_probes(), "cuda", lambda: None)


def _probes() -> dict[str, object]:
    import engines.backends.choice

    return engines.backends.choice._PROBES
