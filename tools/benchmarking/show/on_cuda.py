"""Runs the generator on an NVIDIA GPU with torch alone: half precision, eager and as a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format

from engines.backends.cuda import compile_cuda
from engines.painting.compositing_torch import TorchCompositor
from tools.benchmarking.measuring.roofline import Work, probe
from tools.benchmarking.measuring.subjects import PAPER_NGF, Contestant, Subject, peer_work, psnr
from tools.benchmarking.quality.pix2pixhd import GlobalGenerator, nearest_ngf

WARM_UP_PASSES = 3
"""Passes before a capture, on a stream of its own, in which cuDNN chooses its kernels (torch.cuda.graph)."""


def contestants(subject: Subject) -> list[Contestant]:
    """Ours first, then pix2pixHD of equal arithmetic and as in its paper; each as a CUDA graph and eager.

    The pictures stay on the GPU. Raises EngineError.
    """
    work = subject.work("fp16")
    (engine,) = compile_cuda(subject.net, [subject.tensors], subject.net.OUTPUTS, "fp16")
    for name, value in subject.tensors.items():
        engine.input_tensors[name].copy_(value)
    compositor, doll = TorchCompositor(subject.net.generator), _doll(subject)

    def run_ours() -> None:
        engine.enqueue()
        compositor.paint(doll, *(engine.output_tensors[name] for name in subject.net.OUTPUTS))

    found = _both("ours", run_ours, work)
    found[0].run()
    outputs = {name: value.cpu().numpy() for name, value in engine.output_tensors.items()}
    distance = psnr(subject.finisher()(outputs), subject.eager_picture())
    found = [replace(each, psnr_db=distance) for each in found]
    figure = torch.rand(1, 3, subject.size[1], subject.size[0], device="cuda", dtype=torch.float16)
    for ngf in (nearest_ngf(work.macs, subject.size), PAPER_NGF):
        run = partial(_pass, _halved(GlobalGenerator(ngf)), [figure])
        found += _both(f"pix2pixHD global, ngf {ngf}", run, peer_work(ngf, subject.size, "fp16"))
    return found


def _doll(subject: Subject) -> Tensor:
    """The doll (1, 4, h, w) on the GPU."""
    return torch.from_numpy(subject.doll).cuda().permute(2, 0, 1)[None] / 255


def probes() -> dict[tuple[str, str], Callable[[], Any]]:
    """The function that measures the ceiling of fp16."""
    module, inputs = probe()
    halves = [value.cuda().half() for value in inputs.values()]
    return {("torch", "fp16"): captured(partial(_pass, _halved(module), halves))}


def eager(work: Callable[[], Any]) -> Callable[[], None]:
    """A function that queues the work on the current stream and returns once the GPU is done."""

    def run() -> None:
        work()
        torch.cuda.synchronize()

    return run


def captured(work: Callable[[], Any]) -> Callable[[], None]:
    """The same as a graph, without launching each kernel from Python."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP_PASSES):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return eager(graph.replay)


def _both(name: str, run: Callable[[], Any], work: Work) -> list[Contestant]:
    return [
        Contestant(f"{name}, torch fp16 {kind}", made, work, "fp16", "torch")
        for kind, made in (("CUDA graph", captured(run)), ("eager", eager(run)))
    ]


def _halved(module: nn.Module) -> nn.Module:
    return convert_conv2d_weight_memory_format(module.eval().cuda().half(), torch.channels_last)


@torch.inference_mode()
def _pass(module: nn.Module, inputs: Sequence[Tensor]) -> Any:
    return module(*inputs)
