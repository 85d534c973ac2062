"""Runs the generator on a CPU: our engines, onnxruntime, and pix2pixHD."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.backends.choice import choose_backend, compile_module
from engines.runtime.engine import Calibration, Engine
from tools.benchmarking.measuring.roofline import probe
from tools.benchmarking.measuring.subjects import PAPER_NGF, Contestant, Subject, peer_work, psnr
from tools.benchmarking.quality.pix2pixhd import GlobalGenerator, nearest_ngf

log = logging.getLogger(__name__)
OPSET = 18


def contestants(subject: Subject, precisions: list[str], threads: int) -> list[Contestant]:
    """Ours in each of `precisions`, then the others; the first one is the reference of the rest.

    Raises EngineError.
    """
    found = [*_ours(subject, precisions, threads), *_onnxruntime(subject, threads)]
    figure = {"figure": torch.rand(1, 3, subject.size[1], subject.size[0])}
    equal = nearest_ngf(subject.work("f32").macs, subject.size)
    for ngf in (equal, PAPER_NGF):
        work = peer_work(ngf, subject.size, "f32")
        run = eager(GlobalGenerator(ngf).eval(), figure)
        name = f"pix2pixHD global, ngf {ngf}, torch f32 eager"
        found.append(Contestant(name, run, work, "f32", "torch", slow=ngf == PAPER_NGF))
    if choose_backend() != "torch":
        for precision in precisions:
            if precision == "int8":
                continue  # no poses to calibrate with
            engine = compile_module(
                GlobalGenerator(equal), figure, ["picture"], precision=precision, threads=threads
            )
            name = f"pix2pixHD global, ngf {equal}, {engine.backend} {engine.precision}"
            work = peer_work(equal, subject.size, engine.precision)
            found.append(Contestant(name, _filled(engine, figure)[0], work, engine.precision, engine.backend))
    return found


def probes(kinds: set[tuple[str, str]], threads: int) -> dict[tuple[str, str], Callable[[], Any]]:
    """For each (library, precision) of `kinds` that can be measured, the function that measures its
    ceiling."""
    module, inputs = probe()
    found: dict[tuple[str, str], Callable[[], Any]] = {}
    for library, precision in sorted(kinds):
        if library == "torch":
            found[library, precision] = eager(module, inputs)
        elif library == "openvino":
            calibration = Calibration(
                "probe", lambda: [{name: each.numpy() for name, each in inputs.items()}]
            )
            engine = compile_module(
                module, inputs, ["features"], backend=library, precision=precision, threads=threads,
                calibration=calibration if precision == "int8" else None,
            )  # fmt: skip
            found[library, precision] = _filled(engine, inputs)[0]
    return found


def eager(module: nn.Module, inputs: Mapping[str, Tensor]) -> Callable[[], Any]:
    """A function that runs the module as it is."""

    @torch.inference_mode()
    def run() -> Any:
        return module(*inputs.values())

    return run


def _ours(subject: Subject, precisions: list[str], threads: int) -> list[Contestant]:
    reference = subject.eager_picture()
    kinds = [("auto", precision) for precision in precisions]
    if choose_backend() != "torch":
        kinds.append(("torch", "f32"))
    found = []
    for backend, precision in kinds:
        engine = compile_module(
            subject.net, subject.tensors, subject.net.OUTPUTS, backend=backend, precision=precision,
            threads=threads, calibration=subject.calibration,
        )  # fmt: skip
        net, outputs = _filled(engine, subject.tensors)
        run = partial(_finished, net, subject.finisher(), outputs)
        picture = run()
        found.append(
            Contestant(
                f"ours, {engine.backend} {engine.precision}",
                run,
                subject.work(engine.precision),
                engine.precision,
                engine.backend,
                psnr(picture, reference) if engine.backend != "torch" else None,
            )
        )
    return found


def _finished(
    net: Callable[[], None], finish: Callable[[Mapping[str, Any]], NDArray[np.uint8]], outputs: dict[str, Any]
) -> NDArray[np.uint8]:
    """Runs the net and finishes the picture."""
    net()
    return finish(outputs)


def _filled(engine: Engine, tensors: Mapping[str, Tensor]) -> tuple[Callable[[], None], dict[str, Any]]:
    """A function that runs the engine on `tensors`; and its outputs."""
    inputs, outputs = engine.buffers()
    for name, value in inputs.items():
        value[:] = tensors[name].numpy()
    return partial(engine.run, inputs, outputs), outputs


def _onnxruntime(subject: Subject, threads: int) -> list[Contestant]:
    """Our network in onnxruntime, f32; nothing where it is not installed."""
    try:
        import onnx  # noqa: F401  # the export needs it
        import onnxruntime
    except ImportError as error:
        log.warning("onnxruntime is left out: %s", error)
        return []
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # about sizes that become constants, as they should
        path = Path(folder) / "generator.onnx"
        torch.onnx.export(
            subject.net.eval(), tuple(subject.tensors.values()), path, input_names=list(subject.inputs),
            output_names=list(subject.net.OUTPUTS), opset_version=OPSET, dynamo=False,
        )  # fmt: skip
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    finish = subject.finisher()

    def run() -> NDArray[np.uint8]:
        return finish(dict(zip(subject.net.OUTPUTS, session.run(None, dict(subject.inputs)), strict=True)))

    distance = psnr(run(), subject.eager_picture())
    return [Contestant("ours, onnxruntime f32", run, subject.work("f32"), "f32", "onnxruntime", distance)]
