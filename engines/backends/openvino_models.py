"""OpenVINO's models of networks: converts, quantizes and judges them, and keeps them as plans."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import openvino as ov
import torch
from torch import nn

from engines.plans.cache import PATIENCE_S, Facts, MissingPlan, Parity, PlanCache, PlanError, PlanKey
from engines.plans.digest import compiled_folder, network_digest, plan_folder
from engines.runtime.engine import Calibration, EngineError, Tensors
from engines.runtime.progress import doing

log = logging.getLogger(__name__)
MODEL_FILES = ("model.xml", "model.bin")
LEAST_PSNR = 35.0
"""dB. A network of reduced precision that is farther from the f32 one than this is not used."""
JUDGED = 3
"""Calibration samples on which it is judged, spread over all of them; the worst counts."""


class PrecisionError(EngineError):
    """In a reduced precision, the network no longer computes what it computes in f32."""


def convert(
    module: nn.Module, inputs: Mapping[str, torch.Tensor], outputs: Sequence[str], *, dynamic: bool = False
) -> ov.Model:
    """Converts a torch module to an OpenVINO model with named tensors: of the inputs' shapes, or of any
    (dynamic)."""
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


def quantize(
    module: nn.Module,
    example: Mapping[str, torch.Tensor],
    outputs: Sequence[str],
    calibration: Calibration,
) -> ov.Model:
    """The module with its convolutions in INT8 and the arithmetic around them in f32, of any shape."""
    try:
        import nncf
    except ImportError as error:
        raise PrecisionError(f"NNCF cannot be imported ({error})") from error

    doing("quantizing the generator to INT8 (about half a minute, once)")
    logging.getLogger("nncf").setLevel(logging.ERROR)
    samples = [dict(sample) for sample in calibration.samples()]
    model = convert(module, example, outputs, dynamic=True)
    others = nncf.IgnoredScope(patterns=list(calibration.keep_float))
    with contextlib.redirect_stdout(io.StringIO()):  # progress bars would break up the show's status line
        quantized = nncf.quantize(
            model,
            nncf.Dataset(samples),
            # The range of values that may be negative goes from the least to the greatest. By default it
            # would reach as far below 0 as above, and half of the 256 steps might be unused.
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(samples),
            ignored_scope=others,
        )
    require_parity(module, quantized, example, samples, "f32")
    return quantized


def require_parity(
    module: nn.Module,
    model: ov.Model,
    inputs: Mapping[str, torch.Tensor],
    samples: Sequence[Tensors],
    hint: str,
) -> None:
    """Raises PrecisionError where the model's first output differs too much from eager torch's for any of a
    few `samples`: PSNR relative to the output's own range. inputs: names, in order."""
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": hint})
    worst = min(
        _psnr(module, compiled, inputs, samples[at])
        for at in {(2 * turn + 1) * len(samples) // (2 * JUDGED) for turn in range(JUDGED)}
    )
    if worst < LEAST_PSNR:
        raise PrecisionError(f"it is {worst:.1f} dB from the f32 network; {LEAST_PSNR} are asked")


def _psnr(
    module: nn.Module, compiled: ov.CompiledModel, inputs: Mapping[str, torch.Tensor], sample: Tensors
) -> float:
    with torch.inference_mode():
        expected = module(*(torch.from_numpy(sample[name]) for name in inputs))
    expected = (expected[0] if isinstance(expected, tuple) else expected).float().numpy()
    actual = compiled(dict(sample))[0].astype(np.float32)
    error = float(np.mean((actual - expected) ** 2))
    return float(10 * np.log10(max(float(np.ptp(expected)), 1e-6) ** 2 / max(error, 1e-12)))


def cached(module: nn.Module, key: PlanKey, make: Callable[[], ov.Model]) -> tuple[ov.Model, Path]:
    """The model of `make`, read from its plan if it was made before under the same key; and the folder for
    what OpenVINO compiles from it.

    A stale or corrupt plan is logged and made anew.
    """
    cache = PlanCache(plan_folder())
    label = f"{type(module).__name__.lower()}-{key.network[:12]}-{key.precision}"
    compiled = compiled_folder() / cache.path(label, key).stem
    try:
        plan, _ = cache.load(key)
        path, _ = cache.find(key)  # a build may have given it another label
        return unpack(plan), compiled_folder() / path.stem
    except MissingPlan as error:
        log.info("%s", error.reason)
    except PlanError as error:
        log.warning("%s; it is made anew", error.reason)
    shutil.rmtree(compiled, ignore_errors=True)  # compiled from a plan that no longer exists
    started = time.perf_counter()
    plan = pack(make())
    facts = Facts(round(time.perf_counter() - started, 2), Parity("dB", LEAST_PSNR, note="not measured"))
    try:
        with cache.building(PATIENCE_S):
            cache.write(label, key, plan, facts)
    except (PlanError, OSError) as error:  # no room or no permission: the network works all the same
        reason = error.reason if isinstance(error, PlanError) else error
        log.warning("%s; the network is converted at every start", reason)
    return unpack(plan), compiled  # as the next start will read it: OpenVINO's cache goes by the bytes


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
    """The model in what `pack` made."""
    with zipfile.ZipFile(io.BytesIO(plan)) as files:
        return ov.Core().read_model(*(files.read(name) for name in MODEL_FILES))


def is_dynamic(examples: Sequence[Mapping[str, torch.Tensor]], calibration: Calibration | None) -> bool:
    """Whether a model must take any shape, because calibration's samples have a shape of their own."""
    return len(examples) > 1 or calibration is not None


def plan_key(
    module: nn.Module,
    examples: Sequence[Mapping[str, torch.Tensor]],
    outputs: Sequence[str],
    precision: str,
    calibration: Calibration | None,
) -> PlanKey:
    """The key of the plan that `compile_openvino` uses."""
    dynamic = is_dynamic(examples, calibration)
    made_from: list[object] = [network_digest(module), list(examples[0]), list(outputs)]
    if precision == "int8" and calibration is not None:
        made_from += [calibration.key, calibration.keep_float, "mixed preset"]
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
