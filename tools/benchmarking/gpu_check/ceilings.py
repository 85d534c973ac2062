"""Part: the limits of this machine: arithmetic, memory, transfers to the device and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from engines.backends.cuda import place
from engines.runtime.streams import Graphs, Stream, pinned
from tools.benchmarking.gpu_check.clock import Launch, pace, repeat
from tools.benchmarking.gpu_check.record import Notebook, Record
from tools.benchmarking.gpu_check.setting import Setting
from tools.benchmarking.measuring.results import ResultsError
from tools.benchmarking.measuring.roofline import Ceiling, probe, probe_flops

AT_ONCE = 10
"""Products or copies that are queued together, so that their launches do not count."""
PRODUCT, COPY = "matrix product, {}", "copy on the device"
KINDS = {"fp16": torch.float16, "f32": torch.float32}


def check(setting: Setting, notebook: Notebook) -> None:
    """Rows of GFLOP/s and GB/s. A copy on the device counts both its reads and its writes."""
    device = setting.prepare()
    stream, how = Stream(device), pace(setting.quick)._replace(least=setting.some(10, 2))

    def milliseconds(work: Callable[[], Any]) -> float:
        launch, times = Launch(stream, work), setting.some(AT_ONCE, 1)
        return float(np.median(repeat(lambda: launch(times), how))) / times

    for precision, dtype in KINDS.items():
        side = setting.some(8192 if precision == "fp16" else 4096, 128)
        with notebook.attempt(PRODUCT.format(precision)):
            one, other = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
            ms = milliseconds(partial(torch.mm, one, other, out=torch.empty_like(one)))
            name = f"{PRODUCT.format(precision)}, {side}x{side}x{side}"
            notebook.row(name, ms_p50=round(ms, 4), gflops=round(2 * side**3 / ms / 1e6, 1))
            del one, other
    with notebook.attempt("large convolutions"):
        module, inputs = probe()
        net = place(module, "fp16", device)
        given = [value.to(device) for value in inputs.values()]
        ms = milliseconds(Graphs(stream).capture(lambda: net(*given)))
        notebook.row(
            "large convolutions, fp16", ms_p50=round(ms, 4), gflops=round(probe_flops() / ms / 1e6, 1)
        )
    size = setting.some(1 << 30, 1 << 20)
    with notebook.attempt(COPY):
        source = torch.randint(0, 255, (size,), dtype=torch.uint8, device=device)
        ms = milliseconds(partial(torch.empty_like(source).copy_, source))
        notebook.row(f"{COPY}, {size >> 20} MiB", ms_p50=round(ms, 4), gbytes_s=round(2 * size / ms / 1e6, 1))
    size //= 16
    for name in ("host to device", "device to host"):
        with notebook.attempt(name):
            ends = [pinned((size,), torch.uint8, device), torch.zeros(size, dtype=torch.uint8, device=device)]
            source, target = ends if name == "host to device" else ends[::-1]
            ms = milliseconds(partial(target.copy_, source, non_blocking=True))
            notebook.row(f"{name}, {size >> 10} KiB", ms_p50=round(ms, 4), gbytes_s=round(size / ms / 1e6, 1))


def measured(setting: Setting) -> dict[str, Ceiling]:
    """The ceilings by precision, from the part that ran before; empty where it did not run, or found
    nothing."""
    try:
        parts = Record.read(setting.so_far).parts
    except ResultsError:
        return {}
    rows = {row.what: row.figures for part in parts if part.name == "ceilings" for row in part.rows}

    def found(start: str, figure: str) -> float | None:
        values = [each.get(figure) for what, each in rows.items() if what.startswith(start)]
        return float(values[0]) if values and values[0] else None

    bandwidth = found(COPY, "gbytes_s")
    rates = {precision: found(PRODUCT.format(precision), "gflops") for precision in KINDS}
    return {
        precision: Ceiling(1e9 * rate, 1e9 * bandwidth)
        for precision, rate in rates.items()
        if rate and bandwidth
    }
