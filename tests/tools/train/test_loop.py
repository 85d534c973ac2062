"""The loop: it learns, and goes on exactly where it stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from tests.training_runs import (
    CHEAP,
    CONFIG,
    CRITICS,
    crops_of,
    steps,
    trainer_of,
)
from tools.footage.dataset import Footage
from tools.train.loop import CHECKPOINT, CheckpointError, Config
from tools.train.objective import Weights


def test_the_loss_goes_down(footage: Footage, tmp_path: Path) -> None:
    parts = steps(trainer_of(footage, tmp_path), 25)
    weighed = [sum(getattr(CHEAP, name) * value.item() for name, value in part.items()) for part in parts]
    assert np.mean(weighed[-5:]) < 0.8 * np.mean(weighed[:5])


@pytest.mark.parametrize("weights", [CHEAP, CRITICS], ids=["reconstruction", "critics"])
def test_a_resumed_run_goes_on_exactly_where_it_stopped(
    footage: Footage, tmp_path: Path, weights: Weights
) -> None:
    """Ten made-up seconds, in which all phases are met: stopped before, and well into, the rollouts and the
    critics' say."""
    config = replace(CONFIG, minutes=10 / 60, rollout_from=0.3, critics_from=0.3, weights=weights, seed=4)
    straight = trainer_of(footage, tmp_path / "straight", config)
    parts = steps(straight, 8)
    if weights is CRITICS:
        assert "adversarial" not in parts[2] and "adversarial" in parts[3]
        assert any("temporal" in part for part in parts)
    done = 0
    for stop in (2, 6, 8):
        trainer = trainer_of(footage, tmp_path / "broken", config)
        if done:
            trainer.resume()
        assert (trainer.progress.step, trainer.progress.elapsed_s) == (done, float(done))
        steps(trainer, stop - done)
        trainer.save()
        done = stop
        torch.rand(7)  # nothing hangs on torch's own random state
    for net in ("net", "ema", "critics"):
        ours, theirs = getattr(trainer, net).state_dict(), getattr(straight, net).state_dict()
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            torch.testing.assert_close(ours[name], value, rtol=0, atol=1e-6, msg=f"{net}.{name}")
    assert not list(tmp_path.rglob("*.part"))


def test_the_average_lags_behind_the_net(footage: Footage, tmp_path: Path) -> None:
    trainer = trainer_of(footage, tmp_path)
    before = trainer.net.head.weight.detach().clone()
    steps(trainer, 3)
    moved = (trainer.net.head.weight - before).abs().mean()
    lag = (trainer.generator.head.weight - trainer.net.head.weight).abs().mean()
    assert 0 < lag < moved


def test_a_longer_budget_may_be_resumed_but_no_other_run(footage: Footage, tmp_path: Path) -> None:
    trainer_of(footage, tmp_path).save()
    trainer_of(footage, tmp_path, replace(CONFIG, minutes=99)).resume()
    for change in (
        {"variant": "tiny"},
        {"seed": 4},
        {"batch": 3},
        {"frames": 8},
        {"learning_rate": 1e-3},
        {"weights": replace(CHEAP, face=1.0)},
    ):
        with pytest.raises(CheckpointError, match=f"another {next(iter(change))}.*--restart"):
            trainer_of(footage, tmp_path, replace(CONFIG, **change)).resume()


def test_the_same_dance_before_another_background_is_other_footage(footage: Footage, tmp_path: Path) -> None:
    trainer_of(footage, tmp_path).save()
    brighter = replace(footage, plate=np.minimum(footage.plate, 254) + np.uint8(1))
    with pytest.raises(CheckpointError, match=r"other footage.*--restart"):
        trainer_of(brighter, tmp_path).resume()


def test_a_checkpoint_from_before_there_was_a_setting_is_resumed(footage: Footage, tmp_path: Path) -> None:
    trainer_of(footage, tmp_path).save()
    path = tmp_path / CHECKPOINT
    with safe_open(path, "pt") as file:
        meta = file.metadata()
    config = json.loads(meta["config"])
    assert config.pop("noise_px") == Config.noise_px
    assert config.pop("frames") == Config.frames and meta.pop("plate")
    save_file(load_file(path), path, {**meta, "config": json.dumps(config)})
    trainer_of(footage, tmp_path).resume()


