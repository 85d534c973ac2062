"""The coverage meter's state and advice, as text for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.coverage.meter import Coverage, Verdict
from tools.coverage.pose_space import AXES

TOP = 8
"""Missing poses that are named below the table."""


def text(coverage: Coverage) -> str:
    """The meter and the verdict for a terminal."""
    lines = [*table(coverage), "", *advice(coverage)]
    unusable = {reason: seconds for reason, seconds in coverage.faults.items() if seconds >= 0.5}
    if unusable:
        reasons = ", ".join(f"{seconds:.0f} s {reason}" for reason, seconds in unusable.items())
        lines.append(f"of no use: {reasons}")
    return "\n".join([*lines, str(coverage.verdict())])


def table(coverage: Coverage) -> Iterator[str]:
    """A line for each axis: full, half and empty squares, and the names of the missing bins."""
    wide = max(len(axis.name) for axis in AXES)
    many = max(len(axis.bins) for axis in AXES)
    for axis in AXES:
        shares = [coverage.progress(axis, one) for one in axis.bins]
        squares = " ".join("■" if share >= 1 else "▣" if share > 0 else "□" for share in shares)
        lacking = [one.name for one, share in zip(axis.bins, shares, strict=True) if share < 1]
        yield f"{axis.name:{wide}}  {squares:{2 * many}} {', '.join(lacking)}".rstrip()


def advice(coverage: Coverage) -> Iterator[str]:
    """What to film, the most valuable first."""
    missing = coverage.verdict().missing
    if missing:
        yield "film again:" if not coverage.verdict().enough else "could be filmed still:"
        yield from (f"  - {one.film}" for _, one in missing[:TOP])
    if len(missing) > TOP:
        yield f"  and {len(missing) - TOP} more"


def report(coverage: Coverage) -> dict[str, Any]:
    """The verdict and the meter's state as JSON."""
    verdict: Verdict = coverage.verdict()
    return {
        "enough": verdict.enough,
        "usable_minutes": round(verdict.minutes, 2),
        "share": round(verdict.share, 3),
        "lacks": list(verdict.lacks),
        "film": [
            {"axis": axis.name, "bin": one.name, "weight": one.weight, "do": one.film}
            for axis, one in verdict.missing
        ],
        **coverage.to_json(),
    }
