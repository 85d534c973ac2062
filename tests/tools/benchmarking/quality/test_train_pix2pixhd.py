"""The baseline's training, on a player who is drawn."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.packs import SIZE
from tools.benchmarking.quality import train_pix2pixhd
from tools.benchmarking.quality.pix2pixhd import Pix2PixHD, stick_figure
from tools.benchmarking.quality.train_pix2pixhd import MODEL, BaselineTrainer, Recipe, RecipeError
from tools.evaluate.held_out import judge_held_out
from tools.evaluate.pictures import PictureJudge
from tools.footage.dataset import Footage
from tools.train.crops import Crops

CPU = torch.device("cpu")
RECIPE = Recipe(ngf=2, minutes=0.02, batch=2, crop=64, seed=1)


@pytest.fixture(scope="module")
def footage(dataset_folder: Path) -> Footage:
    return Footage.open(dataset_folder)


@pytest.fixture
def trainer(footage: Footage, tmp_path: Path) -> BaselineTrainer:
    return BaselineTrainer(footage, RECIPE, tmp_path / "run", CPU)


@pytest.fixture
def batch(footage: Footage, trainer: BaselineTrainer) -> dict[str, Tensor]:
    return Crops(footage, trainer.train_positions, None, batch=2, crop=64, seed=1)[0]


def weights(net: torch.nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in net.parameters()]


def test_a_step_moves_both_nets(trainer: BaselineTrainer, batch: dict[str, Tensor]) -> None:
    before = weights(trainer.generator), weights(trainer.discriminator)
    parts = trainer.step(batch, 0.0)
    assert set(parts) == {"adversarial", "feature_matching", "discriminator"}
    assert all(torch.isfinite(value) and value > 0 for value in parts.values())
    for net, old in zip((trainer.generator, trainer.discriminator), before, strict=True):
        assert all(not torch.equal(one, other) for one, other in zip(weights(net), old, strict=True))


def test_the_generator_does_not_move_the_discriminator(
    trainer: BaselineTrainer, batch: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        train_pix2pixhd, "least_squares_discriminator", lambda real, fake: 0 * (real[0] + fake[0]).sum()
    )
    before = weights(trainer.discriminator)
    trainer.step(batch, 0.0)
    assert all(
        torch.equal(one, other) for one, other in zip(weights(trainer.discriminator), before, strict=True)
    )


def test_a_batch_is_learned(footage: Footage, tmp_path: Path) -> None:
    recipe = Recipe(ngf=4, batch=2, crop=64, seed=1, learning_rate=2e-3)
    trainer = BaselineTrainer(footage, recipe, tmp_path / "run", CPU)
    batch = Crops(footage, trainer.train_positions, None, batch=2, crop=64, seed=1)[0]
    figure = torch.stack(
        [stick_figure(each.numpy(), footage.size, trainer.crop) for each in batch["landmarks"]]
    )

    @torch.no_grad()
    def error() -> float:
        return float((trainer.generator(figure) - batch["target"]).abs().mean())

    before = error()
    for _ in range(25):
        trainer.step(batch, 0.0)
    assert error() < 0.8 * before


@pytest.mark.parametrize(("share", "rate"), [(0.0, 2e-4), (0.5, 2e-4), (0.75, 1e-4), (1.0, 0.0)])
def test_the_rate_falls_over_the_second_half(
    trainer: BaselineTrainer, batch: dict[str, Tensor], share: float, rate: float
) -> None:
    trainer.step(batch, share)
    for optimizer in trainer.optimizers:
        assert optimizer.param_groups[0]["lr"] == pytest.approx(rate)


def test_the_seed_decides_the_result(footage: Footage, tmp_path: Path) -> None:
    def first_loss(seed: int) -> float:
        recipe = Recipe(ngf=2, batch=2, crop=64, seed=seed)
        trainer = BaselineTrainer(footage, recipe, tmp_path / "run", CPU)
        crops = Crops(footage, trainer.train_positions, None, batch=2, crop=64, seed=seed)
        return float(trainer.step(crops[0], 0.0)["feature_matching"])

    assert first_loss(1) == first_loss(1) != first_loss(2)


def test_a_loss_that_is_not_a_number_stops_the_run(
    trainer: BaselineTrainer, batch: dict[str, Tensor]
) -> None:
    batch["target"] = torch.full_like(batch["target"], torch.nan)
    with pytest.raises(FloatingPointError, match="step 0"):
        trainer.step(batch, 0.0)


def test_crops_that_do_not_fit_are_refused(footage: Footage, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="crop is of 72x72: pix2pixHD needs multiples of 16, 64 at least"):
        BaselineTrainer(footage, Recipe(ngf=2, crop=72), tmp_path, CPU)
    with pytest.raises(RecipeError, match="crop is of 32x32"):
        BaselineTrainer(footage, Recipe(ngf=2, crop=32), tmp_path, CPU)


def test_a_run_leaves_a_model_that_is_judged_as_a_player_is(
    dataset_folder: Path, footage: Footage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    arguments = [str(dataset_folder), str(folder), "--minutes", "0.02", "--batch", "2", "--crop", "64"]
    assert train_pix2pixhd.main([*arguments, "--ngf", "2"]) == 0
    assert str(folder / MODEL) in capsys.readouterr().out
    (line,) = [json.loads(each) for each in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert line["step"] > 0
    (sample,) = (folder / "samples").iterdir()
    picture = cv2.imread(str(sample))
    assert picture is not None and picture.shape == (2 * SIZE[1], 8 * SIZE[0], 3)
    result = judge_held_out(Pix2PixHD.load(folder / MODEL), footage, frames=4, judge=PictureJudge(None))
    assert result["frames"]["judged"] == 4
    assert np.isfinite(result["psnr_db"]["person"]["mean"])


def test_a_folder_that_is_no_dataset_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_pix2pixhd.main([str(tmp_path / "none"), str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("train_pix2pixhd: ") and "is no prepared dataset" in error
    assert error.count("\n") == 1