@pytest.mark.parametrize("damage", ["empty", "cut", "garbage", "foreign", "missing"])
def test_a_corrupt_checkpoint_is_named(footage: Footage, tmp_path: Path, damage: str) -> None:
    trainer = trainer_of(footage, tmp_path)
    trainer.save()
    path = tmp_path / CHECKPOINT
    if damage == "missing":
        path.unlink()
    elif damage == "foreign":
        save_file({"weight": torch.zeros(1)}, path)
    else:
        data = path.read_bytes()
        path.write_bytes({"empty": b"", "cut": data[: len(data) // 2], "garbage": bytes(1000)}[damage])
    with pytest.raises(CheckpointError, match=rf"{CHECKPOINT} cannot be read.*--restart"):
        trainer.resume()


def test_a_loss_that_is_no_number_stops_the_run(footage: Footage, tmp_path: Path) -> None:
    trainer = trainer_of(footage, tmp_path)
    before = trainer.net.head.weight.detach().clone()
    batch = dict(crops_of(footage)[0])
    batch["target"] = batch["target"] * float("nan")
    with pytest.raises(FloatingPointError, match="step 0"):
        trainer.step(batch)
    assert trainer.net.head.weight.equal(before)


ROLLOUTS = replace(CONFIG, rollout_from=0.0, seed=0)
"""Its first step has a rollout."""


@pytest.mark.parametrize("config", [ROLLOUTS, replace(ROLLOUTS, rollout_from=2.0)], ids=["with", "without"])
def test_a_rollout_takes_no_gradients_away(
    footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: Config
) -> None:
    """Autocast keeps the weights that it has lowered until its block ends, and older torch gives those of a
    rollout without gradient to what came after: so the two must not share a block."""
    monkeypatch.setattr("tools.train.painter.has_bf16", lambda device: True)
    blocks, seen = [0], []
    monkeypatch.setattr(torch, "clear_autocast_cache", lambda: blocks.append(len(blocks)))
    trainer = trainer_of(footage, tmp_path, config)
    net = trainer._parallel

    def call(*inputs: Tensor) -> object:
        seen.append((torch.is_grad_enabled(), torch.is_autocast_enabled("cpu"), len(blocks)))
        return net(*inputs)

    trainer._parallel = call
    steps(trainer, 1)
    assert all(lowered for _, lowered, _ in seen)
    if config is ROLLOUTS:
        (first, _, before), (second, _, after) = seen
        assert (first, second) == (False, True) and before < after
    else:
        assert len(seen) == 1
    for name, parameter in trainer.net.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.any() or "bias" in name, name


def test_a_step_draws_other_numbers_than_any_of_its_crops(
    footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[tuple[int, ...]] = []
    default_rng = np.random.default_rng

    def spy(seed: list[int]) -> np.random.Generator:
        seeds.append(tuple(np.random.SeedSequence(seed).generate_state(4).tolist()))
        return default_rng(seed)

    monkeypatch.setattr(np.random, "default_rng", spy)
    steps(trainer_of(footage, tmp_path), 3)
    assert len(seeds) == 3 * (CONFIG.batch + 1) and len(set(seeds)) == len(seeds)


def test_on_a_gpu_a_loss_that_is_no_number_is_found_at_the_next_look_and_never_saved(
    footage: Footage, tmp_path: Path
) -> None:
    trainer = trainer_of(footage, tmp_path)
    trainer._look_every = 3
    batch = crops_of(footage)[0]
    trainer.progress.step = 1
    trainer.step(batch | {"target": batch["target"] * torch.nan})
    with pytest.raises(FloatingPointError, match=r"not a number at step 1, or up to 3 before"):
        trainer.save()
    assert not (tmp_path / CHECKPOINT).exists()
    trainer.progress.step = 2
    trainer.step(batch)
    trainer.progress.step = 3
    with pytest.raises(FloatingPointError):
        trainer.step(batch)


def test_the_average_is_torchs_own(footage: Footage, tmp_path: Path) -> None:
    def average(old: Tensor, new: Tensor, count: Tensor) -> Tensor:
        share = 1 - min(CONFIG.ema, (1 + float(count)) / (10 + float(count)))
        return old.lerp(new, share) if old.is_floating_point() else new

    trainer = trainer_of(footage, tmp_path)
    theirs = AveragedModel(trainer.net, avg_fn=average, use_buffers=True)
    for _ in range(3):
        steps(trainer, 1)
        theirs.update_parameters(trainer.net)
    ours = trainer.ema.state_dict()
    assert ours.keys() == theirs.state_dict().keys() and int(ours["n_averaged"]) == 3
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours[name], value), name
