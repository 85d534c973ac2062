"""What a GPU is fed with is what a CPU is, and no step waits for it. Nothing of this was run on a GPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils._python_dispatch import _disable_current_modes

from tests.packs import bank_of
from tests.tools.train.waits import Waits
from tests.training_runs import CONFIG, CPU, CRITICS, crops_of
from tools.footage.dataset import Footage
from tools.train import feed
from tools.train.crops import HOST_LANDMARKS, Crops, ahead
from tools.train.distributed import Process
from tools.train.feed import DeviceCrops, Plans, Store, batches, place_for
from tools.train.loop import LOOK_EVERY, Trainer

META = torch.device("meta")
STEPS = (0, 1, 7, 40)
ROLLOUT = 1
"""A step in which the net sees its own output; the third is one without."""


@pytest.fixture(scope="module")
def crops(footage: Footage) -> Crops:
    return crops_of(footage, batch=6)


@pytest.fixture(scope="module")
def store(crops: Crops) -> Store:
    return Store(crops.footage, crops.positions, CPU)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("noise_px", [0.0, 2.0])
def test_a_batch_made_on_the_device_is_that_of_the_host(
    footage: Footage, store: Store, step: int, noise_px: float
) -> None:
    positions, _ = footage.split(0.2)
    crops = Crops(footage, positions, bank_of(footage), batch=6, crop=64, seed=3, noise_px=noise_px)
    theirs, ours = crops[step], DeviceCrops(crops, store, CPU)(Plans(crops)[step])
    assert set(ours) == {*theirs, HOST_LANDMARKS}
    for name, value in theirs.items():
        assert ours[name].shape == value.shape and ours[name].dtype == value.dtype, name
        if "doll" in name:  # the host's is drawn in bytes, with coordinates in 1/32 of a pixel
            off = (ours[name] - value).abs()
            assert off.mean() < 0.5 / 255 and value.mean() > 0.01, name
            assert (off > 16 / 255).float().mean() < 0.01, name
        else:
            torch.testing.assert_close(ours[name], value, rtol=0, atol=1e-6, msg=name)
    torch.testing.assert_close(ours[HOST_LANDMARKS], theirs["landmarks"])


def test_frames_without_one_before_them_are_fed_alike(footage: Footage, store: Store) -> None:
    bank = bank_of(footage)
    crops = Crops(footage, np.arange(2), bank, batch=8, crop=64, seed=1)
    theirs, ours = crops[0], DeviceCrops(crops, store, CPU)(Plans(crops)[0])
    gone = (theirs["before_previous"] == 0).flatten(1).all(dim=1)
    assert gone.all() and (theirs["previous"] == 0).flatten(1).all(dim=1).any()
    for name in ("previous", "before_previous", "earlier_target"):
        torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=1e-6)


def test_without_a_doll_and_in_shares_it_is_the_same(footage: Footage, store: Store) -> None:
    positions, _ = footage.split(0.2)
    for share in ((0, 2), (1, 2)):
        crops = Crops(footage, positions, None, batch=4, crop=64, seed=3, share=share)
        theirs, ours = crops[5], DeviceCrops(crops, store, CPU)(Plans(crops)[5])
        assert len(ours["target"]) == 2 and not ours["doll"].any()
        torch.testing.assert_close(ours["target"], theirs["target"])


def test_what_lies_on_the_host_is_cut_there_alike(crops: Crops, store: Store) -> None:
    plan = Plans(crops)[3]
    where = plan.positions[0], plan.corners, (64, 64)
    there = store.windows(*where, CPU)
    away = store.windows(*where, torch.device("cpu", 0))  # for torch not the device that the store is on
    assert there.float().std() > 10 and torch.equal(there, away)


@pytest.mark.parametrize(
    ("needed", "card", "host", "where"),
    [
        (20, 80, 10, "on the card"),
        (41, 80, 10, "nowhere"),
        (41, 80, 82, "on the host"),
        (41, 82, 0, "on the card"),
    ],
)
def test_where_the_footage_is_kept(needed: int, card: int, host: int, where: str) -> None:
    assert place_for(needed, card, host) == where


def test_on_a_cpu_nothing_is_stored(crops: Crops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "stored", None)
    made, known = batches(crops, CPU, 4), ahead(crops, 4)
    for name, value in next(known).items():
        torch.testing.assert_close(next(batches(crops, CPU, 4))[name], value, rtol=0, atol=0)
    made.close(), known.close()


def test_footage_that_fits_nowhere_is_uploaded_as_it_is_made(
    crops: Crops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "stored", lambda *_: None)
    made = batches(crops, META, 0)
    batch = next(made)
    made.close()
    assert batch["target"].device == META and batch[HOST_LANDMARKS].device == CPU


class Meta(Trainer):
    """Trains on torch's device "meta": nothing is computed, and nothing can be read from it."""

    def save(self) -> None:
        """There is nothing to write."""


