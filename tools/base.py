"""Trains a base: one generator for many people, from which every player's training starts.

    python -m tools.base datasets/people/* --out base_tiny.safetensors --minutes 240
    python -m tools.base datasets/ann datasets/bob datasets/cem --out base.safetensors --steps 3000

Each dataset is one that `tools.prepare` has written, of one person; the last fifth of each is never trained
on. `tools.train --base FILE` starts from it. None is shipped: it did not pay on real clips (docs/quality.md).
Stopped by Ctrl-C or a crash, the same command goes on from the last checkpoint (one a minute).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Generator as Steps
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from engines.folders import only_writer
from engines.generator import VARIANTS, Generator
from tools.bank import make_bank
from tools.footage import Footage
from tools.picture_scores import psnr
from tools.training.base import BODY_PX, ManyPeople, Subject, start_from, write_base
from tools.training.feed import batches
from tools.training.loop import CHECKPOINT, CROP, Config, Trainer
from tools.training.painter import Painter

FRAMES = 60
"""Of each person's footage that the doll is drawn from: it is in memory for all of them at once."""
JUDGED = 12
"""Pictures, each of another person, that a base is judged by as it is trained."""


def main(argv: list[str] | None = None) -> int:
    default = Config()
    parser = argparse.ArgumentParser(
        prog="python -m tools.base", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path, nargs="+", help="prepared footage of one person each")
    parser.add_argument("--out", type=Path, required=True, help="the base to write, .safetensors")
    parser.add_argument("--variant", choices=VARIANTS, default=default.variant)
    parser.add_argument("--minutes", type=float, default=240.0, help="budget (default %(default)s)")
    parser.add_argument("--steps", type=int, default=0, help="a budget in steps instead of minutes")
    parser.add_argument("--batch", type=int, default=default.batch)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where checkpoints and samples lie")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; more stall on a busy machine")
    parser.add_argument("--restart", action="store_true", help="forget the checkpoint and start anew")
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    try:
        return train(options)
    except (FloatingPointError, ValueError, OSError) as error:
        print(f"base: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nbase: stopped; the same command goes on from the checkpoint", file=sys.stderr)
        return 130


def train(options: argparse.Namespace) -> int:
    """Trains, and writes the base. Raises what `main` turns into one line."""
    # The frame before is often a fifth of a second away: as good as none for what is steady over time.
    config = Config(
        variant=options.variant, minutes=options.minutes, steps=options.steps, batch=options.batch,
        seed=options.seed, previous_dropout=0.3,
    )  # fmt: skip
    subjects = []
    for folder in tqdm(options.dataset, desc="dolls", unit="person"):
        footage = Footage.open(folder)
        subjects.append(Subject(footage, make_bank(footage, footage.split(config.held_out)[0], FRAMES)))
    folder = options.runs / options.out.stem
    folder.mkdir(parents=True, exist_ok=True)
    with only_writer(folder, folder):
        trainer = BaseTrainer(subjects, config, folder)
        if (folder / CHECKPOINT).exists() and not options.restart:
            trainer.resume()
            print(f"going on from step {trainer.progress.step}, {trainer.progress.elapsed_s / 60:.1f} min")
        print(f"{config.variant} of {len(subjects)} people; samples in {folder / 'samples'}")
        if trainer.progress.share(config) < 1:
            trainer.run()
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_base(trainer.generator, options.out)
    score, _ = trainer.score()
    print(f"{options.out}: {score:.2f} dB foreground PSNR on held-out frames of {JUDGED} people at most")
    print(f"next: python -m tools.train DATASET players/NAME --base {options.out}")
    return 0


class BaseTrainer(Trainer):
    """Trains on several people, one net for all."""

    def __init__(self, subjects: Sequence[Subject], config: Config, folder: Path) -> None:
        self._subjects = tuple(subjects)
        first = self._subjects[0]
        super().__init__(first.footage, first.bank, config, folder, body_px=BODY_PX)

    def batches(self) -> Steps[dict[str, Tensor], None, None]:
        """What the steps from here on are made of."""
        config = self.config
        people = ManyPeople(
            self._subjects, batch=config.batch, crop=config.crop or CROP * self.net.cell,
            step=self.net.multiple, seed=config.seed, noise_px=config.noise_px, held_out=config.held_out,
        )  # fmt: skip
        return batches(people, self.device, self.progress.step)

    def digest(self) -> str:
        """Names the footage of all."""
        every = "".join(footage.digest() for footage, _ in self._subjects)
        return hashlib.sha256(every.encode()).hexdigest()

    def _for(self, footage: Footage) -> Generator:
        """The averaged net, as a player's training would start from it."""
        net = Generator(self.config.variant, footage.body.near.height)
        start_from(net, self.generator.state_dict())
        return net

    def score(self, count: int = JUDGED) -> tuple[float, NDArray[np.uint8]]:
        """Mean foreground PSNR of a held-out frame of each of `count` people, and those frames as they
        are."""
        chosen = np.linspace(0, len(self._subjects) - 1, min(count, len(self._subjects))).astype(int)
        scores, columns = [], []
        for footage, bank in (self._subjects[row] for row in chosen):
            position = int(footage.split(self.config.held_out)[1][0])
            painter, output = Painter(self._for(footage), footage, bank), np.empty_like(footage.plate)
            for _ in range(2):  # its previous output settled
                painter(footage.landmarks[position], output)
            truth, mask = footage.frame(position), footage.mask(position) > 127
            scores.append(psnr(output, truth, mask))
            small = [cv2.resize(each, (256, 256), interpolation=cv2.INTER_AREA) for each in (truth, output)]
            columns.append(np.vstack(small))
        return float(np.mean(scores)), np.hstack(columns).astype(np.uint8)


if __name__ == "__main__":
    sys.exit(main())
