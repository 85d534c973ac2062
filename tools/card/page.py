"""A page on which text and boxes are drawn to the point, as vectors. Matplotlib makes the PDF."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch
from matplotlib.textpath import TextToPath

PT_PER_INCH = 72.0
SIZES_PT = {"a4": (841.89, 595.28), "letter": (792.0, 612.0)}
"""Paper, lying."""

INK, GREY, PAPER = "#000000", "#444444", "#ffffff"
MEASURED_PT = 20.0
LEADING = 1.22
"""From one line to the next, in sizes of the letters."""


@cache
def _font(size: float, weight: str) -> FontProperties:
    return FontProperties(family="DejaVu Sans", size=size, weight=weight)


@cache
def _advance(text: str, weight: str) -> float:
    """The width of a line in letters of one point."""
    measured = TextToPath().get_text_width_height_descent(text, _font(MEASURED_PT, weight), ismath=False)
    return float(measured[0]) / MEASURED_PT


def width_of(text: str, size: float, weight: str = "normal") -> float:
    """Of one line, in points."""
    return _advance(text, weight) * size


def wrapped(text: str, width: float, size: float, weight: str = "normal") -> list[str]:
    """The lines of a text that is at most so wide; a word that is wider has a line of its own."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width_of(longer, size, weight) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


@dataclass(frozen=True)
class Placed:
    """A line of text: its left end and its baseline, in points from the page's left top."""

    text: str
    x: float
    y: float
    size: float
    weight: str
    ink: str

    @property
    def right(self) -> float:
        return self.x + width_of(self.text, self.size, self.weight)


@dataclass(frozen=True)
class Box:
    """x, y: its left top."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    line: float
    radius: float


class Page:
    """What is to be drawn. Points from the left top. texts: the lines of text, in order."""

    def __init__(self, size_pt: tuple[float, float]) -> None:
        self.width, self.height = size_pt
        self.texts: list[Placed] = []
        self._boxes: list[Box] = []

    def text(
        self, x: float, y: float, text: str, size: float, *, weight: str = "normal", ink: str = INK
    ) -> float:
        """Writes a line from x on, its baseline at y; returns where it ends."""
        self.texts.append(Placed(text, x, y, size, weight, ink))
        return self.texts[-1].right

    def centred(
        self, x: float, y: float, text: str, size: float, *, weight: str = "normal", ink: str = INK
    ) -> None:
        """Writes a line around x."""
        self.text(x - width_of(text, size, weight) / 2, y, text, size, weight=weight, ink=ink)

    def paragraph(
        self,
        at: tuple[float, float],
        width: float,
        text: str,
        size: float,
        *,
        weight: str = "normal",
        ink: str = INK,
    ) -> float:
        """Writes lines from a left end and a baseline on; returns the baseline after the last."""
        x, y = at
        for line in wrapped(text, width, size, weight):
            self.text(x, y, line, size, weight=weight, ink=ink)
            y += LEADING * size
        return y

    def box(
        self,
        at: tuple[float, float],
        width: float,
        height: float,
        *,
        fill: str = PAPER,
        line: float = 1.0,
        radius: float = 3.0,
    ) -> None:
        """A box with round corners, from its left top; below all texts, over the boxes before."""
        self._boxes.append(Box(*at, width, height, fill, line, radius))

    def rule(self, at: tuple[float, float], width: float) -> None:
        """A line across."""
        self.box(at, width, 0.01, fill=INK, radius=0.0)

    @property
    def digest(self) -> str:
        """Of what is drawn, and where."""
        texts = [f"{each.text}|{each.x:.1f}|{each.y:.1f}|{each.size:.2f}" for each in self.texts]
        boxes = [f"{each.x:.1f}|{each.y:.1f}|{each.width:.1f}|{each.height:.1f}" for each in self._boxes]
        return hashlib.sha256("\n".join(texts + boxes).encode()).hexdigest()

    def save(self, path: Path, title: str) -> None:
        """Writes the PDF; its keywords are the digest. No date is in it. Raises OSError."""
        figure = Figure(figsize=(self.width / PT_PER_INCH, self.height / PT_PER_INCH))
        for box in self._boxes:
            figure.add_artist(
                FancyBboxPatch(
                    (box.x / PT_PER_INCH, (self.height - box.y - box.height) / PT_PER_INCH),
                    box.width / PT_PER_INCH,
                    box.height / PT_PER_INCH,
                    boxstyle=f"round,pad=0,rounding_size={box.radius / PT_PER_INCH}",
                    facecolor=box.fill,
                    edgecolor=INK,
                    linewidth=box.line,
                    transform=figure.dpi_scale_trans,
                )
            )
        for each in self.texts:
            figure.text(
                each.x / self.width,
                1 - each.y / self.height,
                each.text,
                color=each.ink,
                fontproperties=_font(each.size, each.weight),
                va="baseline",
                parse_math=False,
            )
        about = {
            "Title": title,
            "Creator": "Dancecam",
            "Producer": "Matplotlib",
            "Keywords": self.digest,
            "CreationDate": None,
        }
        with mpl.rc_context({"pdf.fonttype": 42}):  # text that can be searched and copied
            figure.savefig(path, format="pdf", metadata=about)
