"""Paints two players into one picture, on a CPU. The performer calls it for every frame of a duet."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Container, Sequence

import numpy as np

from engines.painting.compositing import Bytes, Floats
from engines.painting.shadow import FEET
from engines.rendering.renderer import Painted, PoseRenderer

FIRST, SECOND = 0, 1
NEARER = 0.02
"""The other player comes to the front once standing lower in the picture by this share of its height."""
LIFTED = 0.001
"""Feet that rise may be lifted: in each picture the place rises by this share of the height at most."""


class Duet:
    """Two players in the first one's scene. For one thread.

    likeness: of each in the last picture, see `engines.doll.likeness`. spent_ns: as of `PoseRenderer`, for
    both.
    """

    def __init__(self, first: PoseRenderer, second: PoseRenderer) -> None:
        """Both paint pictures of the same size. `second` may be shared by duets of which one paints at a
        time; nobody else may paint with it."""
        self._players = (first, second)
        self._front = Front(first.size[1])
        self.spent_ns: dict[str, int] = {}

    @property
    def likeness(self) -> tuple[float, float]:
        first, second = self._players
        return first.likeness, second.likeness

    def reset(self) -> None:
        """Before another dancer's poses of the first player, and where another duet has painted meanwhile."""
        self._players[FIRST].reset()
        self._front = Front(self._players[FIRST].size[1])

    def reset_second(self) -> None:
        """Before another dancer's poses of the second player."""
        self._players[SECOND].reset()

    def __call__(self, poses: Sequence[Floats | None], out: Bytes) -> None:
        """Paints both into `out`: (H, W, 3) BGR, on the first one's plate, with their shadows; or (H, W, 4)
        straight BGRA, all 0 where nobody is.

        poses: of the first and the second, (33, 4), pixels of the picture; None for who is not in it. Raises
        ValueError where a landmark is not finite.
        """
        front = self._front.step([None if pose is None else float(pose[FEET, 1].max()) for pose in poses])
        self._players[SECOND].floor.lit_as(self._players[FIRST].floor)
        painted: dict[int, Painted] = {}
        spent: Counter[str] = Counter()
        for which, pose in enumerate(poses):
            if pose is not None:
                painted[which] = self._players[which].paint(pose)
                spent.update(self._players[which].spent_ns)
        begun_ns = time.perf_counter_ns()
        if out.shape[2] == 4:
            out[:] = 0
        else:
            self._ground(painted, out)
        for which in sorted(painted, key=lambda each: each == front):
            rows, columns, composed = painted[which]
            composed.over(out[rows, columns])
        spent["compositing"] += time.perf_counter_ns() - begun_ns
        self.spent_ns = dict(spent)

    def _ground(self, there: Container[int], out: Bytes) -> None:
        """The plate, with the shadows of who is there."""
        floor = self._players[FIRST].floor
        height, width = out.shape[:2]
        np.copyto(out, (floor.picture if FIRST in there else floor.plate)[:height, :width])
        if SECOND in there:
            self._players[SECOND].floor.shade(out)


class Front:
    """Says which of two players stands nearer to the camera: the one whose feet are lower in the picture. It
    changes its mind only where that is clear, and not for a jump."""

    def __init__(self, height: int) -> None:
        """height: of the picture, pixels."""
        self._height = height
        self._places: list[float | None] = [None, None]
        self._front = SECOND

    def step(self, feet: Sequence[float | None]) -> int:
        """FIRST or SECOND. feet: the lowest y of each one's feet, pixels; None for who is not there. Call it
        for every picture."""
        for which, low in enumerate(feet):
            before = self._places[which]
            place = low if low is None or before is None else max(low, before - LIFTED * self._height)
            self._places[which] = place
        first, second = self._places
        if first is not None and second is not None and abs(first - second) > NEARER * self._height:
            self._front = FIRST if first > second else SECOND
        return self._front
