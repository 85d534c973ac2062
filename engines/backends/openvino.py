"""OpenVINO: the default backend on a machine without an NVIDIA GPU."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import openvino as ov
import torch
from torch import nn

from engines.backends.openvino_models import (
    PrecisionError,
    cached,
    convert,
    is_dynamic,
    plan_key,
    quantize,
    require_parity,
)
from engines.plans.cache import PlanCache, PlanError, PlanKey
from engines.plans.digest import compiled_folder, plan_folder
from engines.plans.limit import keep_within_limit
from engines.plans.machine import show_threads
from engines.plans.precision import Choice, load_choice, measure, save_choice, thread_counts
from engines.runtime.engine import Calibration, Engine, EngineError, Tensors, TensorSpec
from engines.runtime.progress import doing, found

log = logging.getLogger(__name__)
FAST_MS = 5.0
"""A network that runs in at most this time is not quantized: a camera's frame lasts at least 16 ms, and the
work around such a network costs more than the network."""


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bfloat16 natively (AVX-512 BF16, AMX)."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVinoEngine(Engine):
    """A model compiled for the CPU.

    precision "f32" or "bf16" is the arithmetic hint (OpenVINO's own default is bf16 where the CPU
    has it, which moves landmarks by pixels); "int8" expects a model that is already quantized.
    """

    backend = "openvino"

    def __init__(
        self,
        model: ov.Model,
        inputs: Sequence[str],
        outputs: Sequence[str],
        precision: str,
        threads: int,
        folder: Path | None,
    ) -> None:
        """folder: where compiled models are kept and read; None: nowhere."""
        self.precision = precision
        config = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,
        }
        if folder is not None:
            config["CACHE_DIR"] = str(folder)
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
        self._request.infer(share_outputs=True)  # else OpenVINO copies all outputs for nothing

    def _bind(self, name: str, array: np.ndarray) -> None:  # type: ignore[type-arg]
        """Gives OpenVINO the caller's own memory, once for each array."""
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
    """One engine for each of `examples`, which differ only in shape; see `compile_module`.

    With precision "auto", precision and threads (at most `threads`) are the fastest ones measured on this
    machine. Without `calibration`, which is needed to judge the other precisions, it is f32.
    """
    if precision == "auto" and calibration is not None:
        choice = choose(module, examples, outputs, threads, calibration)
        try:
            return _compiled(
                module, examples, outputs, choice.best.precision, choice.best.threads, calibration
            )
        except PrecisionError as error:  # its plan was removed, and a new one turned out differently
            log.warning("%s skipped: %s", choice.best.precision, error)
    precision = "f32" if precision == "auto" else precision
    if precision == "bf16" and calibration is not None:
        model, _ = _model(module, examples, outputs, precision, calibration)
        require_parity(module, model, examples[0], [*calibration.samples()], precision)
    return _compiled(module, examples, outputs, precision, threads, calibration)


def choose(
    module: nn.Module,
    examples: Sequence[Mapping[str, torch.Tensor]],
    outputs: Sequence[str],
    threads: int,
    calibration: Calibration,
) -> Choice:
    """Which precision and how many threads run `module` fastest here, measured on the middle one of
    `examples`, which are ordered by size. Measured once, and kept beside the plans."""
    plans, able = PlanCache(plan_folder()), _able()
    key = _choice_key(module, examples, outputs, threads, calibration, able)
    choice = load_choice(key, plans)
    if choice is not None:
        return choice
    doing("choosing the precision of the generator (about a minute, once)")
    choice = _choose(module, examples, outputs, threads, calibration, able)
    found(f"precision of the generator: {choice}")
    try:
        save_choice(key, plans, choice)
    except (PlanError, OSError) as error:
        log.warning("%s; the precision is chosen at every start", error)
    return choice


def is_compiled(
    module: nn.Module,
    examples: Sequence[Mapping[str, torch.Tensor]],
    outputs: Sequence[str],
    threads: int,
    calibration: Calibration,
) -> bool:
    """Whether all that "auto" makes of `module` is on disk, judging without reading it. These files then
    count as in use, and are not removed."""
    plans = PlanCache(plan_folder())
    choice = load_choice(_choice_key(module, examples, outputs, threads, calibration, _able()), plans)
    if choice is None:
        return False
    try:
        path, _ = plans.find(plan_key(module, examples, outputs, choice.best.precision, calibration))
    except PlanError:
        return False
    plans.use(path)
    return len([*(compiled_folder() / path.stem).glob("*.blob")]) >= len(examples)


def _able() -> tuple[str, ...]:
    """The reduced precisions that this machine supports."""
    return tuple(name for name, can in (("bf16", cpu_has_bf16()), ("int8", _can_quantize())) if can)


