"""A rehearsal without networks: what is painted depends on the camera's picture alone.

python -m tests.fake_rehearsal FOLDER [flags of run_live]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
from numpy.typing import NDArray

import run_live
from realtime.config.inputs import RecordInputs
from realtime.config.show import Show
from realtime.performer.networks import Nets
from realtime.supervise.rig import Player
from tests.realtime.fakes import SIZE, FakeRender, FakeRetarget, FakeTracker, fake_show, write_clip

TINT = 60
LOAD_S = 3.0
"""Real networks take longer than all other processes need to start."""


class GreyTracker(FakeTracker):
    """The landmarks tell how bright the frame is."""

    def __call__(self, frame: NDArray[np.uint8], t_ns: int) -> SimpleNamespace:
        time.sleep(0.002)
        grey = np.full((33, 4), float(frame.mean()), np.float32)
        return SimpleNamespace(person_id=1, score=1.0, landmarks=grey)


class GreyRender(FakeRender):
    """Paints a disc as bright as the frame; its colour is the player's."""

    def __init__(self, tint: int) -> None:
        self._tint = tint

    def __call__(self, landmarks: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
        time.sleep(0.002)
        grey = float(landmarks[0, 0])
        out[:] = 90
        centre = (SIZE[0] // 2, SIZE[1] // 2)
        cv2.circle(out, centre, SIZE[1] // 3, (grey, grey, min(255.0, grey + self._tint)), cv2.FILLED)


def _draw(picture: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> None:
    cv2.rectangle(picture, (4, 4), (60, 60), (0, 0, 255), cv2.FILLED)


def grey_nets(show: Show) -> Nets:
    time.sleep(LOAD_S)
    return Nets(GreyTracker(), FakeRetarget(), GreyRender(0), _draw)


def tinted_nets(show: Show) -> Nets:
    """As if the player's pack were another one."""
    time.sleep(LOAD_S)
    return Nets(GreyTracker(), FakeRetarget(), GreyRender(TINT), _draw)


def show_of(folder: Path, recording: Path, **changes: object) -> tuple[Show, Player]:
    """A show whose camera brightens and darkens. On a busy machine it holds a picture for long."""
    show, player = fake_show(folder, hold_ms=2000, **changes)
    camera = write_clip(folder / "clip.mp4", frames=40, fps=20)
    return show.model_copy(
        update={"camera": str(camera), "record_inputs": RecordInputs(folder=recording)}
    ), player


if __name__ == "__main__":
    here = Path(sys.argv[1])
    options = run_live.parse(["--headless", *sys.argv[2:]])
    wanted, who = show_of(here, here / "recording")
    run_live.begin_recording(wanted)
    run_live.run(wanted, who, options, grey_nets)
