"""Parts: how fast a player is trained, and how long training waits for its data."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from engines.pack.player_pack import PlayerPack
from engines.pose.tracking.tracker import PoseTracker
from tools.benchmarking.gpu_check.made_up import Fit, enlarged_bank, make_footage
from tools.benchmarking.gpu_check.record import CheckError, Notebook
from tools.benchmarking.gpu_check.setting import FOOTAGE, Setting, size_text
from tools.train.distributed import Process
from tools.train.loop import Config, Trainer

BANK = 60
"""Frames of the bank from which dolls are drawn in training."""


class Course(NamedTuple):
    """A training run to measure. size: of the footage, (width, height)."""

    size: tuple[int, int]
    variant: str
    batch: int
    crop: int
    frames: int
    seconds: float
    steps: int


FULL = {
    "512": Course((512, 512), "tiny", 16, 256, 240, 25.0, 0),
    "720p": Course((1280, 736), "std", 16, 384, 240, 30.0, 0),
}
QUICK = {
    "512": Course((128, 128), "nano", 2, 64, 16, 0.0, 6),
    "720p": Course((160, 96), "nano", 2, 64, 16, 0.0, 6),
}


def check(name: str, setting: Setting, notebook: Notebook) -> None:
    """name: a key of `FULL`."""
    device = setting.prepare()
    course = (QUICK if setting.quick else FULL)[name]
    pack = PlayerPack.load(setting.players[0])
    fit = Fit.of(pack.size, course.size)
    with TemporaryDirectory() as folder:
        started = time.perf_counter()
        tracker = PoseTracker(backend="cuda")
        footage = make_footage(Path(folder) / "footage", pack, FOOTAGE, course.frames, course.size, tracker)
        notebook.row("making footage up", seconds=round(time.perf_counter() - started, 2))
        bank = enlarged_bank(pack, fit, BANK)
        config = Config(
            variant=course.variant, minutes=course.seconds / 60, steps=course.steps, batch=course.batch,
            crop=course.crop,
        )  # fmt: skip
        trainer = _Timed(footage, bank, config, Path(folder) / "run", Process(0, 1, device))
        trainer.run()
        what = (
            f"{course.variant}, {course.batch} crops of {course.crop}x{course.crop}, {size_text(course.size)}"
        )
        for phase, with_critics in (("reconstruction alone", False), ("with critics", True)):
            steps = [each for each in trainer.steps if each.with_critics == with_critics]
            steps = steps[len(steps) // 3 :]  # during the first ones, cuDNN tries its algorithms
            if not steps:
                raise CheckError(f"no step was made {phase}: training is too slow to be measured here")
            waited, worked = (sum(getattr(each, kind) for each in steps) for kind in ("waited", "worked"))
            notebook.row(
                f"{what}, {phase}",
                steps_s=round(len(steps) / (waited + worked), 2),
                waiting=round(100 * waited / (waited + worked), 1),
                samples=len(steps),
            )
        score, _ = trainer.score(count=setting.some(8, 2))
        if not np.isfinite(score):
            raise CheckError(f"the held-out PSNR is {score}")
        notebook.row(f"{what}, after {trainer.progress.step} steps", held_out_db=round(score, 2))
    if device.type == "cuda":
        notebook.facts(most_memory_GiB=round(torch.cuda.max_memory_allocated(device) / 2**30, 2))
    notebook.note(
        "Waiting: for the next batch, and what the loop does between two steps. The footage is made up: its "
        "mattes hold the shadow too, so the PSNR is not that of a prepared dataset."
    )


class _Step(NamedTuple):
    """Seconds."""

    waited: float
    worked: float
    with_critics: bool


class _Timed(Trainer):
    """Waits for the device after every step, so that a step's own time and the time between steps are
    separate."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.steps: list[_Step] = []
        self._left = time.perf_counter()

    def step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        began = time.perf_counter()
        with_critics = self.progress.share(self.config) >= self.config.critics_from
        parts = super().step(batch)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        left = time.perf_counter()
        self.steps.append(_Step(began - self._left, left - began, with_critics))
        self._left = left
        return parts
