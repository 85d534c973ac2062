"""Draws a soak: memory, file handles and latency over time, with the faults."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tools.reliability.budget import names_of
from tools.reliability.sampling import Sample

INCHES, DPI = (11.0, 9.0), 90
FAULT = "#c8543f"


def write_picture(samples: Sequence[Sample], path: Path, title: str) -> None:
    """path: a PNG. Raises OSError where it cannot be written."""
    figure = Figure(INCHES, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    memory, handles, latency = figure.subplots(3, 1, sharex=True)
    start_s = samples[0].at_s
    minutes = [(sample.at_s - start_s) / 60 for sample in samples]
    for name in names_of(samples):
        held = [sample.processes.get(name) for sample in samples]
        memory.plot(minutes, [None if each is None else each.memory_mb for each in held], label=name)
        handles.plot(minutes, [None if each is None else each.handles for each in held], label=name)
    latency.plot(minutes, [sample.stats.get("latency_ms") for sample in samples], color="#444444")
    for axes, label in ((memory, "own memory, MiB"), (handles, "file handles"), (latency, "latency, ms")):
        _finish(axes, label, minutes, samples)
    memory.legend(fontsize="small", ncols=3)
    latency.set_xlabel("minutes")
    figure.savefig(path)


def _finish(axes: Axes, label: str, minutes: Sequence[float], samples: Sequence[Sample]) -> None:
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    for n, sample in enumerate(samples):
        if sample.fault:
            axes.axvspan(minutes[max(0, n - 1)], minutes[n], color=FAULT, alpha=0.15, linewidth=0)
