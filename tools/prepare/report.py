"""The page that shows the crew what was made of their footage: one self-contained HTML file."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray

from tools.prepare import rules

WIDTH, HEIGHT = 960, 140
"""The size of a curve, pixels."""
BINS = 480
EXAMPLES = 6
COLOURS = {
    rules.NOBODY: "#9e9e9e",
    rules.HIDDEN: "#795548",
    rules.CUT_OFF: "#f57c00",
    rules.CROWDED: "#7b1fa2",
    rules.BYSTANDER: "#ba68c8",
    rules.TRANSITION: "#d32f2f",
    rules.CARD: "#00897b",
    rules.TOO_SMALL: "#5c6bc0",
    rules.SMEARED: "#0288d1",
    rules.OTHER_LIGHT: "#fbc02d",
    rules.MISSED: "#c2185b",
}
KEPT = "#43a047"
ZOOMS, GAINS = (0.7, 1.3), (0.7, 1.3)
"""The ranges of the curves of zoom and light; values beyond are drawn at the edge."""


@dataclass(frozen=True)
class Timeline:
    """One row for each frame, over all videos in order. seconds (N,). reasons (N,) str, "" for kept.
    travel_px (N,): how far the camera looks away from the middle of its scene, NaN where unknown. zoom (N,):
    how much larger things are than in the scene. gain (N,): background over plate, NaN where not measured."""

    seconds: NDArray[np.float64]
    reasons: NDArray[np.str_]
    travel_px: NDArray[np.float32]
    zoom: NDArray[np.float32]
    gain: NDArray[np.float32]


def html(
    summary: dict[str, Any],
    timeline: Timeline,
    *,
    plate: bytes,
    filled: bytes,
    outlines: bytes,
    mattes: bytes,
    thumbs: Path,
) -> str:
    """The page. summary: the content of dataset.json. plate, filled, outlines, mattes: JPEG files. thumbs:
    has a folder for each reason."""
    folder = Path(__file__).parent
    page = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
    end = float(timeline.seconds[-1])
    most_travel = max(5.0, float(np.nanmax(timeline.travel_px, initial=0.0)))
    return page.get_template("report.html.jinja").render(
        summary=summary,
        total=summary["kept"] + sum(summary["dropped"].values()),
        reasons=[
            {
                "name": reason,
                "count": number,
                "advice": rules.ADVICE[reason],
                "colour": COLOURS.get(reason, "#607d8b"),
                "examples": _examples(thumbs / reason),
            }
            for reason, number in summary["dropped"].items()
        ],
        kept_colour=KEPT,
        strips=_strips(timeline),
        travel=_curve(timeline.seconds, timeline.travel_px, (0.0, most_travel)),
        most_travel=most_travel,
        zoom=_curve(timeline.seconds, timeline.zoom, ZOOMS),
        zooms=ZOOMS,
        gain=_curve(timeline.seconds, timeline.gain, GAINS),
        gains=GAINS,
        width=WIDTH,
        height=HEIGHT,
        ticks=[(round(WIDTH * share), f"{share * end:.0f} s") for share in (0, 0.25, 0.5, 0.75, 1)],
        plate=_embedded(plate),
        filled=_embedded(filled),
        outlines=_embedded(outlines),
        mattes=_embedded(mattes),
    )


def _curve(seconds: NDArray[np.float64], values: NDArray[np.float32], span: tuple[float, float]) -> list[str]:
    """The points of a polyline for each unbroken stretch; for each bin the value farthest from the usual
    one."""
    known = ~np.isnan(values)
    if not known.any():
        return []
    values = np.where(np.isfinite(values), values, 0)
    usual = float(np.median(values[known]))
    bins = np.minimum(seconds / max(seconds[-1], 1e-9) * BINS, BINS - 1).astype(int)
    lines: list[list[str]] = [[]]
    for column in range(BINS):
        inside = values[(bins == column) & known]
        if len(inside) == 0:
            if lines[-1] and len(seconds) > BINS:
                lines.append([])
            continue
        value = float(np.clip(inside[np.argmax(np.abs(inside - usual))], *span))
        y = HEIGHT * (1 - (value - span[0]) / (span[1] - span[0]))
        lines[-1].append(f"{(column + 0.5) * WIDTH / BINS:.1f},{y:.1f}")
    return [" ".join(line) for line in lines if line]


def _strips(timeline: Timeline) -> list[tuple[float, float, str, str]]:
    """x, width, colour and reason of each stretch of frames with the same result."""
    change = np.flatnonzero(timeline.reasons[1:] != timeline.reasons[:-1]) + 1
    starts, ends = np.concatenate([[0], change]), np.concatenate([change, [len(timeline.reasons)]])
    scale = WIDTH / len(timeline.reasons)
    strips = []
    for start, end in zip(starts, ends, strict=True):
        reason = str(timeline.reasons[start])
        colour = COLOURS.get(reason, "#607d8b") if reason else KEPT
        strips.append((start * scale, (end - start) * scale, colour, reason or "kept"))
    return strips


def _examples(folder: Path) -> list[tuple[str, str]]:
    """Names and data of a few pictures in a folder, spread in time."""
    files = sorted(folder.glob("*.jpg")) if folder.is_dir() else []
    chosen = np.unique(np.linspace(0, len(files) - 1, EXAMPLES).astype(int)) if files else []
    return [(files[i].stem.lstrip("0") or "0", _embedded(files[i].read_bytes())) for i in chosen]


def _embedded(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
