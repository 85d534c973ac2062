"""Draws docs/performance.md from results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tools.benchmarking.gpu_check.record import Record
from tools.benchmarking.measuring.results import Figure, Result, Row


class Column(NamedTuple):
    """heading: in the table. digits: after the decimal point."""

    heading: str
    digits: int


COLUMNS: dict[str, Column] = {
    "ms_p50": Column("ms, median", 2),
    "ms_p95": Column("ms, p95", 1),
    "ms_p99": Column("ms, p99", 1),
    "cpu_ms_p50": Column("CPU ms, median", 2),
    "per_second": Column("pictures/s", 1),
    "times_ours": Column("time / ours", 2),
    "cpu_times_ours": Column("CPU time / ours", 2),
    "gmac": Column("GMAC", 2),
    "mbytes": Column("MB moved", 1),
    "gflops": Column("GFLOP/s", 0),
    "ceiling_share": Column("of the ceiling, %", 0),
    "least_ms": Column("least ms", 2),
    "psnr_db": Column("PSNR to f32, dB", 1),
    "off_px": Column("off, px", 2),
    "longest_ms": Column("longest, ms", 1),
    "allocations": Column("allocations", 0),
    "gbytes_s": Column("GB/s", 0),
    "steps_s": Column("steps/s", 2),
    "waiting": Column("waiting, %", 0),
    "held_out_db": Column("held-out PSNR, dB", 2),
    "kbit_s": Column("kbit/s", 0),
    "seconds": Column("s", 1),
    "again_seconds": Column("s, the next time", 1),
    "percent": Column("%", 1),
    "value": Column("value", 2),
    "samples": Column("samples", 0),
}
"""TABLE of the figures, in the order of a table's columns."""

TITLES = {
    "pose": "Pose",
    "generator": "Generator",
    "pipeline": "The whole way of a frame",
    "outputs": "Encoders",
    "reading": "Reading videos",
    "build": "Building the networks",
}
"""TABLE of parts, in the order of the page."""

ON_GPU = ("pose", "generator", "pipeline", "build")
"""Parts for which a page without a GPU's figures says so."""
CHECKED = ("pose", "generator", "pipeline")
"""Those of them whose figures on a GPU are in the section of the GPU check."""
GPU_TITLE = "On an NVIDIA GPU"

HEAD = """# Performance

Drawn by `python -m tools.benchmark` from {source}; every row names its machine, every table its
command. All rows of one table were measured in the same run, in turn, so their ratios hold even where other
work slows the machine down; "load" is how many processes wanted a core meanwhile. CPU time is that of all
threads of the process.
"""


def draw(results: Iterable[Result], source: str, gpu: Record | None = None) -> str:
    """The whole page. source: the name of the file with the results. gpu: the results of the GPU check."""
    everything = list(results)
    lines = [HEAD.format(source=f"`{source}`")]
    for part, title in TITLES.items():
        of_part = [result for result in everything if result.part == part]
        lines.append(f"## {title}\n")
        lines += [section(result) for result in of_part]
        if not of_part:
            lines.append("Not measured.\n")
        elif part in ON_GPU and not any("gpu" in result.details for result in of_part):
            where = ("NVIDIA GPUs, of any kind", "not measured")
            if gpu is not None and part in CHECKED:
                where = (gpu.machine, f"[below](#{GPU_TITLE.lower().replace(' ', '-')})")
            lines.append(f"| machine | |\n|---|---|\n| {where[0]} | {where[1]} |\n")
    lines.append(f"## {GPU_TITLE}\n")
    lines += [checked(gpu)] if gpu is not None else ["Not measured.\n"]
    return "\n".join(lines)


def checked(record: Record) -> str:
    """The results of `tools.gpu_check`, a table for each part; for a part that failed, what and why."""
    lines = [f"    {record.command}\n", f"{record.machine}, {record.started[:10]}.{_versions(record)}\n"]
    for part in record.parts:
        if not (part.rows or part.failures):
            continue
        lines.append(f"### {part.title}\n")
        if part.rows:
            lines.append(table(part.rows, record.machine) + "\n")
        lines += [f"{note}\n" for note in part.notes]
        lines += [f"Failed: {failure.what}: {failure.error}.\n" for failure in part.failures]
    return "\n".join(lines)


def _versions(record: Record) -> str:
    facts = record.facts
    names = ("driver", "cuda", "torch")
    found = [f"{name} {facts[name]}" for name in names if facts.get(name)]
    return f" {', '.join(found).capitalize()}." if found else ""


def section(result: Result) -> str:
    """One result as a table under its machine and command."""
    load = result.details.get("load_average")
    lines = [f"### {result.title}\n", f"    {result.command}\n", table(result.rows, result.machine)]
    if load is not None:
        lines.append(f"\nLoad {load}.")
    lines += [f"\n{note}" for note in result.notes]
    return "\n".join(lines) + "\n"


def table(rows: Sequence[Row], machine: str) -> str:
    """A Markdown table of the figures that any of `rows` has, each with its machine."""
    names = [name for name in COLUMNS if any(name in row.figures for row in rows)]
    lines = [
        "| | machine | " + " | ".join(COLUMNS[name].heading for name in names) + " |",
        "|---|---|" + "---:|" * len(names),
    ]
    lines += [
        f"| {row.what} | {machine} | " + " | ".join(_cell(row, name) for name in names) + " |" for row in rows
    ]
    return "\n".join(lines)


def _cell(row: Row, name: str) -> str:
    figure: Figure = row.figures.get(name)
    if figure is None:
        return "-"
    return figure if isinstance(figure, str) else f"{figure:.{COLUMNS[name].digits}f}"