def eager_to_be_seen(footage: Footage, folder: Path, device: torch.device) -> Trainer:
    config = replace(
        CONFIG, weights=CRITICS, rollout_from=0.0, critics_from=0.0, batch=4, steps=2 * LOOK_EVERY
    )
    kind = Meta if device == META else Trainer
    return kind(footage, bank_of(footage), config, folder, Process(0, 1, device))


def test_no_step_waits_for_the_device(footage: Footage, tmp_path: Path) -> None:
    trainer = eager_to_be_seen(footage, tmp_path, META)
    crops = crops_of(footage, batch=4)
    plans = Plans(crops)
    make = DeviceCrops(crops, Store(footage, crops.positions, META), META)
    parts = set()
    with Waits(META) as waits:
        for trainer.progress.step in (3, ROLLOUT):
            parts |= set(trainer.step(make(plans[trainer.progress.step])))
    assert not waits.found
    assert {"adversarial", "temporal"} <= parts
    trainer.progress.step = LOOK_EVERY
    with pytest.raises(RuntimeError, match="meta"):  # the loss is looked at
        trainer.step(make(plans[LOOK_EVERY]))


def test_no_step_makes_tensors_of_pythons_data(
    footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_numpy = torch.from_numpy

    def on_the_host(array: NDArray[np.generic]) -> torch.Tensor:
        """What `upload` begins with."""
        with _disable_current_modes():
            return from_numpy(array)

    monkeypatch.setattr(torch, "from_numpy", on_the_host)
    trainer = eager_to_be_seen(footage, tmp_path, CPU)
    trainer._look_every = LOOK_EVERY
    crops = crops_of(footage, batch=4)
    plans, make = Plans(crops), DeviceCrops(crops, Store(footage, crops.positions, CPU), CPU)
    trainer.progress.step = ROLLOUT
    for _ in range(2):
        batch, optimizers = make(plans[ROLLOUT]), trainer._optimizers().values()
        states = [state for each in optimizers for state in each.state.values()]
        host = [state["step"] for state in states] + [trainer.ema.n_averaged, batch[HOST_LANDMARKS]]
        with Waits(CPU, host) as waits:
            trainer.step(batch)
    assert not waits.found, "once the optimizers have their state"


@pytest.mark.parametrize(
    ("device", "wait"),
    [
        (CPU, lambda x: x[[0, 1]]),
        (CPU, lambda x: x.sum().item()),
        (CPU, lambda x: x[x > 0]),
        (META, lambda x: x + torch.ones(2).to(META)),
        (META, lambda x: x.copy_(torch.ones(2))),
    ],
    ids=["a list as the index", "a number that is read", "a mask", "a copy that waits", "another"],
)
def test_the_rule_finds(device: torch.device, wait: object) -> None:
    x = torch.ones(2, device=device)
    with Waits(device) as waits:
        wait(x)  # type: ignore[operator]  # a small function
    assert waits.found
