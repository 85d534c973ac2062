"""TensorRT, for any NVIDIA GPU: through torch-tensorrt, or through ONNX where that is missing.

The packages are imported only where there is a GPU: without one their import fails, in various ways.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

import torch
from torch import nn

from engines.backends.tensorrt_api import Builder, BuilderConfig, TensorRt, TimingCache
from engines.backends.tensorrt_build import compile_onnx
from engines.plans.cache import Layer
from engines.runtime.engine import EngineError

log = logging.getLogger(__name__)
PACKAGE = "tensorrt"
TIMING_CACHE = "tensorrt.timing"
"""In the plans' folder: times measured while kernels were chosen, which make the next build faster."""


def version() -> str:
    """The installed package's version. Raises EngineError where it is missing."""
    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError as error:
        raise EngineError(
            f"the package {PACKAGE} is missing: pip install '.[gpu]' from NVIDIA's index"
        ) from error


def package() -> TensorRt:
    """The package. Raises EngineError where there is no GPU, or the package is missing or cannot be
    loaded."""
    version()
    if not torch.cuda.is_available():
        raise EngineError("TensorRT compiles on the GPU that it compiles for, and torch finds none here")
    try:
        import tensorrt
    except (ImportError, OSError) as error:
        raise EngineError(f"{PACKAGE} cannot be loaded: {error}") from error
    return tensorrt


def compile_tensorrt(
    module: nn.Module,
    example: Mapping[str, torch.Tensor],
    outputs: Sequence[str],
    folder: Path,
) -> tuple[bytes, tuple[Layer, ...]]:
    """The serialized engine for this machine's GPU, in fp16; and, where it came through ONNX, the layers of
    the parsed network. Raises EngineError."""
    trt = package()
    cache = folder / TIMING_CACHE
    try:
        import torch_tensorrt
    except Exception as error:  # noqa: BLE001  # without its libraries it raises whatever comes to hand
        log.info("torch-tensorrt skipped, ONNX instead: %s", error)
        return _through_onnx(trt, module, example, outputs, cache)
    inputs = [tensor.cuda() for tensor in example.values()]
    try:
        with torch.inference_mode():
            program = torch.export.export(module.eval().cuda(), tuple(inputs))
            plan = torch_tensorrt.dynamo.convert_exported_program_to_serialized_trt_engine(
                program,
                arg_inputs=inputs,
                use_explicit_typing=True,  # a strongly typed network; TensorRT 11 has no other
                enable_autocast=True,  # convolutions in half precision, coordinates as written
                autocast_low_precision_type=torch.float16,
                timing_cache_path=str(cache),
            )
    except (RuntimeError, ValueError) as error:
        raise EngineError(f"torch-tensorrt cannot compile {type(module).__name__}: {error}") from error
    finally:
        module.cpu()
    return bytes(plan), ()


def _through_onnx(
    trt: TensorRt,
    module: nn.Module,
    example: Mapping[str, torch.Tensor],
    outputs: Sequence[str],
    cache: Path,
) -> tuple[bytes, tuple[Layer, ...]]:
    from engines.backends.onnx_export import export_onnx

    timing: list[TimingCache] = []

    def configure(_: Builder, config: BuilderConfig) -> None:
        timing.append(config.create_timing_cache(cache.read_bytes() if cache.is_file() else b""))
        config.set_timing_cache(timing[0], ignore_mismatch=False)

    model = export_onnx(module, [example], outputs)
    shapes = {name: tuple(tensor.shape) for name, tensor in example.items()}
    result = compile_onnx(trt, model.SerializeToString(), shapes, configure)
    cache.write_bytes(bytes(timing[0].serialize()))
    return result
