"""Trains variations of the generator, and pix2pixHD, on the same footage and budget, and judges them alike.

    python -m tools.ablate datasets/demo runs/ablation --steps 1500
    python -m tools.ablate datasets/demo runs/ablation --steps 1500 --trials full "no doll" --seeds 0 1
    python -m tools.ablate datasets/demo runs/duel --minutes 20 --trials full pix2pixHD --seeds 0 1 --final

Each trial's measurements are written at once to FOLDER/TRIAL-SEED.json, and finished trials are not run
again: the same command continues, and two processes can share the trials. For choosing, a trial is trained on
the first 64 % of the footage and judged on the following 16 %; with --final on the first 80 % and the last 20
%, like a player. Minutes are the process's processor time, on one thread: other work on the machine does not
count.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from engines.painting.generator import FIELDS, VARIANTS, Generator, cell_px
from engines.skeleton import LIMBS, Skeleton
from tools.benchmarking.quality.train_pix2pixhd import BaselineTrainer, Recipe, equal_ngf
from tools.evaluate.gallery import Gallery
from tools.evaluate.held_out import judge_held_out, true_joints
from tools.footage.dataset import DatasetError, Footage
from tools.player.bank import FRAMES, make_bank
from tools.train.loop import CROP, Config, Trainer
from tools.train.objective import Weights
from tools.train.painter import Painter

PIX2PIXHD = "pix2pixHD"


class StickFigure(Skeleton):
    """An RGB stick figure in place of the limb maps, as "Everybody Dance Now" shows it to its generator."""

    def __init__(self, body_px: float, cell: int = 4) -> None:
        super().__init__(body_px, cell)
        self.channels = 3
        colours = torch.tensor([limb.colour[::-1] for limb in LIMBS.values()]) / 255
        self.register_buffer("colours", colours, persistent=False)
        self.colours: Tensor

    def forward(self, landmarks: Tensor, height: int, width: int) -> Tensor:
        """As `Skeleton`, with (B, 3, height, width)."""
        capsules = super().forward(landmarks, height, width)[:, : len(LIMBS)]
        strokes = (capsules > 0.8).to(capsules.dtype)  # (B, L, h, w)
        return (strokes[:, :, None] * self.colours[None, :, :, None, None]).amax(dim=1)


class StickFigureGenerator(Generator):
    """A generator that sees the pose as a stick figure."""

    pose_maps = StickFigure


class DirectGenerator(Generator):
    """A generator that paints the whole picture: no alpha, no plate."""

    doll_has_the_edge = False

    def smooth(self, features: Tensor) -> Tensor:
        tint, outline, choice = super().smooth(features).split(FIELDS, dim=1)
        return torch.cat([tint, torch.full_like(outline, 20.0), choice], dim=1)


@dataclass(frozen=True)
class Trial:
    """The differences from a player's usual training from scratch. weights: of the losses. frames: the number
    of the footage's frames from which the doll is drawn. seconds: the length of that footage. memory: whether
    the net sees its previous output."""

    says: str
    generator: type[Generator] = Generator
    weights: dict[str, float] = field(default_factory=dict)
    frames: int = FRAMES
    seconds: float = math.inf
    memory: bool = True


CRITICS = ("adversarial", "feature_matching", "temporal")
TRIALS: dict[str, Trial] = {
    "full": Trial("everything, as a player is trained, from scratch"),
    "stick figure": Trial("RGB stick figure instead of limb maps", generator=StickFigureGenerator),
    "direct": Trial(
        "the whole picture, no alpha over a plate", generator=DirectGenerator, weights={"alpha": 0}
    ),
    "no doll": Trial("no frame to draw from", frames=0),
    **{
        f"{seconds} s": Trial(f"a doll of the first {seconds} seconds", seconds=seconds)
        for seconds in (10, 30, 60)
    },
    "one frame": Trial("a doll of one frame", frames=1),
    "8 frames": Trial("a doll of eight frames", frames=8),
    "no trust": Trial("leaving the doll costs nothing", weights={"trust": 0}),
    "no critics": Trial("reconstruction losses alone", weights=dict.fromkeys(CRITICS, 0.0)),
    "no temporal critic": Trial("no critic of pairs of frames", weights={"temporal": 0}),
    "no memory": Trial("the net never sees its previous output", memory=False),
    PIX2PIXHD: Trial("pix2pixHD's global generator of equal arithmetic, by its own recipe"),
}
"""TABLE of the trials."""
COLUMNS: dict[str, Callable[[dict[str, Any]], float | None]] = {
    "PSNR person, dB": lambda r: r["psnr_db"]["person"]["mean"],
    "SSIM person": lambda r: r["ssim"]["person"]["mean"],
    "LPIPS person": lambda r: r["lpips"]["person"]["mean"] if "person" in r["lpips"] else None,
    "LPIPS face": lambda r: r["lpips"]["face"]["mean"] if "face" in r["lpips"] else None,
    "sharpness": lambda r: r["sharpness_of_truth"]["person"]["mean"],
    "PCK@0.1": lambda r: r["output"]["pck_0.1_torso_mean"],
    "found again": lambda r: r["output"]["redetected_share"],
    "warp error": lambda r: r["warp_error"]["output_levels"]["mean"],
    "flicker": lambda r: r["flicker"]["output_levels_mean"],
    "steps": lambda r: r["steps"],
}
"""TABLE of the columns, each a measurement of `judge_held_out`."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.ablate", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="trials:\n" + "\n".join(f"  {name}: {trial.says}" for name, trial in TRIALS.items()),
    )  # fmt: skip
    parser.add_argument("dataset", type=Path)
    parser.add_argument("folder", type=Path, help="where the measurements are kept")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--steps", type=int, default=0, help="equal steps")
    budget.add_argument("--minutes", type=float, default=0.0, help="equal processor time")
    parser.add_argument(
        "--trials",
        nargs="+",
        choices=list(TRIALS),
        default=list(TRIALS),
        metavar="TRIAL",
        help="(default: all)",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument(
        "--final", action="store_true", help="judge on the last 20 %%: to report, not to choose"
    )
    default = Config()
    parser.add_argument("--variant", choices=VARIANTS, default=default.variant, help="(default %(default)s)")
    parser.add_argument("--batch", type=int, default=default.batch, help="(default %(default)s)")
    parser.add_argument("--crop", type=int, default=0, help="pixels (default: as a player is trained)")
    parser.add_argument("--frames", type=int, default=300, help="judged (default %(default)s)")
    parser.add_argument("--truth", type=Path, help="true joints of the source, to judge poses by")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        footage = Footage.open(options.dataset)
        if not options.final:
            footage = footage.first(1 - Config.held_out)
        options.folder.mkdir(parents=True, exist_ok=True)
        for seed in options.seeds:
            for name in options.trials:
                path = result_path(options.folder, name, seed)
                if not path.exists():
                    result = run(footage, name, seed, options)
                    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    except (DatasetError, ValueError, RuntimeError, OSError) as error:
        print(f"ablate: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nablate: stopped; the same command goes on with the next trial", file=sys.stderr)
        return 130
    print(table(options.folder, options.trials, options.seeds))
    return 0


def result_path(folder: Path, name: str, seed: int) -> Path:
    return folder / f"{name.replace(' ', '-')}-{seed}.json"


def run(footage: Footage, name: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Trains and judges one trial."""
    folder = options.folder / result_path(options.folder, name, seed).stem
    body_px = footage.body.near.height
    crop = options.crop or CROP * cell_px(body_px)
    print(f"{name}, seed {seed}: {TRIALS[name].says}")
    if name == PIX2PIXHD:
        if not options.minutes:
            raise ValueError(f"{PIX2PIXHD} is compared at equal time: give --minutes")
        recipe = Recipe(
            equal_ngf(options.variant, footage.size, body_px), minutes=options.minutes, seed=seed,
            batch=options.batch, crop=crop,
        )  # fmt: skip
        baseline = BaselineTrainer(footage, recipe, folder, torch.device("cpu"))
        painter: Any = baseline.run(clock=time.process_time)
        steps = baseline.step_number
    else:
        trial = TRIALS[name]
        config = Config(
            variant=options.variant, minutes=options.minutes, steps=options.steps, batch=options.batch,
            crop=crop, seed=seed, weights=replace(Weights(), **trial.weights),
        )  # fmt: skip
        if not trial.memory:
            config = replace(config, previous_dropout=1.0, previous_noise=0.0)
        positions, _ = footage.split(config.held_out)
        filmed = footage.indices[positions] - footage.indices[0]
        early = positions[filmed < trial.seconds * footage.fps]
        bank = make_bank(footage, early, trial.frames) if trial.frames else None
        trainer = Trainer(footage, bank, config, folder, generator=trial.generator)
        if config.steps or config.minutes:
            trainer.run(checkpoint_s=300, clock=time.process_time)
        painter = Painter(trainer.generator, footage, bank, memory=trial.memory)
        steps = trainer.progress.step
    gallery = Gallery()
    joints = true_joints(options.truth, footage) if options.truth is not None else None
    result = judge_held_out(painter, footage, frames=options.frames, true_joints=joints, gallery=gallery)
    gallery.write(folder)
    return result | {"steps": steps}


def table(folder: Path, trials: Sequence[str], seeds: Sequence[int]) -> str:
    """The measurements as Markdown: means over the seeds, with half the spread where there are several."""
    lines = ["| " + " | ".join(["trial", *COLUMNS]) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name in trials:
        paths = [result_path(folder, name, seed) for seed in seeds]
        results = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
        cells = [cell([column(result) for result in results]) for column in COLUMNS.values()]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


def cell(values: Sequence[float | None]) -> str:
    found = [value for value in values if value is not None]
    if not found:
        return "-"
    whole = all(isinstance(value, int) for value in found)
    digits = 0 if whole else 2 if max(found) >= 1.5 else 3
    text = f"{np.mean(found):.{digits}f}"
    return text if len(found) < 2 else f"{text} ± {(max(found) - min(found)) / 2:.{digits}f}"


if __name__ == "__main__":
    sys.exit(main())
