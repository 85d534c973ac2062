"""Describes the machine on which something was measured."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "openvino", "onnxruntime", "mediapipe", "opencv-contrib-python", "av", "aiortc")
EXTENSIONS = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "AVX-512 BF16", "amx_bf16": "AMX"}
"""The CPU's flags that matter for a network's speed, and their names."""


def machine(device: str) -> str:
    """The machine's name in a table: the GPU's for "cuda", else the CPU's with its cores and extensions."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    facts = _cpu_facts()
    flags = set(facts.get("flags", "").split())
    extensions = [name for flag, name in EXTENSIONS.items() if flag in flags]
    best = f", {extensions[-1]}" if extensions else ""
    cores = os.cpu_count() or 1
    return f"{facts.get('model name', platform.processor() or platform.machine())}, {cores} cores{best}"


def details(device: str) -> dict[str, Any]:
    """Versions, and the load: the processes that wanted a core in the last minute, on average."""
    facts: dict[str, Any] = {
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name)) is not None},
        "load_average": round(os.getloadavg()[0], 2),
    }
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        facts["gpu"] = {
            "capability": f"{properties.major}.{properties.minor}",
            "memory_GiB": round(properties.total_memory / 2**30, 1),
            "cuda": torch.version.cuda,
        }
    return facts


def _cpu_facts() -> dict[str, str]:
    """The first processor's entries of /proc/cpuinfo; none where there is no such file."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8").split("\n\n")[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
