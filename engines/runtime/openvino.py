"""OpenVINO: the default on a machine without an NVIDIA GPU."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import openvino as ov
import torch
from torch import nn

from engines.plan_cache import Facts, MissingPlan, Parity, PlanCache, PlanError, PlanKey
from engines.runtime.engine import Calibration, Engine, EngineError, Tensors, TensorSpec
from engines.runtime.identity import cache_folder, network_digest, plan_folder

log = logging.getLogger(__name__)
MODEL_FILES = ("model.xml", "model.bin")
LEAST_PSNR = 35.0
"""dB; a network of reduced precision further from the f32 one is not used."""


class PrecisionError(EngineError):
    """A reduced precision in which the network no longer computes what it computes in f32."""


def cpu_has_bf16() -> bool:
    """True where the CPU multiplies bfloat16 natively (AVX-512 BF16, AMX)."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVinoEngine(Engine):
    """A model compiled for the CPU.

    precision "f32" or "bf16" is the arithmetic hint (OpenVINO's own default is bf16 where the CPU
    has it, which moves landmarks by pixels); "int8" expects a model that is already quantized.
    """

    backend = "openvino"

    def __init__(
        self, model: ov.Model, inputs: Sequence[str], outputs: Sequence[str], precision: str, threads: int
    ) -> None:
        self.precision = precision
        config = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,
            "CACHE_DIR": str(cache_folder() / "compiled"),
        }
        try:
            compiled = ov.Core().compile_model(model, "CPU", config)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot compile {model.get_friendly_name()}: {error}") from error
        self._request = compiled.create_infer_request()
        super().__init__(_specs(compiled.inputs, inputs), _specs(compiled.outputs, outputs))
        self._bound: dict[str, int] = {}

    def run(self, inputs: Tensors, outputs: Tensors) -> None:
        self.check(inputs, outputs)
        for name, array in (*inputs.items(), *outputs.items()):
            if name in self.inputs or name in self.outputs:
                self._bind(name, array)
        self._request.infer(share_outputs=True)  # else it copies them all, only to be thrown away

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
    calibration: Calibration | None,
) -> list[OpenVinoEngine]:
    """One engine for each of `examples`, which differ in shape alone; see `compile_module`."""
    if precision == "auto":
        able = {"bf16": cpu_has_bf16(), "int8": calibration is not None and _can_quantize()}
        for candidate in (name for name, can in able.items() if can):
            try:
                return compile_openvino(module, examples, outputs, candidate, threads, calibration)
            except PrecisionError as error:
                log.warning("%s skipped: %s", candidate, error)
        precision = "f32"
    if precision == "int8" and calibration is None:
        raise EngineError("INT8 needs inputs to calibrate with: choose f32 or bf16")
    dynamic = _is_dynamic(examples, calibration)
    key = plan_key(module, examples, outputs, precision, calibration)
    if precision == "int8":
        assert calibration is not None  # noqa: S101  # for the type checker
        model = _cached(module, key, lambda: _quantize(module, examples[-1], outputs, calibration))
    else:
        model = _cached(module, key, lambda: convert(module, examples[0], outputs, dynamic=dynamic))
    if precision == "bf16" and calibration is not None:
        _require_parity(module, model, examples[0], next(iter(calibration.samples())), "bf16")
    if not dynamic:
        return [OpenVinoEngine(model, list(examples[0]), outputs, precision, threads)]
    engines = []
    for example in examples:
        shaped = model.clone()
        shaped.reshape({name: list(tensor.shape) for name, tensor in example.items()})
        engines.append(OpenVinoEngine(shaped, list(example), outputs, precision, threads))
    return engines


def convert(
    module: nn.Module, inputs: Mapping[str, torch.Tensor], outputs: Sequence[str], *, dynamic: bool = False
) -> ov.Model:
    """torch module → OpenVINO model with named tensors, of the inputs' shapes or of any (dynamic)."""
    module = module.eval()
    static = {} if dynamic else {"input": [list(tensor.shape) for tensor in inputs.values()]}
    with torch.inference_mode():
        example = tuple(inputs.values())
        traced = torch.jit.trace(module, example, check_trace=False)
        model = ov.convert_model(traced, example_input=example, **static)
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


