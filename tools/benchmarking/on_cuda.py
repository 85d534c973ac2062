"""What runs the generator on an NVIDIA GPU with torch alone: half precision, eager and as a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format

from tools.baselines.pix2pixhd import GlobalGenerator, nearest_ngf
from tools.benchmarking.roofline import probe
from tools.benchmarking.subjects import PAPER_NGF, Contestant, Subject, peer_work, psnr

WARM_UP_PASSES = 3
"""Before a capture, on a stream of its own: cuDNN chooses its kernels then (torch.cuda.graph)."""


def contestants(subject: Subject) -> list[Contestant]:
    """Ours first, then pix2pixHD of equal arithmetic and as in its paper; each as a CUDA graph and eager."""
    reference = subject.eager_picture()
    work = subject.work("fp16")
    nets: list[tuple[str, nn.Module, list[Tensor], Any]] = [
        ("ours", subject.net, [value.cuda() for value in subject.tensors.values()], work)
    ]
    for ngf in (nearest_ngf(work.macs, subject.size), PAPER_NGF):
        figure = torch.rand(1, 3, subject.size[1], subject.size[0], device="cuda")
        name = f"pix2pixHD global, ngf {ngf}"
        nets.append((name, GlobalGenerator(ngf), [figure], peer_work(ngf, subject.size, "fp16")))
    found = []
    for name, net, inputs, its_work in nets:
        placed = convert_conv2d_weight_memory_format(net.eval().cuda(), torch.channels_last)
        for kind, run in (("CUDA graph", captured(placed, inputs)), ("eager", eager(placed, inputs))):
            distance = psnr(run()[0].cpu().numpy(), reference) if name == "ours" else None
            full_name = f"{name}, torch fp16 {kind}"
            found.append(Contestant(full_name, run, its_work, "fp16", "torch", distance))
    return found


def probes() -> dict[tuple[str, str], Callable[[], Any]]:
    """What measures the ceiling of fp16."""
    module, inputs = probe()
    placed = convert_conv2d_weight_memory_format(module.cuda(), torch.channels_last)
    return {("torch", "fp16"): captured(placed, [value.cuda() for value in inputs.values()])}


def eager(module: nn.Module, inputs: Sequence[Tensor]) -> Callable[[], Any]:
    """Runs the module; returns once the GPU is done."""

    def run() -> Any:
        result = _pass(module, inputs)
        torch.cuda.synchronize()
        return result

    return run


def captured(module: nn.Module, inputs: Sequence[Tensor]) -> Callable[[], Any]:
    """The same without launching each kernel from Python."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP_PASSES):
            _pass(module, inputs)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = _pass(module, inputs)

    def run() -> Any:
        graph.replay()
        torch.cuda.synchronize()
        return result

    return run


def _pass(module: nn.Module, inputs: Sequence[Tensor]) -> Any:
    with torch.inference_mode(), torch.autocast("cuda", torch.float16):
        return module(*inputs)
