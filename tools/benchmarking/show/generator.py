"""Measures the generator in one run: ours by each backend and precision, its peers, and the hardware's limit.

The peer is pix2pixHD's global generator (`tools.benchmarking.quality.pix2pixhd`), with as many
multiplications as ours, and as in its paper (ngf 64): eager, as published, and for fairness also compiled
like ours.

Rates on a CPU are by CPU time on one core, which other processes on the machine do not affect.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tools.benchmarking.measuring.results import Figure, Row
from tools.benchmarking.measuring.roofline import COPY_BYTES, Ceiling, copier, probe_flops
from tools.benchmarking.measuring.subjects import Contestant, Subject
from tools.benchmarking.measuring.timing import Turn, repeated, side_by_side
from tools.benchmarking.show import on_cpu, on_cuda

SLOW_EVERY = 20
"""The paper's own peer, with thirty times our arithmetic, takes part only in every n-th round."""
COPY = "copy"


def measure(subject: Subject, device: str, precisions: list[str], rounds: int, threads: int) -> list[Row]:
    """Times of everything that runs on `device` ("cpu" or "cuda"), side by side, and the ceilings.

    precisions: of our own engines on a CPU. Raises EngineError where ours cannot be compiled; a peer whose
    library is missing is left out.
    """
    torch.set_num_threads(threads)
    if device == "cuda":
        contestants, probes = on_cuda.contestants(subject), on_cuda.probes()
    else:
        contestants = on_cpu.contestants(subject, precisions, threads)
        probes = on_cpu.probes({(each.library, each.precision) for each in contestants}, threads)
    figures = _figures(contestants, probes, device, rounds)
    clock = "cpu_ms_p50" if device == "cpu" else "ms_p50"

    def seconds(name: str) -> float:
        return figures[name][clock] / 1000

    bandwidth = 2 * COPY_BYTES / seconds(COPY)
    limits = {kind: Ceiling(probe_flops() / seconds(_name(kind)), bandwidth) for kind in probes}
    ours = figures[contestants[0].name]
    rows = []
    for each in contestants:
        reached = _reached(each, seconds(each.name), limits.get((each.library, each.precision)))
        rows.append(Row(each.name, {**_against(figures[each.name], ours), **reached}))
    for kind, limit in limits.items():
        rows.append(Row(f"ceiling: {_name(kind)}", {**_times(figures[_name(kind)]), **_rate(limit)}))
    copied = {"mbytes": 2 * COPY_BYTES / 1e6}
    return [*rows, Row(f"ceiling: copying {COPY_BYTES >> 20} MiB", {**_times(figures[COPY]), **copied})]


def _figures(
    contestants: list[Contestant],
    probes: dict[tuple[str, str], Callable[[], Any]],
    device: str,
    rounds: int,
) -> dict[str, dict[str, float]]:
    turns = [
        *(Turn(each.name, each.run) for each in contestants if not each.slow),
        *(Turn(_name(kind), run) for kind, run in probes.items()),
        Turn(COPY, copier(device)),
    ]
    slow = [Turn(each.name, each.run) for each in contestants if each.slow]
    times = side_by_side(repeated(turns, rounds, slow=slow, every=SLOW_EVERY), total=rounds)
    return {name: each.figures() for name, each in times.items()}


def _times(figures: dict[str, float]) -> dict[str, Figure]:
    return {name: figures[name] for name in ("ms_p50", "cpu_ms_p50", "samples")}


def _against(figures: dict[str, float], ours: dict[str, float]) -> dict[str, Figure]:
    return {
        **figures,
        "times_ours": round(figures["ms_p50"] / ours["ms_p50"], 3),
        "cpu_times_ours": round(figures["cpu_ms_p50"] / ours["cpu_ms_p50"], 3),
    }


def _rate(limit: Ceiling) -> dict[str, Figure]:
    return {"gflops": round(limit.flops / 1e9, 1), "ceiling_share": 100.0}


def _reached(each: Contestant, seconds: float, limit: Ceiling | None) -> dict[str, Figure]:
    """The work of a pass, and the share of the limit that it reached."""
    rate = each.work.flops / seconds
    figures: dict[str, Figure] = {
        "gmac": round(each.work.macs / 1e9, 3),
        "mbytes": round(each.work.traffic / 1e6, 1),
        "gflops": round(rate / 1e9, 1),
    }
    if limit is not None:
        figures["ceiling_share"] = round(100 * rate / limit.flops, 1)
        figures["least_ms"] = round(limit.least_ms(each.work), 3)
    if each.psnr_db is not None:
        figures["psnr_db"] = round(each.psnr_db, 1)
    return figures


def _name(kind: tuple[str, str]) -> str:
    return f"large convolutions, {kind[0]} {kind[1]}"