def _quantize(
    module: nn.Module,
    example: Mapping[str, torch.Tensor],
    outputs: Sequence[str],
    calibration: Calibration,
) -> ov.Model:
    """The module with its convolutions in INT8 and the arithmetic around them in f32, of any shape."""
    import nncf

    log.info("quantizing a network to INT8, once; the result is kept in %s", cache_folder())
    logging.getLogger("nncf").setLevel(logging.ERROR)
    samples = [dict(sample) for sample in calibration.samples()]
    model = convert(module, example, outputs, dynamic=True)
    others = nncf.IgnoredScope(patterns=list(calibration.keep_float))
    with contextlib.redirect_stdout(io.StringIO()):  # its progress bars would break up the show's status line
        quantized = nncf.quantize(
            model, nncf.Dataset(samples), subset_size=len(samples), ignored_scope=others
        )
    _require_parity(module, quantized, example, samples[len(samples) // 2], "f32")
    return quantized


def _require_parity(
    module: nn.Module, model: ov.Model, inputs: Mapping[str, torch.Tensor], sample: Tensors, hint: str
) -> None:
    """Raises PrecisionError where the model's first output is far from eager torch's, as PSNR relative to
    the output's own range."""
    with torch.inference_mode():
        expected = module(*(torch.from_numpy(sample[name]) for name in inputs))
    expected = (expected[0] if isinstance(expected, tuple) else expected).float().numpy()
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": hint})
    actual = compiled(dict(sample))[0].astype(np.float32)
    error = float(np.mean((actual - expected) ** 2))
    psnr = 10 * np.log10(max(float(np.ptp(expected)), 1e-6) ** 2 / max(error, 1e-12))
    if psnr < LEAST_PSNR:
        raise PrecisionError(f"it is {psnr:.1f} dB from the f32 network; {LEAST_PSNR} are asked")


def _cached(module: nn.Module, key: PlanKey, make: Callable[[], ov.Model]) -> ov.Model:
    """`make`'s model, from its plan if it was made before under the same key.

    A plan that is stale or corrupt is named and made anew.
    """
    cache = PlanCache(plan_folder())
    try:
        return unpack(cache.load(key)[0])
    except MissingPlan as error:
        log.info("%s", error.reason)
    except PlanError as error:
        log.warning("%s; it is made anew", error.reason)
    started = time.perf_counter()
    plan = pack(make())
    facts = Facts(round(time.perf_counter() - started, 2), Parity("dB", LEAST_PSNR, note="not measured"))
    label = f"{type(module).__name__.lower()}-{key.network[:12]}-{key.precision}"
    try:
        with cache.building():
            cache.write(label, key, plan, facts)
    except (PlanError, OSError) as error:  # no room, or not ours to write: the network is here all the same
        reason = error.reason if isinstance(error, PlanError) else error
        log.warning("%s; the network is converted at every start", reason)
    return unpack(plan)  # what the next start reads: OpenVINO keeps what it compiles by the model's bytes


def pack(model: ov.Model) -> bytes:
    """A model as one file: its two files in an uncompressed zip archive."""
    with tempfile.TemporaryDirectory() as folder:
        ov.save_model(model, Path(folder) / "model.xml", compress_to_fp16=False)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as files:
            for name in MODEL_FILES:
                files.write(Path(folder) / name, name)
    return archive.getvalue()


def unpack(plan: bytes) -> ov.Model:
    """`pack`'s model."""
    with zipfile.ZipFile(io.BytesIO(plan)) as files:
        return ov.Core().read_model(*(files.read(name) for name in MODEL_FILES))


def _is_dynamic(examples: Sequence[Mapping[str, torch.Tensor]], calibration: Calibration | None) -> bool:
    """Whether a model must take any shape: calibration's samples have a shape of their own."""
    return len(examples) > 1 or calibration is not None


def plan_key(
    module: nn.Module,
    examples: Sequence[Mapping[str, torch.Tensor]],
    outputs: Sequence[str],
    precision: str,
    calibration: Calibration | None,
) -> PlanKey:
    """Of the plan that `compile_openvino` uses."""
    dynamic = _is_dynamic(examples, calibration)
    made_from: list[object] = [network_digest(module), list(examples[0]), list(outputs)]
    if precision == "int8" and calibration is not None:
        made_from += [calibration.key, calibration.keep_float]
    shapes = {name: tuple(tensor.shape) for name, tensor in examples[0].items()}
    return PlanKey(
        network=hashlib.sha256(repr(made_from).encode()).hexdigest(),
        backend="openvino",
        version=str(ov.__version__),
        device=str(ov.Core().get_property("CPU", "FULL_DEVICE_NAME")).strip(),
        capability="",
        driver="",
        precision=precision,
        shapes=() if dynamic else (shapes,),
    )


def _specs(ports: Sequence[ov.ConstOutput], names: Sequence[str]) -> dict[str, TensorSpec]:
    """The ports by `names`, which are in their order: OpenVINO itself may know a port by several names, and
    gives one of an operation that it optimized away."""
    return {
        name: TensorSpec(tuple(port.shape), np.dtype(port.element_type.to_dtype()).name)
        for name, port in zip(names, ports, strict=True)
    }
