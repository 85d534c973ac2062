"""TensorRT for RTX: NVIDIA's workstation cards. Its compiler needs no GPU, so plans can be made anywhere."""

from __future__ import annotations

from importlib import metadata

from engines.backends.tensorrt_api import Builder, BuilderConfig, TensorRtRtx
from engines.backends.tensorrt_build import Shapes, compile_onnx
from engines.plans.cache import Layer
from engines.runtime.engine import EngineError

PACKAGE = "tensorrt-rtx"
CAPABILITIES = {
    "7.5": "SM75", "8.0": "SM80", "8.6": "SM86", "8.9": "SM89", "12.0": "SM120", "12.1": "SM121",
}  # fmt: skip
"""The compute capabilities that it compiles for, under its names. It does not support 9.0 (H100, H200)."""


def version() -> str:
    """The installed package's version. Raises EngineError where it is missing."""
    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError as error:
        raise EngineError(f"the package {PACKAGE} is missing: pip install '.[tensorrt-rtx]'") from error


def package() -> TensorRtRtx:
    """The package. Raises EngineError where it is missing or cannot be loaded."""
    version()
    try:
        import tensorrt_rtx
    except (ImportError, OSError) as error:
        raise EngineError(f"{PACKAGE} cannot be loaded: {error}") from error
    return tensorrt_rtx


def check_capability(capability: str) -> None:
    """Raises EngineError where it does not compile for GPUs of this compute capability."""
    if capability not in CAPABILITIES:
        raise EngineError(
            f"TensorRT for RTX has no compute capability {capability}; it has {', '.join(CAPABILITIES)}"
        )


def compile_rtx(onnx: bytes, shapes: Shapes, capability: str) -> tuple[bytes, tuple[Layer, ...]]:
    """The serialized engine for GPUs of `capability` ("8.9") and the parsed network's layers.

    Needs no GPU. Raises EngineError.
    """
    check_capability(capability)
    trt = package()

    def configure(_: Builder, config: BuilderConfig) -> None:
        config.set_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION)  # lets its runs be captured
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(trt.ComputeCapability, CAPABILITIES[capability]), 0)

    return compile_onnx(trt, onnx, shapes, configure)
