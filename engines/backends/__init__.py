"""What runs a network: torch, CUDA, OpenVINO, TensorRT; `choice.compile_module` picks one and says why."""

from __future__ import annotations

import sys

# OpenVINO and NNCF would report their use to Google Analytics, in dozens of processes started for it. Both do
# without where the package for that is missing, and None here makes it so. It must come before they do.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
