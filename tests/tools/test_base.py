"""One net for many people, and a player's training that starts from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from engines.player_pack import PlayerPack
from tools import base, train
from tools.bank import make_bank
from tools.footage import Footage
from tools.training.base import COLOURED, ManyPeople, Subject, read_base, recoloured
from tools.training.loop import CHECKPOINT

CHEAP = ["--loss=adversarial=0", "--loss=feature_matching=0", "--loss=temporal=0"]


@pytest.fixture(scope="module")
def second_folder(dataset_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same player, with less footage."""
    folder = tmp_path_factory.mktemp("second") / "other"
    shutil.copytree(dataset_folder, folder)
    half = len(np.load(folder / "indices.npy")) // 2
    for name in ("indices", "landmarks"):
        np.save(folder / f"{name}.npy", np.load(folder / f"{name}.npy")[:half])
    return folder


@pytest.fixture(scope="module")
def trained(dataset_folder: Path, second_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of two steps."""
    folder = tmp_path_factory.mktemp("base")
    out = folder / "bases/base_nano.safetensors"
    assert base.main([
        str(dataset_folder), str(second_folder), "--out", str(out), "--variant", "nano", "--batch", "2",
        "--steps", "2", "--runs", str(folder / "runs"),
    ]) == 0  # fmt: skip
    return out


def people(*folders: Path, share: tuple[int, int] = (0, 1)) -> ManyPeople:
    subjects = [
        Subject(footage, make_bank(footage, footage.split(0.2)[0], 6))
        for footage in map(Footage.open, folders)
    ]
    return ManyPeople(subjects, batch=4, crop=64, step=32, seed=5, noise_px=0.5, held_out=0.2, share=share)


def test_batches_are_of_all_people_and_depend_on_their_step_alone(
    dataset_folder: Path, second_folder: Path
) -> None:
    one, again = (people(dataset_folder, second_folder) for _ in range(2))
    batch = one[3]
    assert batch["target"].shape == (4, 3, 64, 64) and batch["previous"].shape == (4, 4, 8, 8)
    for name, value in again[3].items():
        assert torch.equal(value, batch[name]), name
    assert not torch.equal(one[4]["target"], batch["target"])
    halves = [people(dataset_folder, second_folder, share=(rank, 2))[3] for rank in (0, 1)]
    for name, value in batch.items():
        assert torch.equal(torch.stack([half[name] for half in halves], dim=1).flatten(0, 1), value), name


def test_new_colours_are_the_same_in_all_that_is_seen_and_leave_the_rest(dataset_folder: Path) -> None:
    batch = people(dataset_folder)[0]
    plain = {name: value.clone() for name, value in batch.items()}
    plain["target"][:] = torch.tensor([0.1, 0.2, 0.4])[:, None, None]
    plain["plate"] = plain["target"].clone()
    changed = {recoloured(plain, np.random.default_rng(seed))["target"][0, :, 0, 0] for seed in range(6)}
    assert len({tuple(each.tolist()) for each in changed}) == 6
    for seed in range(6):
        new = recoloured(plain, np.random.default_rng(seed))
        assert torch.equal(new["target"], new["plate"])
        for name in COLOURED:
            assert torch.equal(new[name][:, 3:], plain[name][:, 3:]), "alpha stays"
        for name in plain.keys() - set(COLOURED):
            assert torch.equal(new[name], plain[name]), name


def test_training_starts_from_the_base(
    dataset_folder: Path, tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def player(*more: str) -> PlayerPack:
        arguments = ["--runs", str(tmp_path / "runs"), "--variant", "nano", "--minutes", "0", "--restart"]
        assert train.main([str(dataset_folder), str(tmp_path / "drawn"), *arguments, *more]) == 0
        return PlayerPack.load(tmp_path / "drawn")

    ours, none = player("--base", str(trained)).generator(), player().generator()
    weights = read_base(trained)
    name = "head.weight"  # no BatchNorm is merged into it
    torch.testing.assert_close(ours.state_dict()[name], weights[name].float(), atol=1e-4, rtol=2e-3)
    assert not torch.equal(ours.state_dict()["head.weight"], none.state_dict()["head.weight"])


def test_a_run_goes_on_from_the_same_base_alone(
    dataset_folder: Path, tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        str(dataset_folder), str(tmp_path / "drawn"), "--runs", str(tmp_path / "runs"), "--variant", "nano",
        "--batch", "2", "--crop", "64", "--steps", "1", *CHEAP,
    ]  # fmt: skip
    assert train.main([*arguments, "--base", str(trained)]) == 0
    assert (tmp_path / "runs/drawn" / CHECKPOINT).exists()
    assert train.main(arguments) == 1
    assert "another learning_rate, base" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variant", "contents", "word"),
    [("tiny", None, "does not fit this net"), ("nano", b"nonsense", "no base that can be read")],
)
def test_a_base_that_does_not_fit_is_refused_with_one_line(
    dataset_folder: Path, tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str],
    variant: str, contents: bytes | None, word: str,
) -> None:  # fmt: skip
    other = tmp_path / "base.safetensors"
    other.write_bytes(trained.read_bytes() if contents is None else contents)
    arguments = [str(dataset_folder), str(tmp_path / "drawn"), "--runs", str(tmp_path / "runs")]
    given = ["--variant", variant, "--minutes", "0", "--base", str(other)]
    assert train.main([*arguments, *given]) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("train: ") and word in said
    assert train.main([*arguments, "--base", str(tmp_path / "nowhere")]) == 1
    assert "there is no base" in capsys.readouterr().err


def test_the_base_is_small_and_of_all_the_net(trained: Path) -> None:
    weights = load_file(trained)
    assert any(name.endswith("running_mean") for name in weights), "training goes on from it"
    assert trained.stat().st_size < 4_000_000
