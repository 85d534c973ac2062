"""Part: our generator beside its peers, in turn, in the same run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format

from engines.backends.choice import compile_module
from engines.runtime.device_engine import DeviceEngine
from engines.runtime.streams import Graphs, Stream
from tools.benchmarking.gpu_check.clock import Launch
from tools.benchmarking.gpu_check.record import Notebook
from tools.benchmarking.gpu_check.setting import Setting, size_text
from tools.benchmarking.measuring.roofline import Work
from tools.benchmarking.measuring.subjects import PAPER_NGF, of_variant, peer_work
from tools.benchmarking.measuring.timing import Turn, repeated, side_by_side
from tools.benchmarking.quality.pix2pixhd import GlobalGenerator

PEER = "pix2pixHD global, ngf {}, {}"
OURS = "CUDA graph"


def check(setting: Setting, notebook: Notebook) -> None:
    """Ours as a graph and eager; pix2pixHD's global generator eager, as published, and as a graph. All run in
    half precision, channels last, with cuDNN's fastest kernels."""
    device = setting.prepare()
    case = setting.cases["720p"]
    size = (case.camera[0] // 16 * 16, case.camera[1] // 16 * 16)
    ngf = setting.some(PAPER_NGF, 4)
    turns: dict[str, tuple[Launch, Work]] = {}
    assert case.variant is not None  # noqa: S101  # the bundled player is no 720p
    subject = of_variant(case.variant, case.size)
    stream = Stream(device)

    def add(name: str, work: Callable[[], Any], amount: Work, keep: object) -> None:
        for kind, run in ((OURS, Graphs(stream).capture(work)), ("eager", work)):
            turns[f"{name}, fp16, {kind}"] = Launch(stream, run, keep=keep), amount

    with notebook.attempt("ours"):
        engine = compile_module(
            subject.net, subject.tensors, subject.net.OUTPUTS, backend="cuda", precision="fp16"
        )
        assert isinstance(engine, DeviceEngine)  # noqa: S101  # the backend's are
        for name, value in subject.tensors.items():
            engine.input_tensors[name].copy_(value)
        add(f"ours, {case.label}", engine.enqueue, subject.work("fp16"), engine)
    with notebook.attempt("pix2pixHD"):
        net = _halved(GlobalGenerator(ngf), device)
        figure = torch.rand(1, 3, size[1], size[0], device=device).half()
        name = PEER.format(ngf, size_text(size))
        add(name, lambda: net(figure), peer_work(ngf, size, "fp16"), (net, figure))
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
        runs = [Turn(name, launch) for name, (launch, _) in turns.items()]
        rounds = setting.some(60, 2)
        times = side_by_side(repeated(runs, rounds), total=rounds, warm_up=setting.some(10, 1))
    first = next(iter(times.values()), None)
    for name, each in times.items():
        found, work = each.figures(), turns[name][1]
        notebook.row(
            name,
            **found,
            times_ours=round(found["ms_p50"] / first.figures()["ms_p50"], 2) if first is not None else None,
            gmac=round(work.macs / 1e9, 2),
            gflops=round(work.flops / found["ms_p50"] / 1e6, 1),
        )


def _halved(module: nn.Module, device: torch.device) -> nn.Module:
    halved = module.eval().requires_grad_(False).to(device).half()
    return convert_conv2d_weight_memory_format(halved, torch.channels_last)
