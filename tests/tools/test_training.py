"""The losses, the batches, the loop and the command, on a player who is drawn."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engines.player_pack import PlayerPack
from engines.renderer import Renderer
from tests.packs import FRAMES, GAP, HEIGHT_PX, SIZE
from tools import train
from tools.footage import DatasetError, Footage
from tools.training.dataset import GRID, Crops
from tools.training.loop import CHECKPOINT, CheckpointError, Config, Trainer
from tools.training.losses import WEIGHTS, face_weight, gradient, laplacian_pyramid, losses, masked_l1

CPU = torch.device("cpu")
CONFIG = Config(variant="nano", minutes=0.5, batch=2, crop=64, seed=3)


@pytest.fixture(scope="module")
def footage(dataset_folder: Path) -> Footage:
    return Footage.open(dataset_folder)


def crops_of(footage: Footage, *, seed: int = 3, batch: int = 2, crop: int = 64) -> Crops:
    return Crops(footage, footage.split(0.2)[0], batch=batch, crop=crop, seed=seed)


def trainer_of(footage: Footage, folder: Path, config: Config = CONFIG) -> Trainer:
    return Trainer(footage, config, folder, CPU)


def steps(trainer: Trainer, count: int) -> list[dict[str, Tensor]]:
    """Trains with a made-up clock of one second a step."""
    crops = crops_of(trainer.footage, seed=trainer.config.seed)
    parts = []
    for _ in range(count):
        parts.append(trainer.step(crops[trainer.progress.step]))
        trainer.progress.step += 1
        trainer.progress.elapsed_s += 1
    return parts


# --- losses ---


def everywhere(output: Tensor, target: Tensor) -> Tensor:
    return masked_l1(output, target, torch.ones_like(target[:, :1]))


@pytest.mark.parametrize("loss", [laplacian_pyramid, gradient, everywhere])
def test_a_loss_is_zero_on_the_same_picture_and_positive_on_another(
    loss: Callable[[Tensor, Tensor], Tensor],
) -> None:
    torch.manual_seed(0)
    picture, other = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    assert loss(picture, picture) == 0
    assert loss(picture, other) > 0.01
    assert loss(picture, other) == loss(other, picture)


def test_gradient_and_laplacian_see_edges_more_than_brightness() -> None:
    flat = torch.full((1, 3, 32, 32), 0.5)
    stripes = flat.clone()
    stripes[..., ::2] += 0.1
    assert gradient(flat + 0.1, flat) == pytest.approx(0, abs=1e-6)
    assert gradient(stripes, flat).item() == pytest.approx(0.1, rel=1e-4)
    # Only the coarsest of the levels keeps a constant difference; the finest holds the stripes.
    assert laplacian_pyramid(flat + 0.1, flat).item() == pytest.approx(0.1 * 16, rel=1e-4)
    assert laplacian_pyramid(stripes, flat).item() == pytest.approx(0.05 + 0.05 * 16, rel=1e-4)


def test_masked_l1_looks_only_at_the_mask() -> None:
    picture, other, mask = torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16), torch.zeros(1, 1, 16, 16)
    mask[..., :8] = 1
    other[..., 8:] = 1
    assert masked_l1(picture, other, mask) == 0
    assert masked_l1(picture, other, 1 - mask).item() == pytest.approx(128 / 129)
    assert masked_l1(picture, other, torch.zeros_like(mask)) == 0  # no person in the crop


def test_the_face_weight_lies_on_the_face(footage: Footage) -> None:
    landmarks = torch.from_numpy(footage.landmarks[:2])
    weight = face_weight(landmarks, SIZE[1], SIZE[0], HEIGHT_PX)
    assert weight.shape == (2, 1, SIZE[1], SIZE[0])
    row, column = divmod(int(weight[0].argmax()), SIZE[0])
    assert abs(column - footage.landmarks[0, 0, 0]) < 2 and abs(row - footage.landmarks[0, 0, 1]) < 2
    assert weight.max() > 0.95 and weight[0, 0, -20:].max() < 1e-3


def test_the_losses_are_zero_for_the_truth(footage: Footage) -> None:
    batch = dict(crops_of(footage)[0])
    sharp = (batch["mask"] > 0.5).float()
    batch["mask"] = sharp
    batch["target"] = batch["target"] * sharp + batch["plate"] * (1 - sharp)
    total, parts = losses(batch["target"], (sharp * 2 - 1) * 50, batch, HEIGHT_PX)
    assert set(parts) == set(WEIGHTS)
    assert total < 1e-4
    worse, parts = losses(1 - batch["target"], (sharp * 2 - 1) * -5, batch, HEIGHT_PX)
    assert all(part > 0.01 for part in parts.values())
    assert worse.item() == pytest.approx(sum(WEIGHTS[name] * part.item() for name, part in parts.items()))


# --- batches ---


def test_a_batch_is_drawn_from_its_seed_and_step_alone(footage: Footage) -> None:
    one, other = crops_of(footage), crops_of(footage)
    _ = other[0], other[1]
    assert all(one[5][name].equal(value) for name, value in other[5].items())
    assert not one[5]["landmarks"].equal(one[6]["landmarks"])
    assert not one[5]["landmarks"].equal(crops_of(footage, seed=4)[5]["landmarks"])


def test_a_batch_has_its_shapes_and_ranges(footage: Footage) -> None:
    batch = crops_of(footage, batch=3)[0]
    assert {name: tuple(value.shape) for name, value in batch.items()} == {
        "landmarks": (3, 33, 4), "earlier": (3, 33, 4), "previous": (3, 4, 16, 16),
        "before_previous": (3, 4, 16, 16), "target": (3, 3, 64, 64), "mask": (3, 1, 64, 64),
        "plate": (3, 3, 64, 64),
    }  # fmt: skip
    assert all(value.dtype == torch.float32 for value in batch.values())
    for name in ("previous", "before_previous", "target", "mask", "plate"):
        assert batch[name].min() >= 0 and batch[name].max() <= 1
    assert batch["mask"].any()


def test_crops_are_cut_on_the_grid_inside_the_picture(footage: Footage) -> None:
    plate = torch.from_numpy(footage.plate[..., ::-1].copy()).permute(2, 0, 1) / 255
    corners = set()
    for step in range(12):
        batch = crops_of(footage)[step]
        for item in range(2):
            matches = [
                (x, y)
                for x in range(0, SIZE[0] - 63, GRID)
                for y in range(0, SIZE[1] - 63, GRID)
                if torch.allclose(plate[:, y : y + 64, x : x + 64], batch["plate"][item])
            ]
            assert len(matches) == 1
            corners.add(matches[0])
            (x, y), shift = matches[0], batch["landmarks"][item, 0, :2].numpy()
            near = np.abs(footage.landmarks[:, 0, :2] - (shift + np.array([x, y]))).sum(axis=1)
            position = int(near.argmin())
            assert near[position] < 1e-3, "the landmarks are not moved with the crop"
            truth = footage.frame(position)[y : y + 64, x : x + 64, ::-1].transpose(2, 0, 1) / 255
            assert np.abs(batch["target"][item].numpy() - truth).max() < 1e-6
    assert len(corners) > 4


def test_a_crop_is_never_larger_than_the_picture(footage: Footage) -> None:
    assert crops_of(footage, crop=256)[0]["target"].shape == (2, 3, SIZE[1], SIZE[0])


def test_the_previous_output_comes_from_the_frame_before_alone(footage: Footage) -> None:
    positions, _ = footage.split(0.2)
    seen = {}
    for position in (
        0,
        1,
        2,
        GAP - 1,
        GAP,
        GAP + 1,
        GAP + 2,
    ):  # position GAP is frame GAP + 1: one is missing
        crops = Crops(footage, positions, batch=1, crop=SIZE[0], seed=0)
        item = crops._item(position, np.random.default_rng(0))
        seen[position] = (bool(item["previous"].any()), bool(item["before_previous"].any()))
        if seen[position][0]:
            np.testing.assert_allclose(item["earlier"], footage.landmarks[position - 1])
            alpha = item["previous"][3]
            small = footage.mask(position - 1).reshape(32, 4, 32, 4).mean(axis=(1, 3)) / 255
            assert np.abs(alpha - small).max() < 0.01
            colour = footage.frame(position - 1)[..., ::-1].reshape(32, 4, 32, 4, 3).mean(axis=(1, 3)) / 255
            assert np.abs(item["previous"][:3].transpose(1, 2, 0) - colour * alpha[..., None]).mean() < 0.02
        else:
            np.testing.assert_allclose(item["earlier"], footage.landmarks[position])
    assert seen == {
        0: (False, False), 1: (True, False), 2: (True, True), GAP - 1: (True, True),
        GAP: (False, False), GAP + 1: (True, False), GAP + 2: (True, True),
    }  # fmt: skip


def test_the_end_of_the_footage_is_held_out(footage: Footage) -> None:
    train_positions, held = footage.split(0.2)
    assert train_positions.tolist() == list(range(64)) and held.tolist() == list(range(64, FRAMES))


# --- footage ---


@pytest.mark.parametrize("name", ["dataset.json", "landmarks.npy", "indices.npy", "body.json", "plate.png"])
@pytest.mark.parametrize("damage", ["missing", "garbage"])
def test_damaged_footage_is_refused(dataset_folder: Path, tmp_path: Path, name: str, damage: str) -> None:
    folder = tmp_path / "hurt"
    folder.mkdir()
    for path in dataset_folder.glob("*.*"):
        shutil.copy(path, folder)
    if damage == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(b"\x93garbage")
    with pytest.raises(DatasetError, match="hurt"):
        Footage.open(folder)


def test_a_picture_that_cannot_be_read_is_named(dataset_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(dataset_folder, tmp_path / "hurt"))
    (folder / "frames/000003.jpg").write_bytes(b"")
    (folder / "masks/000003.png").unlink()
    footage = Footage.open(folder)
    with pytest.raises(DatasetError, match=r"frames/000003\.jpg"):
        footage.frame(3)
    with pytest.raises(DatasetError, match=r"masks/000003\.png"):
        footage.mask(3)


# --- the loop ---


def test_the_loss_goes_down(footage: Footage, tmp_path: Path) -> None:
    parts = steps(trainer_of(footage, tmp_path), 25)
    weighed = [sum(WEIGHTS[name] * value.item() for name, value in part.items()) for part in parts]
    assert np.mean(weighed[-5:]) < 0.8 * np.mean(weighed[:5])


def test_a_resumed_run_goes_on_exactly_where_it_stopped(footage: Footage, tmp_path: Path) -> None:
    config = replace(CONFIG, minutes=10 / 60, rollout_from=0.3)  # ten made-up seconds: all phases are met
    straight = trainer_of(footage, tmp_path / "straight", config)
    steps(straight, 9)
    first = trainer_of(footage, tmp_path / "broken", config)
    steps(first, 4)
    first.save()
    torch.rand(7)  # nothing hangs on torch's own random state
    second = trainer_of(footage, tmp_path / "broken", config)
    second.resume()
    assert (second.progress.step, second.progress.elapsed_s) == (4, 4.0)
    steps(second, 5)
    for net in ("net", "ema"):
        ours, theirs = getattr(second, net).state_dict(), getattr(straight, net).state_dict()
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
    for change in ({"variant": "tiny"}, {"seed": 4}, {"batch": 3}, {"learning_rate": 1e-3}):
        with pytest.raises(CheckpointError, match=f"another {next(iter(change))}.*--restart"):
            trainer_of(footage, tmp_path, replace(CONFIG, **change)).resume()


@pytest.mark.parametrize("damage", ["empty", "cut", "garbage", "foreign", "missing"])
def test_a_corrupt_checkpoint_is_named(footage: Footage, tmp_path: Path, damage: str) -> None:
    trainer = trainer_of(footage, tmp_path)
    trainer.save()
    path = tmp_path / CHECKPOINT
    if damage == "missing":
        path.unlink()
    elif damage == "foreign":
        from safetensors.torch import save_file

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


# --- the command ---


def command(dataset: Path, tmp_path: Path, *more: str) -> list[str]:
    return [
        str(dataset), str(tmp_path / "players/drawn"), "--runs", str(tmp_path / "runs"), "--variant", "nano",
        "--minutes", "0.05", "--batch", "2", "--crop", "64", *more,
    ]  # fmt: skip


def test_the_command_trains_a_player_who_can_be_rendered(
    dataset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(command(dataset_folder, tmp_path, "--name", "Drawn")) == 0
    assert "run_live.py --player" in capsys.readouterr().out
    pack = PlayerPack.load(tmp_path / "players/drawn")
    assert (pack.name, pack.variant, pack.size) == ("Drawn", "nano", SIZE)
    out = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    Renderer(pack, backend="torch")(pack.poses[0], out)
    assert out.std() > 1
    run = tmp_path / "runs/drawn"
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert log and log[-1]["step"] > 0 and list((run / "samples").glob("*.jpg"))

    # The same command again has nothing left to train, and says so; another variant is refused.
    assert train.main(command(dataset_folder, tmp_path)) == 0
    assert f"going on from step {log[-1]['step']}" in capsys.readouterr().out
    assert train.main([*command(dataset_folder, tmp_path), "--variant", "tiny"]) == 1
    assert_one_line(capsys.readouterr().err, "another variant")


def assert_one_line(error: str, said: str) -> None:
    lines = error.strip().splitlines()
    assert lines[-1].startswith("train: ") and said in lines[-1], error
    assert "Traceback" not in error


def test_wrong_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(command(tmp_path / "nowhere", tmp_path)) == 1
    assert_one_line(capsys.readouterr().err, "nowhere is no prepared dataset")


def test_a_frame_that_is_lost_is_one_line(
    dataset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(dataset_folder, tmp_path / "hurt"))
    for path in (folder / "frames").iterdir():
        path.write_bytes(b"")
    assert train.main(command(folder, tmp_path)) == 1
    assert_one_line(capsys.readouterr().err, "cannot be read: prepare the dataset again")


def test_a_loss_that_is_no_number_is_one_line(
    dataset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.training.loop.losses", lambda *_: (torch.tensor(float("nan")), {}))
    assert train.main(command(dataset_folder, tmp_path)) == 1
    assert_one_line(capsys.readouterr().err, "the loss is nan at step 0")


def test_help_is_quick_and_names_the_options() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.train", "--help"], capture_output=True, text=True, check=True
    )
    assert "--minutes" in done.stdout and "--restart" in done.stdout
