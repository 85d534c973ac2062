"""Draws a coverage meter: strips for the axes, dials of angles, the floor, and figures of what is missing."""

from __future__ import annotations

import dataclasses
import textwrap
from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.projections.polar import PolarAxes
from numpy.typing import NDArray

from tools.coverage.mannequin import Mannequin, portrait
from tools.coverage.meter import MAP_COLUMNS, MAP_ROWS, SECTORS, Coverage
from tools.coverage.pose_space import AXES, NEEDED, Axis, Bin

INCHES, DPI = (16.0, 9.6), 100
GROUND, PANEL, INK, QUIET = "#14171c", "#20252d", "#eceff4", "#8a93a3"
HEAT = LinearSegmentedColormap.from_list("heat", [PANEL, "#1f5f5b", "#2f9e7a", "#9be37d"])
MISSING, PARTLY, GOOD = "#c8543f", "#d9a441", "#7fd38a"
PLENTY_S = 10.0
"""A bin seen for this long has the brightest colour."""
FIGURES = (2, 6)
"""Rows and columns of the figures of what is missing."""
TILE = (240, 272)
PLACES = ("distance", "floor")
"""Axes of the place in the frame."""


def write_picture(coverage: Coverage, path: Path, title: str) -> None:
    """path: a PNG, JPEG or PDF. Raises OSError where it cannot be written, or has another ending."""
    figure = Figure(INCHES, dpi=DPI, facecolor=GROUND)
    canvas = FigureCanvasAgg(figure)
    if path.suffix[1:].lower() not in canvas.get_supported_filetypes():
        raise OSError(f"{path}: no picture format has the ending {path.suffix!r}; use .png")
    verdict = coverage.verdict()
    colour = GOOD if verdict.enough else PARTLY
    figure.text(0.02, 0.955, title, color=INK, fontsize=19, weight="bold")
    figure.text(0.02, 0.925, str(verdict), color=colour, fontsize=12.5)
    _strips(figure.add_axes((0.085, 0.03, 0.435, 0.87)), coverage)
    for column, (name, dial) in enumerate(coverage.dials.items()):
        axes = figure.add_axes((0.555 + 0.152 * column, 0.665, 0.11, 0.185), projection="polar")
        assert isinstance(axes, PolarAxes)  # noqa: S101
        _dial(axes, name, dial)
    _floor(figure.add_axes((0.565, 0.435, 0.405, 0.165)), coverage.floor)
    _missing(figure, coverage)
    figure.savefig(path)


def _strips(axes: Axes, coverage: Coverage) -> None:
    """A row for each axis, a cell for each bin: brighter the longer it was seen, outlined where it is
    missing."""
    axes.set_xlim(0, 1)
    axes.set_ylim(len(AXES), 0)
    axes.axis("off")
    for row, axis in enumerate(AXES):
        axes.text(-0.012, row + 0.5, axis.name, color=INK, fontsize=10.5, ha="right", va="center")
        width = 1 / len(axis.bins)
        for column, one in enumerate(axis.bins):
            progress = coverage.progress(axis, one)
            seconds = coverage.tallies[axis.name, one.name].seconds
            heat = min(np.log1p(seconds) / np.log1p(PLENTY_S), 1.0)
            edge = "none" if progress >= 1 else PARTLY if progress > 0 else MISSING
            box = FancyBboxPatch(
                (column * width + 0.003, row + 0.1), width - 0.006, 0.8,
                boxstyle="round,pad=0,rounding_size=0.004",
                facecolor=HEAT(0.3 + 0.7 * heat) if progress >= 1 else PANEL, edgecolor=edge, linewidth=1.3,
            )  # fmt: skip
            axes.add_patch(box)
            ink = GROUND if progress >= 1 and heat > 0.6 else INK if progress >= 1 else edge
            weight = "bold" if one.weight == NEEDED else "normal"
            axes.text((column + 0.5) * width, row + 0.5, one.name, color=ink, fontsize=8.2,
                      weight=weight, ha="center", va="center")  # fmt: skip


def _dial(axes: PolarAxes, name: str, dial: NDArray[np.float64]) -> None:
    """turn: the camera is below, the person's own left is to the right. An arm: as seen on a person facing
    the camera, 0 hanging."""
    middles = np.radians(-180 + (np.arange(SECTORS) + 0.5) * 360 / SECTORS)
    axes.set_theta_zero_location("S")
    axes.set_theta_direction(-1 if name == "right arm" else 1)
    heights = np.log1p(dial)
    most = max(float(heights.max()), np.log1p(PLENTY_S))
    axes.bar(
        middles,
        heights,
        width=2 * np.pi / SECTORS * 0.9,
        color=[HEAT(0.35 + 0.65 * h / most) for h in heights],
    )
    axes.set_ylim(0, most)
    axes.set_facecolor(PANEL)
    axes.set_yticks([])
    names = ("front", "left", "back", "right") if name == "turn" else ("down", "out", "up", "across")
    axes.set_xticks(np.radians([0, 90, 180, 270]), names)
    axes.tick_params(colors=QUIET, labelsize=8, pad=-2)
    axes.spines["polar"].set_visible(False)
    axes.grid(color=GROUND, linewidth=0.8)
    axes.set_title(name, color=INK, fontsize=11, pad=9)


def _floor(axes: Axes, floor: NDArray[np.float64]) -> None:
    shares = np.log1p(floor) / max(float(np.log1p(floor).max()), np.log1p(PLENTY_S))
    axes.imshow(shares, cmap=HEAT, vmin=0, vmax=1, aspect="auto", extent=(0, MAP_COLUMNS, MAP_ROWS, 0))
    axes.set_xticks(range(MAP_COLUMNS + 1), [""] * (MAP_COLUMNS + 1))
    axes.set_yticks(range(MAP_ROWS + 1), [""] * (MAP_ROWS + 1))
    axes.grid(color=GROUND, linewidth=0.8)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title("places on the floor, as the camera sees them", color=INK, fontsize=11, pad=6)
    axes.set_ylabel("near         far", color=QUIET, fontsize=8.5)
    for place, name in ((0, "left"), (1, "right")):
        axes.text(place, -0.04, f"{name} edge of the picture", color=QUIET, fontsize=8.5, va="top",
                  ha=name, transform=axes.transAxes)  # fmt: skip


def _missing(figure: Figure, coverage: Coverage) -> None:
    missing = coverage.verdict().missing
    again = "film this again" if not coverage.verdict().enough else "this could be filmed still"
    head = f"{again}, the most valuable first (orange: the left side)" if missing else "nothing is missing"
    figure.text(0.545, 0.385, head, color=INK, fontsize=11)
    rows, columns = FIGURES
    for number, (axis, one) in enumerate(missing[: rows * columns]):
        row, column = divmod(number, columns)
        axes = figure.add_axes((0.545 + 0.075 * column, 0.228 - 0.195 * row, 0.0715, 0.135))
        axes.imshow(cv2.cvtColor(portrait(shown(axis, one), TILE), cv2.COLOR_BGR2RGB), aspect="auto")
        axes.axis("off")
        caption = "\n".join(textwrap.wrap(one.film, 19)[:3])
        axes.text(0.5, -0.05, caption, color=INK, fontsize=7.2, ha="center", va="top", linespacing=1.05,
                  transform=axes.transAxes)  # fmt: skip


def shown(axis: Axis, one: Bin) -> Mannequin:
    """A bin's figure, in close-up if the bin is not about the place in the frame."""
    return one.figure if axis.name in PLACES else dataclasses.replace(one.figure, size=0.68, floor=0.93)
