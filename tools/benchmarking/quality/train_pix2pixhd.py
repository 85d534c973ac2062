"""Trains pix2pixHD's global generator on a prepared dataset by its paper's recipe, on the same crops and for
the same minutes as the player's own generator. A run cannot be resumed.

LSGAN + 10 x feature matching; discriminators at two scales with InstanceNorm that see the stick figure; Adam
2e-4 (0.5, 0.999); linear decay over the second half. The discriminators' width is the generator's, as both
are 64 in the paper, but at least 16.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from engines.painting.generator import VARIANTS, Generator, LiveGenerator, canvas_of
from tools.benchmarking.quality.pix2pixhd import (
    MULTIPLE,
    GlobalGenerator,
    Pix2PixHD,
    macs,
    nearest_ngf,
    stick_figure,
)
from tools.footage.dataset import DatasetError, Footage
from tools.scores.pictures import psnr
from tools.train.adversarial import feature_matching, least_squares_discriminator, least_squares_generator
from tools.train.crops import Crops, ahead
from tools.train.discriminators import Judgement, MultiScaleDiscriminator
from tools.train.loop import Config as PlayerConfig
from tools.train.painter import has_bf16

EXAMPLES = """\
examples:
  python -m tools.benchmarking.quality.train_pix2pixhd datasets/demo runs/pix2pixhd --minutes 20 --seed 0
  python -m tools.benchmarking.quality.train_pix2pixhd datasets/demo runs/whole --crop 512 --batch 2 --minutes
  20
"""
MODEL = "pix2pixhd.safetensors"
NARROWEST = 16
"""The fewest channels of a discriminator's first layer."""


class RecipeError(ValueError):
    """Options with which training is not possible; the text says what to give instead."""


@dataclass(frozen=True)
class Recipe:
    """The paper's settings, and the player's batches and held-out share."""

    ngf: int
    minutes: float = 20.0
    seed: int = 0
    batch: int = PlayerConfig.batch
    crop: int = 256
    held_out: float = PlayerConfig.held_out
    learning_rate: float = 2e-4
    feature_matching: float = 10.0


class BaselineTrainer:
    """One run in `folder`, which gets log.jsonl, sample pictures and, at the end, `MODEL`.

    Raises RecipeError where the crops do not fit.
    """

    def __init__(self, footage: Footage, recipe: Recipe, folder: Path, device: torch.device) -> None:
        self.crop = (min(recipe.crop, footage.size[0]), min(recipe.crop, footage.size[1]))
        for name, size in (("the crop", self.crop), (str(footage.folder), footage.size)):
            if any(side % MULTIPLE for side in size) or min(size) < 4 * MULTIPLE:
                raise RecipeError(
                    f"{name} is of {size[0]}x{size[1]}: pix2pixHD needs multiples of {MULTIPLE}, "
                    f"{4 * MULTIPLE} at least"
                )
        torch.manual_seed(recipe.seed)
        self.footage, self.recipe, self.folder, self.device = footage, recipe, folder, device
        self.train_positions, self.held_positions = footage.split(recipe.held_out)
        self.generator = GlobalGenerator(recipe.ngf).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.discriminator = MultiScaleDiscriminator(
            picture_channels=6, width=max(NARROWEST, recipe.ngf), norm="instance"
        ).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizers = [
            torch.optim.Adam(net.parameters(), lr=recipe.learning_rate, betas=(0.5, 0.999))
            for net in (self.generator, self.discriminator)
        ]
        self.step_number = 0
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, *, sample_s: float = 300, clock: Callable[[], float] = time.monotonic) -> Pix2PixHD:
        """Trains until the minutes of `clock` are spent (not counting samples), writes `MODEL` and returns
        it."""
        crops = Crops(
            self.footage, self.train_positions, None, batch=self.recipe.batch, crop=self.recipe.crop,
            seed=self.recipe.seed,
        )  # fmt: skip
        budget_s, elapsed_s, sampled_s = self.recipe.minutes * 60, 0.0, 0.0
        batches = ahead(crops, 0)
        bar = tqdm(total=round(budget_s), unit="s")
        last = clock()
        try:
            for batch in batches:
                parts = self.step(batch, elapsed_s / budget_s)
                now = clock()
                bar.update(int(elapsed_s + now - last) - int(elapsed_s))
                elapsed_s, last = elapsed_s + now - last, now
                bar.set_postfix(step=self.step_number, refresh=False)
                done = elapsed_s >= budget_s
                if done or elapsed_s - sampled_s >= sample_s:
                    self._log(parts, elapsed_s)
                    sampled_s, last = elapsed_s, clock()
                if done:
                    break
        finally:
            batches.close()
            bar.close()
        renderer = self.renderer()
        renderer.save(self.folder / MODEL)
        return renderer

    def step(self, batch: dict[str, Tensor], share: float) -> dict[str, Tensor]:
        """One update of both nets on a batch of `Crops`. share: how much of the budget is spent, 0..1.

        As in the paper's code, both learn from the same forward passes, the generator first.
        """
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.recipe.learning_rate * min(1.0, 2 * (1 - share))
        target = batch["target"].to(self.device)
        figures = [stick_figure(each.numpy(), self.footage.size, self.crop) for each in batch["landmarks"]]
        figure = torch.stack(figures).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=has_bf16(self.device)):
            painted = self.generator(figure).float()
            real = self._judge(figure, target)
            apart = self._judge(figure, painted.detach())
            self.discriminator.requires_grad_(False)
            fake = self._judge(figure, painted)
        parts = {
            "adversarial": least_squares_generator(fake.logits),
            "feature_matching": self.recipe.feature_matching * feature_matching(real, fake),
            "discriminator": least_squares_discriminator(real.logits, apart.logits),
        }
        teaching = parts["adversarial"] + parts["feature_matching"]
        self.discriminator.requires_grad_(True)
        for optimizer, loss in zip(self.optimizers, (teaching, parts["discriminator"]), strict=True):
            if not torch.isfinite(loss):
                raise FloatingPointError(
                    f"a loss is {loss.item()} at step {self.step_number}: try another --seed"
                )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        self.step_number += 1
        return {name: value.detach() for name, value in parts.items()}

    def _judge(self, figure: Tensor, picture: Tensor) -> Judgement:
        judgement: Judgement = self.discriminator(torch.cat([figure, picture], dim=1))
        return judgement

    def renderer(self) -> Pix2PixHD:
        """The present generator, for judging."""
        return Pix2PixHD(self.generator, self.footage.size)

    def sample(self, count: int = 8) -> float:
        """Writes truth over output for held-out frames, and returns their mean foreground PSNR in dB."""
        chosen = self.held_positions[np.linspace(0, len(self.held_positions) - 1, count).astype(int)]
        renderer, columns, scores = self.renderer(), [], []
        for position in chosen.tolist():
            truth, mask = self.footage.frame(position), self.footage.mask(position) > 127
            output = np.empty_like(truth)
            renderer(self.footage.landmarks[position], output)
            scores.append(psnr(output, truth, mask))
            columns.append(np.vstack([truth, output]))
        self.generator.train()
        (self.folder / "samples").mkdir(exist_ok=True)
        path = self.folder / f"samples/{self.step_number:07d}.jpg"
        if not cv2.imwrite(str(path), np.hstack(columns)):
            raise OSError(f"cannot write {path}")
        return float(np.mean(scores))

    def _log(self, parts: dict[str, Tensor], elapsed_s: float) -> None:
        score = self.sample()
        line = {
            "step": self.step_number,
            "elapsed_s": round(elapsed_s, 1),
            "held_out_foreground_psnr": round(score, 2),
            **{name: round(float(value), 5) for name, value in parts.items()},
        }
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        tqdm.write(
            f"{elapsed_s / 60:.0f} min, step {self.step_number}: "
            f"{score:.2f} dB foreground PSNR on held-out frames"
        )


