"""What a compiled network is known by, and where such are kept."""

from __future__ import annotations

import hashlib
import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def network_digest(module: nn.Module) -> str:
    """SHA-256 over everything that decides what a network computes: its weights and its own source."""
    digest = hashlib.sha256(repr(module).encode())  # strides, paddings, factors
    sources = {inspect.getsourcefile(type(part)) for part in module.modules()}
    for source in sorted(path for path in sources if path and "site-packages" not in path):
        digest.update(Path(source).read_bytes())
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def cache_folder() -> Path:
    """Where compiled networks are kept: $XDG_CACHE_HOME/dancecam, or ~/.cache/dancecam."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dancecam"


def plan_folder() -> Path:
    """Where plans are kept (`engines.plans.cache`), and looked for by a show."""
    return cache_folder() / "plans"


def compiled_folder() -> Path:
    """Where OpenVINO keeps what it compiles of the plans: a folder for each plan, of its name."""
    return cache_folder() / "compiled"
