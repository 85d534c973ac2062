"""What a machine with a GPU and little else can collect: `pytest -m gpu tests/engines`."""

from __future__ import annotations

import importlib.util

NEEDED = {
    "build/test_build.py": ("pydantic", "zmq", "openvino"),
    "build/test_networks.py": ("openvino",),
    "rendering/test_renderer.py": ("hypothesis",),
    "backends/test_choice.py": ("openvino",),
}
"""TABLE of the modules that import what such a machine may lack; none of them has a test for a GPU."""

collect_ignore = [
    module
    for module, packages in NEEDED.items()
    if any(importlib.util.find_spec(package) is None for package in packages)
]
