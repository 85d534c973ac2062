"""The base: one generator trained on many people, from which a player's own training starts.

What the net gives are smooth fields that bend and tint a doll (`engines.generator`): how that is done is much
the same for everybody, and a net that has done it for many people needs minutes for another.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from engines.doll.bank import Bank
from engines.generator import CELLS, Generator, cell_px
from tools.footage import Footage
from tools.training.dataset import Crops

BODY_PX = 8.0 * CELLS
"""How high people are taken to stand in the base's training: its cells are 8 pixels."""
GAINS, SWAPS = (0.6, 1.4), 0.5
"""Colours are multiplied by a gain in this range, each of the three by its own, and in this share of the
items their places are changed: to the net a shirt may have any colour."""
COLOURED = ("doll", "earlier_doll", "previous", "before_previous", "target", "earlier_target", "plate")
"""What of a batch shows colours, in its first three channels."""
FROM_BASE = 0.25
"""What the learning rate is multiplied by where training starts from a base: what it knows is to last."""


class Subject(NamedTuple):
    """One of the people that a base is trained on."""

    footage: Footage
    bank: Bank


class ManyPeople:
    """crops[step] is one batch, see `Crops`, whose items are of people drawn at random, in colours drawn at
    random.

    share: (rank, world), see `Crops`.
    """

    def __init__(
        self,
        subjects: Sequence[Subject],
        *,
        batch: int,
        crop: int,
        step: int,
        seed: int,
        noise_px: float,
        held_out: float,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self._batch, self._seed, self._share = batch, seed, share
        self._crops = [
            Crops(
                footage, footage.split(held_out)[0], bank, batch=1, crop=crop, step=step,
                cell=cell_px(BODY_PX), seed=seed, noise_px=noise_px,
            )
            for footage, bank in subjects
        ]  # fmt: skip
        sizes = {each.size for each in self._crops}
        if len(sizes) > 1:
            raise ValueError(f"the people's pictures are too small for crops of one size: {sorted(sizes)}")

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        rank, world = self._share
        items = []
        for row in range(rank, self._batch, world):
            random = np.random.default_rng([self._seed, step, row, 2])
            person = self._crops[int(random.integers(len(self._crops)))]
            items.append(recoloured(person[step * self._batch + row], random))
        return {name: torch.cat([item[name] for item in items]) for name in items[0]}


def recoloured(batch: dict[str, Tensor], random: np.random.Generator) -> dict[str, Tensor]:
    """The same with other colours, in all of it the same ones."""
    gains = random.uniform(*GAINS, 3).astype(np.float32)
    places = random.permutation(3) if random.random() < SWAPS else np.arange(3)
    gain = torch.from_numpy(gains)[:, None, None]
    changed = {}
    for name in COLOURED:
        colours, rest = batch[name][:, places], batch[name][:, 3:]
        changed[name] = torch.cat([(colours * gain).clamp(max=1), rest], dim=1)
    return batch | changed


def read_base(path: Path) -> dict[str, Tensor]:
    """Raises ValueError where it cannot be read."""
    try:
        return safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise ValueError(f"{path} is no base that can be read: {error}") from error


def write_base(net: Generator, path: Path) -> None:
    """In half precision, with BatchNorm: training goes on from it."""
    weights = {name: _half(value).contiguous() for name, value in net.state_dict().items()}
    safetensors.torch.save_file(weights, path)
    path.chmod(0o644)


def _half(value: Tensor) -> Tensor:
    return value.half() if value.is_floating_point() else value


def start_from(net: nn.Module, weights: dict[str, Tensor]) -> None:
    """Raises ValueError where they are not of this kind of net."""
    try:
        net.load_state_dict({name: value.float() for name, value in weights.items()})
    except RuntimeError as error:
        where = str(error).splitlines()[-1].strip()
        raise ValueError(f"the base does not fit this net, it is of another variant ({where})") from error
