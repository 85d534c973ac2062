"""The lens: the board to print, and the views of it that a camera or a video gives."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from calibration.lens import (
    SQUARES,
    BoardFinder,
    LensError,
    View,
    covered,
    draw_board,
    missing_part,
)
from tools.camera.frames import Picture

SQUARE_MM = 45
"""So the board fills a sheet of A3, 420 x 297 mm."""
DPI = 200
MOST_VIEWS = 60
ENOUGH_VIEWS, ENOUGH_COVERAGE = 25, 0.9
"""Then it ends by itself."""
FORMATS = {".png": "PNG", ".pdf": "PDF"}


def write_board(path: Path) -> str:
    """Writes the board as PNG or PDF; says how to print it. Raises LensError, OSError."""
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise LensError(f"{path}: the board is written as .png or .pdf")
    board = draw_board(round(SQUARE_MM / 25.4 * DPI))
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "PNG":
        Image.fromarray(board).save(path, "PNG", dpi=(DPI, DPI))
    else:
        Image.fromarray(board).save(path, "PDF", resolution=float(DPI))
    return (
        f"{path}: {SQUARES[0]}x{SQUARES[1]} squares of {SQUARE_MM} mm, for A3. Any size does; "
        "glue it on something flat, or show it on a flat screen"
    )


class Collector:
    """Keeps the views of the board that say something new. size: (width, height) of the pictures."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.views: list[View] = []
        self._find = BoardFinder()

    def add(self, picture: Picture) -> bool:
        """Whether the view was new."""
        view = self._find(picture)
        if view is None or len(self.views) >= MOST_VIEWS:
            return False
        if not all(view.differs(other, self.size) for other in self.views):
            return False
        self.views.append(view)
        return True

    @property
    def cells(self) -> NDArray[np.bool_]:
        return covered(self.views, self.size)

    @property
    def is_enough(self) -> bool:
        return len(self.views) >= ENOUGH_VIEWS and self.cells.mean() >= ENOUGH_COVERAGE

    @property
    def line(self) -> str:
        """For people, after a new view."""
        share = self.cells.mean()
        text = f"view {len(self.views)}: {share:.0%} of the picture seen"
        return text if share >= ENOUGH_COVERAGE else f"{text}; go {missing_part(~self.cells)}"

    @property
    def map(self) -> str:
        """Which parts of the picture have been seen: # and dots."""
        return "\n".join("  " + " ".join("#" if cell else "." for cell in row) for row in self.cells)


def collect(pictures: Iterator[tuple[int, Picture]]) -> Collector:
    """Views until there are enough, or the pictures end. Raises LensError where there were none."""
    collector: Collector | None = None
    for _, picture in pictures:
        if collector is None:
            collector = Collector((picture.shape[1], picture.shape[0]))
        if collector.add(picture):
            print(collector.line, file=sys.stderr, flush=True)
        if collector.is_enough:
            break
    if collector is None:
        raise LensError("the camera gave no picture")
    return collector
