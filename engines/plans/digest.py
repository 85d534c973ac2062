"""The digest by which a compiled network is identified, and the folders where networks are kept."""

from __future__ import annotations

import hashlib
import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def network_digest(module: nn.Module) -> str:
    """SHA-256 of everything that decides what a network computes: its weights and its own source code."""
    digest = hashlib.sha256(repr(module).encode())  # strides, paddings, factors
    sources = {inspect.getsourcefile(type(part)) for part in module.modules()}
    for source in sorted(path for path in sources if path and "site-packages" not in path):
        digest.update(Path(source).read_bytes())
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def cache_folder() -> Path:
    """The folder of compiled networks: $XDG_CACHE_HOME/dancecam, or ~/.cache/dancecam."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dancecam"


def plan_folder() -> Path:
    """The folder of plans (`engines.plans.cache`), in which a show looks for them."""
    return cache_folder() / "plans"


def compiled_folder() -> Path:
    """The folder of what OpenVINO compiles from the plans, with a folder for each plan, of the same name."""
    return cache_folder() / "compiled"