def equal_ngf(variant: str, size: tuple[int, int], body_px: float) -> int:
    """The ngf with about the arithmetic of the player's generator of `variant`, on a picture of `size` with a
    player `body_px` high."""
    with torch.device("meta"):
        net = LiveGenerator(Generator(variant, body_px))
        canvas = canvas_of(size, net.generator.multiple)
        return nearest_ngf(macs(net, *net.example(canvas).values()), size)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.benchmarking.quality.train_pix2pixhd",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("folder", type=Path, help=f"where {MODEL}, log.jsonl and samples are written")
    parser.add_argument("--minutes", type=float, default=Recipe.minutes, help="budget (default %(default)s)")
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--batch", type=int, default=Recipe.batch, help="(default %(default)s)")
    parser.add_argument("--crop", type=int, default=Recipe.crop, help="side in pixels (default %(default)s)")
    parser.add_argument("--ngf", type=int, help="width (default: as many MACs as --variant)")
    parser.add_argument(
        "--variant", choices=VARIANTS, default=PlayerConfig.variant, help="(default %(default)s)"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default %(default)s)")
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        footage = Footage.open(options.dataset)
        recipe = Recipe(
            ngf=options.ngf or equal_ngf(options.variant, footage.size, footage.body.near.height),
            minutes=options.minutes,
            seed=options.seed,
            batch=options.batch,
            crop=options.crop,
        )
        trainer = BaselineTrainer(footage, recipe, options.folder, device)
        print(f"pix2pixHD, ngf {recipe.ngf}, on {device}; samples in {trainer.folder / 'samples'}")
        trainer.run()
    except (DatasetError, RecipeError, OSError, FloatingPointError) as error:
        print(f"train_pix2pixhd: {error}", file=sys.stderr)
        return 1
    except torch.OutOfMemoryError:
        print(
            f"train_pix2pixhd: out of GPU memory: try --batch {max(1, options.batch // 2)}", file=sys.stderr
        )
        return 1
    except KeyboardInterrupt:
        print("\ntrain_pix2pixhd: stopped; nothing to go on from is kept", file=sys.stderr)
        return 130
    print(trainer.folder / MODEL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
