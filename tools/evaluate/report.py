"""Writes a report as a folder for a browser: numbers, curves over time, and frames."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader
from matplotlib.figure import Figure

from tools.evaluate.gallery import Gallery, Shot
from tools.evaluate.rows import PARTS, headline, less, values, verdict
from tools.scores.pictures import Picture

TEMPLATE = "report.html"
CURVES = {
    "psnr_db": "PSNR of the person, dB",
    "lpips": "LPIPS of the person",
    "warp_error": "warp error, levels",
}
"""TABLE of the curves over the frames: name in the report's series → title."""
FACE_PX = 192

Galleries = Mapping[str, Gallery]


def write_report(
    folder: Path, report: Mapping[str, Any], ours: Galleries, theirs: Galleries | None = None
) -> Path:
    """Writes `folder`/index.html with its pictures, and report.json; returns the page.

    report: as `tools.evaluate` makes it. ours, theirs: the pictures for each part of it, of the player and of
    the player to compare with. Raises OSError.
    """
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(
        json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8"
    )
    other = report.get("compared_with")
    _curves(report, other).savefig(folder / "curves.svg", bbox_inches="tight")
    names = {"A": report["player"]} if other is None else {"A": report["player"], "B": other["player"]}
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    page = folder / "index.html"
    page.write_text(
        environment.get_template(TEMPLATE).render(
            report=report,
            other=other,
            names=names,
            parts=[_part(name, report, other) for name in PARTS if name in report],
            shown=_pictures(folder, ours, theirs),
        ),
        encoding="utf-8",
    )
    return page


def _part(name: str, report: Mapping[str, Any], other: Mapping[str, Any] | None) -> dict[str, Any]:
    title = "Held-out end of the own footage" if name == "held_out" else f"Driver {report[name]['video']}"
    rows = []
    for row in PARTS[name]:
        one = values(row, report[name])
        two = None if other is None else values(row, other[name])
        rows.append(
            {
                "row": row,
                "one": one,
                "two": two,
                "difference": None if two is None else less(one.mean, two.mean),
                "verdict": "" if two is None else verdict(row, one.mean, two.mean),
            }
        )
    return {"headline": headline(report[name], title), "rows": rows}


def _curves(report: Mapping[str, Any], other: Mapping[str, Any] | None) -> Figure:
    figure = Figure(figsize=(10, 6.5))
    for number, (name, title) in enumerate(CURVES.items(), 1):
        axes = figure.add_subplot(len(CURVES), 1, number)
        for label, one in (("A", report), ("B", other)):
            if one is not None:
                series = one["held_out"]["series"]
                axes.plot(*_broken(series["frame"], series[name]), label=label, linewidth=1)
        if name == "warp_error":
            series = report["held_out"]["series"]
            axes.plot(
                *_broken(series["frame"], series["warp_error_of_truth"]),
                label="truth",
                linewidth=1,
                color="grey",
            )
        axes.set_title(title, loc="left", fontsize=9)
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=8)
        axes.legend(fontsize=8, loc="upper right")
    axes.set_xlabel("judged frames, block after block", fontsize=9)
    figure.subplots_adjust(hspace=0.45)
    return figure


def _broken(frames: Sequence[int], series: Sequence[float | None]) -> tuple[list[float], list[float]]:
    """The line over the judged frames, broken where a block ends."""
    x: list[float] = []
    y: list[float] = []
    for number, (frame, value) in enumerate(zip(frames, series, strict=True)):
        if number and frame - frames[number - 1] != 1:
            x.append(number - 0.5)
            y.append(np.nan)
        x.append(number)
        y.append(np.nan if value is None else value)
    return x, y


def _pictures(folder: Path, ours: Galleries, theirs: Galleries | None) -> list[dict[str, Any]]:
    """Writes the pictures; returns the page's sections: a title, a caption and the files."""
    held = ours["held_out"]
    others = None if theirs is None else theirs["held_out"].even
    order = "truth | A" if theirs is None else "truth | A | B"
    sections = [
        ("even", "Spread evenly", order, _rows(held.even, others)),
        ("face", "Faces", order, _faces(held.even, others)),
        ("worst", "Worst moments", "truth | A, the worst first", _rows(held.worst, None)),
    ]
    if theirs is not None:
        worst = _rows(theirs["held_out"].worst, None)
        sections.append(("worst_b", "Worst moments of B", "truth | B, the worst first", worst))
    for label, galleries in (("A", ours), ("B", theirs)):
        if galleries is not None and "driver" in galleries:
            shots = galleries["driver"].even
            sections.append(
                (
                    f"driver_{label.lower()}",
                    f"Driven by another dancer, {label}",
                    "",
                    _rows(shots, None),
                )
            )
    return [
        {"name": name, "title": title, "caption": caption, "files": _write(folder, name, pictures)}
        for name, title, caption, pictures in sections
    ]


def _rows(shots: Sequence[Shot], others: Sequence[Shot] | None) -> list[Picture]:
    """The person in the recording beside each player's picture. others: of the same frames."""
    if others is None:
        return [shot.row(cut=True) for shot in shots]
    return [shot.row(other.output, cut=True) for shot, other in zip(shots, others, strict=True)]


def _faces(shots: Sequence[Shot], others: Sequence[Shot] | None) -> list[Picture]:
    found = []
    for index, shot in enumerate(shots):
        if shot.face is None or shot.truth is None:
            continue
        pictures = [shot.truth, shot.output] + ([] if others is None else [others[index].output])
        faces = [
            cv2.resize(picture[shot.face], (FACE_PX, FACE_PX), interpolation=cv2.INTER_NEAREST)
            for picture in pictures
        ]
        found.append(np.asarray(np.hstack(faces), np.uint8))
    return found


def _write(folder: Path, name: str, pictures: Sequence[Picture]) -> list[str]:
    files = []
    for number, picture in enumerate(pictures):
        file = f"pictures/{name}_{number}.jpg"
        if not cv2.imwrite(str(folder / file), picture, [cv2.IMWRITE_JPEG_QUALITY, 93]):
            raise OSError(f"cannot write {folder / file}")
        files.append(file)
    return files
