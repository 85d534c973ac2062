"""The command, from a dataset to a pack; killed, shared among processes, given nonsense."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor

from engines.doll.choice import Drawing, choose
from engines.doll.drawing import Doll
from engines.pack.manifest import PackManifest
from engines.pack.player_pack import PlayerPack
from engines.pack.rights import Rights
from engines.plans.atomic_folder import only_writer
from engines.rendering.renderer import Renderer
from tests.packs import SIZE
from tests.training_runs import (
    CHEAP,
    CONFIG,
    ROOT,
    steps,
    trainer_of,
)
from tools.footage.dataset import Footage
from tools.train import __main__ as train
from tools.train.loop import ALONE, CHECKPOINT, Config
from tools.train.objective import Weights, parse_weights

LOSSES = [
    f"--loss={name}=0" for name, value in asdict(Weights()).items() if value and not getattr(CHEAP, name)
]
"""For a command that trains by reconstruction alone."""


def command(dataset: Path, tmp_path: Path, *more: str, steps: int = 2) -> list[str]:
    return [
        str(dataset), str(tmp_path / "players/drawn"), "--runs", str(tmp_path / "runs"), "--variant", "nano",
        "--batch", "2", "--crop", "64", "--steps", str(steps), *LOSSES, *more,
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
    log = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert log and log[-1]["step"] == 2 and list((run / "samples").glob("*.jpg"))

    # The same command again has nothing left to train, and says so; another variant is refused.
    assert train.main(command(dataset_folder, tmp_path)) == 0
    assert "going on from step 2" in capsys.readouterr().out
    assert train.main([*command(dataset_folder, tmp_path), "--variant", "tiny"]) == 1
    assert_one_line(capsys.readouterr().err, "another variant")
    assert train.main([*command(dataset_folder, tmp_path), "--loss", "face=9"]) == 1
    assert_one_line(capsys.readouterr().err, "another weights")


def test_no_minutes_give_the_paper_doll(dataset_folder: Path, tmp_path: Path, footage: Footage) -> None:
    agreed = ["--agreed-by", "A. Jones", "--agreed-for", "home games", "--agreed-until", "2027-06-30"]
    assert train.main(command(dataset_folder, tmp_path, "--minutes", "0", *agreed, steps=0)) == 0
    pack = PlayerPack.load(tmp_path / "players/drawn")
    rights = PackManifest.load(pack.folder).rights
    assert rights == Rights("A. Jones", "home games", date(2027, 6, 30))
    out, doll = np.empty((*SIZE[::-1], 3), np.uint8), np.empty((*SIZE[::-1], 4), np.uint8)
    Renderer(pack, backend="torch")(footage.landmarks[70], out)
    pose = footage.landmarks[70]
    Doll(pack.bank).paint(pose, Drawing.of(choose(pack.bank, pose)), doll)
    drawn = doll[..., :3] + pack.plate * (1 - doll[..., 3:] / 255)
    assert np.abs(out - drawn).mean() < 8
    assert np.abs(out - drawn)[doll[..., 3] == 255].mean() < 25
    assert not (tmp_path / "runs/drawn" / CHECKPOINT).exists()


def weights_of(folder: Path) -> dict[str, Tensor]:
    return {name: value for name, value in load_file(folder / CHECKPOINT).items() if name.startswith("net.")}


def launch(arguments: list[str], *, processes: int = 1) -> subprocess.Popen[str]:
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return subprocess.Popen(
        [sys.executable, *(torchrun if processes > 1 else []), "-m", "tools.train", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip


def test_two_processes_train_what_one_does(dataset_folder: Path, tmp_path: Path) -> None:
    """Up to bfloat16's rounding, and to losses that divide by a share's own mask."""
    assert train.main(command(dataset_folder, tmp_path / "one", "--batch", "4")) == 0
    two = launch(command(dataset_folder, tmp_path / "two", "--batch", "4"), processes=2)
    said, _ = two.communicate(timeout=300)
    assert two.returncode == 0, said
    ours, theirs = (weights_of(tmp_path / each / "runs/drawn") for each in ("one", "two"))
    assert ours.keys() == theirs.keys()
    start = trainer_of(
        Footage.open(dataset_folder), tmp_path / "start", replace(CONFIG, seed=0)
    ).net.state_dict()
    moved, apart = 0.0, 0.0
    for name, value in start.items():
        if value.is_floating_point():
            moved += float((ours[f"net.{name}"] - value).abs().sum())
            apart += float((ours[f"net.{name}"] - theirs[f"net.{name}"]).abs().sum())
    assert moved > 0 and apart < 0.35 * moved
    assert PlayerPack.load(tmp_path / "two/players/drawn").variant == "nano"


def test_a_killed_run_goes_on_from_its_checkpoint(dataset_folder: Path, tmp_path: Path) -> None:
    arguments = command(dataset_folder, tmp_path, steps=3)
    config = replace(CONFIG, minutes=Config().minutes, steps=3, seed=0, weights=parse_weights(cheap_losses()))
    run = tmp_path / "runs/drawn"
    footage = Footage.open(dataset_folder)
    trainer = trainer_of(footage, run, config)
    steps(trainer, 1)
    trainer.save()
    process = launch(arguments)
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    assert any("going on from step 1" in line for line in lines)
    time.sleep(float(np.random.default_rng().uniform(0, 1)))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert train.main(arguments) == 0
    again = trainer_of(footage, run, config)
    again.resume()
    assert again.progress.step == 3
    assert PlayerPack.load(tmp_path / "players/drawn").variant == "nano"


def cheap_losses() -> list[str]:
    return [each.removeprefix("--loss=") for each in LOSSES]


def test_a_batch_that_cannot_be_shared_is_one_line(
    dataset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.train.__main__.process_group", lambda: nullcontext(ALONE._replace(world=3)))
    assert train.main(command(dataset_folder, tmp_path)) == 1
    assert_one_line(capsys.readouterr().err, "--batch 2 cannot be shared among 3 processes")


def assert_one_line(error: str, said: str) -> None:
    lines = error.strip().splitlines()
    assert lines[-1].startswith("train: ") and said in lines[-1], error
    assert "Traceback" not in error


def test_two_runs_of_one_player_do_not_mix(
    dataset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "runs/drawn"
    run.mkdir(parents=True)
    with only_writer(run, run):
        assert train.main(command(dataset_folder, tmp_path)) == 1
    assert_one_line(capsys.readouterr().err, "runs/drawn is being written by another run")
    assert not list(run.iterdir())


def test_wrong_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(command(tmp_path / "nowhere", tmp_path)) == 1
    assert_one_line(capsys.readouterr().err, "nowhere is no prepared dataset")


def test_what_is_missing_at_the_end_is_said_before_the_training(
    dataset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    players = tmp_path / "players"
    (players / "drawn" / "other").mkdir(parents=True)
    assert train.main(command(dataset_folder, tmp_path)) == 1
    assert_one_line(capsys.readouterr().err, "players/drawn is not empty and holds no player.toml")
    shutil.rmtree(players)
    assert train.main(command(dataset_folder, tmp_path, "--licences", str(tmp_path / "none.md"))) == 1
    assert_one_line(capsys.readouterr().err, "none.md")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "wrong", ["--minutes=-5", "--minutes=nan", "--steps=-1", "--batch=0", "--frames=0", "--threads=0"]
)
def test_a_number_that_makes_no_sense_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        train.main(["dataset", str(tmp_path / "player"), wrong])
    assert wrong.partition("=")[0] in capsys.readouterr().err.splitlines()[-1]


def test_a_full_disk_is_one_line_and_leaves_the_last_checkpoint(
    dataset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(tensors: object, path: Path, metadata: object = None) -> None:
        path.write_bytes(b"half")
        raise safetensors.SafetensorError("No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    assert train.main(command(dataset_folder, tmp_path, steps=1)) == 1
    assert_one_line(capsys.readouterr().err, "No space left on device): free some space")
    assert not list((tmp_path / "runs").rglob("*.part"))


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
    monkeypatch.setattr(
        "tools.train.objective.reconstruction_losses",
        lambda *_: {"foreground": torch.tensor(float("nan"))},
    )
    assert train.main(command(dataset_folder, tmp_path)) == 1
    assert_one_line(capsys.readouterr().err, "the loss is not a number at step 0")


def test_help_is_quick_and_names_the_options() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.train", "--help"], capture_output=True, encoding="utf-8", check=True
    )
    assert "--minutes" in done.stdout and "--restart" in done.stdout
