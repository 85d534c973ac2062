"""The backends that run a network: torch, CUDA, OpenVINO, TensorRT. `choice.compile_module` picks one."""

from __future__ import annotations

import sys

# OpenVINO and NNCF would report their use to Google Analytics, in dozens of processes started for it. Both
# skip that where the telemetry package is missing; None in its place has the same effect. It must be set
# before they are imported.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
