"""The real networks, with the player painted in other colours: as if the pack were another one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.config.show import Show
from realtime.performer.networks import Nets, load_nets

TINT = 60
DIFFERS = 20
"""Levels from the empty scene on: there is the player."""


class TintedRender:
    """A renderer in front of another one, which has all else."""

    def __init__(self, render: Any, plate: NDArray[np.uint8]) -> None:
        self._render = render
        self._plate = plate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._render, name)

    def __call__(self, landmarks: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
        self._render(landmarks, out)
        there = cv2.absdiff(out, self._plate).max(axis=2) > DIFFERS
        out[there, 0] = np.minimum(out[there, 0].astype(int) + TINT, 255)


def tinted_demo_nets(show: Show) -> Nets:
    nets = load_nets(show)
    plate = cv2.imread(str(show.player / "plate.png"))
    return replace(nets, render=TintedRender(nets.render, plate))
