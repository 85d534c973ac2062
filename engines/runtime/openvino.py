"""OpenVINO: the default on a machine without an NVIDIA GPU."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import openvino as ov
import torch
from torch import nn

from engines.runtime.engine import Engine, EngineError, Tensors, TensorSpec

log = logging.getLogger(__name__)

FLOAT_OPERATIONS = ["AvgPool", "Divide", "Exp", "MatMul", "Multiply", "Subtract"]
"""What INT8 leaves alone."""


def cpu_has_bf16() -> bool:
    """True where the CPU multiplies bfloat16 natively (AVX-512 BF16, AMX)."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVinoEngine(Engine):
    """A model compiled for the CPU.

    precision "f32" or "bf16" is the arithmetic hint (OpenVINO's own default is bf16 where the CPU
    has it, which moves landmarks by pixels); "int8" expects a model that is already quantized.
    """

    backend = "openvino"

    def __init__(self, model: ov.Model, precision: str, threads: int) -> None:
        self.precision = precision
        config = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,
        }
        try:
            compiled = ov.Core().compile_model(model, "CPU", config)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot compile {model.get_friendly_name()}: {error}") from error
        self._request = compiled.create_infer_request()
        super().__init__(_specs(compiled.inputs), _specs(compiled.outputs))
        self._bound: dict[str, int] = {}

    def run(self, inputs: Tensors, outputs: Tensors) -> None:
        self.check(inputs, outputs)
        for name, array in (*inputs.items(), *outputs.items()):
            if name in self.inputs or name in self.outputs:
                self._bind(name, array)
        self._request.infer()

    def _bind(self, name: str, array: np.ndarray) -> None:  # type: ignore[type-arg]
        """Hands OpenVINO the caller's own memory, once for each array."""
        address = array.ctypes.data
        if self._bound.get(name) != address:
            self._request.set_tensor(name, ov.Tensor(array, shared_memory=True))
            self._bound[name] = address


def compile_openvino(
    module: nn.Module,
    examples: Sequence[Mapping[str, torch.Tensor]],
    outputs: Sequence[str],
    precision: str,
    threads: int,
    calibration: Callable[[], Iterable[Tensors]] | None,
    cache_key: str,
) -> list[OpenVinoEngine]:
    """One engine for each of `examples`, which differ in shape alone; see `compile_module`."""
    if precision == "auto":
        precision = "bf16" if cpu_has_bf16() else "int8" if calibration and _can_quantize() else "f32"
    if precision == "int8":
        if calibration is None:
            raise EngineError("INT8 needs inputs to calibrate with: choose f32 or bf16")
        model = _quantized(module, examples[-1], outputs, calibration, cache_key)
    else:
        model = convert(module, examples[0], outputs, dynamic=len(examples) > 1)
    if len(examples) == 1:
        return [OpenVinoEngine(model, precision, threads)]
    engines = []
    for example in examples:
        shaped = model.clone()
        shaped.reshape({name: list(tensor.shape) for name, tensor in example.items()})
        engines.append(OpenVinoEngine(shaped, precision, threads))
    return engines


def convert(
    module: nn.Module, inputs: Mapping[str, torch.Tensor], outputs: Sequence[str], *, dynamic: bool = False
) -> ov.Model:
    """torch module → OpenVINO model with named tensors, of the inputs' shapes or of any (dynamic)."""
    module = module.eval()
    static = {} if dynamic else {"input": [list(tensor.shape) for tensor in inputs.values()]}
    with torch.inference_mode():
        model = ov.convert_model(module, example_input=tuple(inputs.values()), **static)
    for port, name in zip(model.inputs, inputs, strict=True):
        port.get_tensor().set_names({name})
    for port, name in zip(model.outputs, outputs, strict=True):
        port.get_tensor().set_names({name})
    return model


def _can_quantize() -> bool:
    try:
        import nncf  # noqa: F401  # is it there?
    except ImportError as error:
        log.info("INT8 skipped: %s", error)
        return False
    return True


def _quantized(
    module: nn.Module,
    example: Mapping[str, torch.Tensor],
    outputs: Sequence[str],
    calibration: Callable[[], Iterable[Tensors]],
    cache_key: str,
) -> ov.Model:
    """The module in INT8, of any shape: from the cache, or quantized and put there."""
    import nncf

    key = hashlib.sha256(f"{cache_key} {ov.__version__} {nncf.__version__} {FLOAT_OPERATIONS}".encode()).hexdigest()[:24]
    folder = cache_folder() / f"int8-{key}"
    if not (folder / "model.xml").is_file():
        nncf.set_log_level(logging.WARNING)
        samples = [dict(sample) for sample in calibration()]
        model = convert(module, example, outputs, dynamic=True)
        # Convolutions in INT8, the arithmetic around them in f32: quantized too, the plugin refuses it.
        others = nncf.IgnoredScope(types=FLOAT_OPERATIONS, validate=False)
        quantized = nncf.quantize(
            model, nncf.Dataset(samples), subset_size=len(samples), ignored_scope=others
        )
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".int8-", dir=folder.parent))
        ov.save_model(quantized, part / "model.xml", compress_to_fp16=False)
        try:
            part.rename(folder)
        except OSError:  # another process was faster, with the same result
            shutil.rmtree(part)
    return ov.Core().read_model(folder / "model.xml")


def cache_folder() -> Path:
    """Where compiled networks are kept: $XDG_CACHE_HOME/dancecam, or ~/.cache/dancecam."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dancecam"


def _specs(ports: Sequence[ov.ConstOutput]) -> dict[str, TensorSpec]:
    return {
        port.get_any_name(): TensorSpec(tuple(port.shape), np.dtype(port.element_type.to_dtype()).name)
        for port in ports
    }
