"""Small training runs on the player who is drawn: what the tests of training share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from engines.painting.generator import Painting
from tests.packs import bank_of
from tools.footage.dataset import Footage
from tools.train.crops import Crops
from tools.train.loop import Config, Trainer
from tools.train.objective import Weights

CHEAP = Weights(adversarial=0, feature_matching=0, temporal=0)
"""The reconstruction losses alone."""
CRITICS = replace(CHEAP, adversarial=0.2, feature_matching=2, temporal=0.1)
CONFIG = Config(variant="nano", minutes=0.5, batch=2, crop=64, seed=3, weights=CHEAP)
CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[1]


def crops_of(
    footage: Footage, *, seed: int = 3, batch: int = 2, crop: int = 64, share: tuple[int, int] = (0, 1)
) -> Crops:
    positions, _ = footage.split(0.2)
    return Crops(footage, positions, bank_of(footage), batch=batch, crop=crop, seed=seed, share=share)


def trainer_of(footage: Footage, folder: Path, config: Config = CONFIG) -> Trainer:
    return Trainer(footage, bank_of(footage), config, folder)


def steps(trainer: Trainer, count: int) -> list[dict[str, Tensor]]:
    """Trains with a made-up clock of one second a step."""
    crops = crops_of(trainer.footage, seed=trainer.config.seed, crop=trainer.config.crop)
    parts = []
    for _ in range(count):
        parts.append(trainer.step(crops[trainer.progress.step]))
        trainer.progress.step += 1
        trainer.progress.elapsed_s += 1
    return parts


def perfect(batch: dict[str, Tensor]) -> Painting:
    """What paints the batch's target."""
    logits = (batch["mask"] * 2 - 1) * 50
    tinted = torch.cat([batch["target"] * batch["mask"], batch["mask"]], dim=1)
    return Painting(
        batch["target"],
        logits,
        batch["target"],
        tinted,
        torch.ones_like(logits),
        torch.zeros_like(logits),
    )
