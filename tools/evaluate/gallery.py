"""Keeps the judged frames that the report shows: the worst, and some spread evenly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tools.scores.pictures import Picture, Window

SHOWN = 8


@dataclass(frozen=True)
class Shot:
    """One judged frame. frame: its number in the source. score: higher is better. person, face: where they
    are. truth: None where there is none."""

    frame: int
    score: float
    output: Picture
    person: Window
    truth: Picture | None = None
    face: Window | None = None

    def row(self, *others: Picture, cut: bool = False) -> Picture:
        """Truth, output and other players' output side by side, with a line of text. cut: only the person."""
        pictures = [self.output, *others] if self.truth is None else [self.truth, self.output, *others]
        pair = np.hstack([picture[self.person] if cut else picture for picture in pictures])
        text = f"frame {self.frame}" if self.truth is None else f"frame {self.frame}: {self.score:.1f} dB"
        for colour, thickness in ((0, 3), (255, 1)):
            cv2.putText(
                pair, text, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (colour,) * 3, thickness, cv2.LINE_AA
            )
        return pair


class Gallery:
    """Keeps the worst of the judged frames, from different moments, and some spread evenly."""

    def __init__(self) -> None:
        self.start(0)

    def start(self, total: int) -> None:
        """total: the number of frames that will be judged."""
        self._spread = set(np.linspace(0, total - 1, min(SHOWN, total)).astype(int).tolist())
        self._length = max(1, -(-total // (2 * SHOWN)))
        self._worst: dict[int, Shot] = {}
        self.even: list[Shot] = []

    def add(self, number: int, shot: Shot) -> None:
        """number: the frame's place among the judged ones. The pictures of `shot` must not change
        afterwards."""
        if number in self._spread:
            self.even.append(shot)
        moment = number // self._length
        if moment not in self._worst or shot.score < self._worst[moment].score:
            self._worst[moment] = shot

    @property
    def worst(self) -> list[Shot]:
        """The worst first, one for each moment."""
        return sorted(self._worst.values(), key=lambda shot: shot.score)[:SHOWN]

    def write(self, folder: Path) -> None:
        """Writes worst.png and even.png, two pairs a row. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, shots in (("worst", self.worst), ("even", self.even)):
            pairs = [shot.row() for shot in shots]
            cells = [*pairs, np.zeros_like(pairs[0])] if len(pairs) % 2 else pairs
            rows = [np.hstack(cells[start : start + 2]) for start in range(0, len(cells), 2)]
            if not cv2.imwrite(str(folder / f"{name}.png"), np.vstack(rows)):
                raise OSError(f"cannot write {folder / f'{name}.png'}")