def _choice_key(
    module: nn.Module,
    examples: Sequence[Mapping[str, torch.Tensor]],
    outputs: Sequence[str],
    threads: int,
    calibration: Calibration,
    able: Sequence[str],
) -> PlanKey:
    return replace(
        plan_key(module, examples, outputs, "int8", calibration),  # all that any precision depends on
        precision=f"auto: f32 {' '.join(able)}, threads to {threads} of {os.cpu_count()}",
    )


def _choose(
    module: nn.Module,
    examples: Sequence[Mapping[str, torch.Tensor]],
    outputs: Sequence[str],
    threads: int,
    calibration: Calibration,
    able: Sequence[str],
) -> Choice:
    draw = calibration.samples
    samples = cache(lambda: [dict(sample) for sample in draw()])  # drawing them takes seconds
    calibration = calibration._replace(samples=samples)
    example = examples[len(examples) // 2]
    runs: dict[tuple[str, int], Callable[[], object]] = {}
    skipped: dict[str, str] = {}

    def add(precision: str) -> None:
        """Adds a candidate. Raises PrecisionError."""
        model, _ = _model(module, examples, outputs, precision, calibration)
        if precision == "bf16":
            require_parity(module, model, example, samples(), precision)
        for count in thread_counts(threads):
            runs[precision, count] = _run(_shaped(model, example), example, outputs, precision, count)

    add("f32")
    for precision in able:
        fastest = min(each.ms for each in measure(runs)) if precision == "int8" else None
        if fastest is not None and fastest <= FAST_MS:
            skipped[precision] = f"{fastest:.1f} ms are fast enough"
            continue
        try:
            add(precision)
        except PrecisionError as error:
            skipped[precision] = str(error)
    return Choice(calibration.picture(example), measure(runs), skipped)


def _run(
    model: ov.Model, example: Mapping[str, torch.Tensor], outputs: Sequence[str], precision: str, threads: int
) -> Callable[[], object]:
    """A function that runs a model on an example. Its compiled form is not kept."""
    engine = OpenVinoEngine(model, list(example), outputs, precision, threads, None)
    inputs, results = engine.buffers()
    for name, array in inputs.items():
        array[...] = example[name].numpy()
    return lambda: engine.run(inputs, results)


def _compiled(
    module: nn.Module,
    examples: Sequence[Mapping[str, torch.Tensor]],
    outputs: Sequence[str],
    precision: str,
    threads: int,
    calibration: Calibration | None,
) -> list[OpenVinoEngine]:
    """The engines in one precision. Raises PrecisionError if that turns out to be too inexact."""
    model, folder = _model(module, examples, outputs, precision, calibration)
    if calibration is not None and not any(folder.glob("*.blob")):
        doing("compiling the generator (some seconds, once)")
    shaped = [_shaped(model, each) if is_dynamic(examples, calibration) else model for each in examples]
    with ThreadPoolExecutor(show_threads()) as pool:
        engines = list(
            pool.map(
                lambda each: OpenVinoEngine(each, list(examples[0]), outputs, precision, threads, folder),
                shaped,
            )
        )
    keep_within_limit()
    return engines


def _model(
    module: nn.Module,
    examples: Sequence[Mapping[str, torch.Tensor]],
    outputs: Sequence[str],
    precision: str,
    calibration: Calibration | None,
) -> tuple[ov.Model, Path]:
    """The model and its folder, see `cached`. Raises PrecisionError."""
    key = plan_key(module, examples, outputs, precision, calibration)
    if precision != "int8":
        dynamic = is_dynamic(examples, calibration)
        return cached(module, key, lambda: convert(module, examples[0], outputs, dynamic=dynamic))
    if calibration is None:
        raise EngineError("INT8 needs inputs to calibrate with: choose f32 or bf16")
    return cached(module, key, lambda: quantize(module, examples[-1], outputs, calibration))


def _shaped(model: ov.Model, example: Mapping[str, torch.Tensor]) -> ov.Model:
    shaped = model.clone()
    shaped.reshape({name: list(tensor.shape) for name, tensor in example.items()})
    return shaped


def _can_quantize() -> bool:
    """Whether NNCF is installed. It is not imported: that takes a second, for which only quantizing should
    wait."""
    return importlib.util.find_spec("nncf") is not None


def _specs(ports: Sequence[ov.ConstOutput], names: Sequence[str]) -> dict[str, TensorSpec]:
    """The specs of `ports` under our `names`, in the same order: OpenVINO may know a port by several names,
    also by one of an operation that it optimized away."""
    return {
        name: TensorSpec(tuple(port.shape), np.dtype(port.element_type.to_dtype()).name)
        for name, port in zip(names, ports, strict=True)
    }
