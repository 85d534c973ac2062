"""The subjects of a check, and its size."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

REPOSITORY = Path(__file__).resolve().parents[3]
CAMERA = REPOSITORY / "assets" / "fan_dance.mp4"
FOOTAGE = REPOSITORY / "assets" / "player_train.mp4"
SWITCH_S = 0.001
"""As in the stages of a show: how soon a waiting thread gets Python's lock."""


class Case(NamedTuple):
    """A generator with the picture and the camera that go with it, (width, height) each. variant: of an
    untrained generator; None: the bundled player's own."""

    variant: str | None
    size: tuple[int, int]
    camera: tuple[int, int]

    @property
    def label(self) -> str:
        width, height = self.size
        return f"{self.variant + ', untrained' if self.variant else 'the bundled player'}, {width}x{height}"


FULL = {
    "player": Case(None, (1280, 720), (1280, 720)),
    "720p": Case("std", (1280, 736), (1280, 720)),
    "1080p": Case("std", (1920, 1088), (1920, 1080)),
}
QUICK = {
    "player": Case("nano", (128, 128), (320, 180)),
    "720p": Case("nano", (160, 96), (320, 180)),
    "1080p": Case("nano", (192, 112), (480, 270)),
}
"""TABLE of the painted pictures: on a GPU, and for a rehearsal of the check on any machine."""


@dataclass(frozen=True)
class Setting:
    """device: "cuda", or "cpu" for a rehearsal. players: the packs of the player who dances and of the one
    who takes over. weights: the folder of the converted pose networks. so_far: the check's own file, with the
    parts before."""

    device: str
    quick: bool
    players: tuple[Path, Path]
    weights: Path
    so_far: Path

    @property
    def cases(self) -> dict[str, Case]:
        return QUICK if self.quick else FULL

    def some(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def prepare(self) -> torch.device:
        """Lets this process compute as a show does, on `device`, whatever machine this is.

        In a rehearsal the backend "cuda" runs on the CPU: the same code, without streams and graphs.
        """
        import cv2

        import engines.backends.choice
        import engines.backends.cuda
        from engines.pose import convert

        convert.WEIGHTS = self.weights
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        sys.setswitchinterval(SWITCH_S)
        if self.device == "cpu":
            engines.backends.cuda.DEVICE = "cpu"
            engines.backends.choice._PROBES["cuda"] = lambda: None
        else:
            why = engines.backends.choice.missing("cuda")
            if why is not None:
                raise RuntimeError(f"--device cuda: {why}")
        return torch.device(engines.backends.cuda.DEVICE)


def size_text(size: Sequence[int]) -> str:
    return "x".join(map(str, size))
