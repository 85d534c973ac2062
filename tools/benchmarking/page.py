"""docs/performance.md, drawn from results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tools.benchmarking.results import Figure, Result, Row


class Column(NamedTuple):
    """heading: of the table; digits: after the point."""

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
    "kbit_s": Column("kbit/s", 0),
    "seconds": Column("s", 1),
    "again_seconds": Column("s, the next time", 1),
    "percent": Column("%", 1),
    "value": Column("value", 2),
    "samples": Column("samples", 0),
}
"""TABLE of figures, in the order in which a table shows them."""

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
"""Parts that a page without a GPU's figures says so of."""

HEAD = """# Performance

Drawn by `python -m tools.benchmark` from {source}; every row names its machine, every table its
command. All rows of one table were measured in the same run, in turn, so their ratios hold even where other
work slows the machine down; "load" is how many processes wanted a core meanwhile. CPU time is that of all
threads of the process.
"""


def draw(results: Iterable[Result], source: str) -> str:
    """The whole page. source: the name of the file that the results are in."""
    everything = list(results)
    lines = [HEAD.format(source=f"`{source}`")]
    for part, title in TITLES.items():
        of_part = [result for result in everything if result.part == part]
        lines.append(f"## {title}\n")
        lines += [section(result) for result in of_part]
        if not of_part:
            lines.append("Not measured.\n")
        elif part in ON_GPU and not any("gpu" in result.details for result in of_part):
            lines.append("| machine | |\n|---|---|\n| NVIDIA GPUs, of any kind | not measured |\n")
    return "\n".join(lines)


def section(result: Result) -> str:
    """One result as a table under its machine and command."""
    load = result.details.get("load_average")
    lines = [f"### {result.title}\n", f"    {result.command}\n", table(result.rows, result.machine)]
    if load is not None:
        lines.append(f"\nLoad {load}.")
    lines += [f"\n{note}" for note in result.notes]
    return "\n".join(lines) + "\n"


def table(rows: Sequence[Row], machine: str) -> str:
    """A Markdown table of the figures that any of `rows` has, each with the machine they come from."""
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
