"""The properties of this machine on which a plan depends."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from typing import NamedTuple


class Gpu(NamedTuple):
    """name: as NVIDIA's driver reports it. capability: of CUDA, "8.9". driver: its version."""

    name: str
    capability: str
    driver: str


def show_threads() -> int:
    """The most threads for one network of a show: pose and generator work at the same time."""
    return max(1, min(4, (os.cpu_count() or 1) // 2))


@cache
def gpu() -> Gpu | None:
    """The first NVIDIA GPU, or None where there is none that works."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return None
    query = (command, "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader")
    try:
        answer = subprocess.run(query, capture_output=True, encoding="utf-8", check=True, timeout=20)
    except (subprocess.SubprocessError, OSError):
        return None
    fields = [field.strip() for field in answer.stdout.partition("\n")[0].split(",")]
    return Gpu(*fields) if len(fields) == len(Gpu._fields) else None
