from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engines.skeleton import LIMBS
from tests.packs import standing
from tools.benchmarking.quality import ablate
from tools.benchmarking.quality.ablate import (
    COLUMNS,
    TRIALS,
    DirectGenerator,
    StickFigure,
    cell,
    result_path,
    table,
)


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    doll = torch.rand(1, 3, 64, 64) * 0.8
    pose = torch.from_numpy(standing(32, 60, 50))[None]
    return pose, torch.zeros(1, 4, 16, 16), torch.cat([doll, torch.full((1, 1, 64, 64), 0.8)], dim=1)


def test_a_stick_figure_has_the_limbs_colours_and_nothing_else() -> None:
    figure = StickFigure(50.0)(torch.from_numpy(standing(32, 60, 50))[None], 16, 16)
    assert figure.shape == (1, 3, 16, 16)
    known = {tuple(round(value / 255, 3) for value in limb.colour[::-1]) for limb in LIMBS.values()} | {
        (0, 0, 0)
    }
    seen = {tuple(round(value, 3) for value in pixel.tolist()) for pixel in figure[0].flatten(1).T}
    single = {pixel for pixel in seen if pixel in known}
    assert (0, 0, 0) in single and len(single) >= 3
    assert figure[0, :, 0, 0].eq(0).all()


@torch.no_grad()
def test_a_direct_generator_covers_its_plate() -> None:
    painting = DirectGenerator("nano", 50.0).eval()(*inputs())
    plate = torch.rand(1, 3, 64, 64)
    assert torch.allclose(painting.over(plate), painting.rgb, atol=1e-4)


def test_trials_run_once_and_are_tabulated(
    dataset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--variant", "nano", "--batch", "2", "--crop", "64", "--steps", "2", "--frames", "3"]
    arguments = [str(dataset_folder), str(tmp_path / "trials"), *small]
    assert ablate.main([*arguments, "--trials", "one frame", "no doll"]) == 0
    printed = capsys.readouterr().out
    assert "| one frame |" in printed and "| no doll |" in printed
    path = result_path(tmp_path / "trials", "no doll", 0)
    result = json.loads(path.read_text(encoding="utf-8"))
    assert result["steps"] == 2 and np.isfinite(result["psnr_db"]["person"]["mean"])

    path.write_text(json.dumps({**result, "steps": 77}), encoding="utf-8")
    assert ablate.main([*arguments, "--trials", "no doll"]) == 0
    assert "| 77 |" in capsys.readouterr().out, "what is there is not run again"


def test_pix2pixhd_needs_minutes(
    dataset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(dataset_folder), str(tmp_path), "--steps", "2", "--trials", ablate.PIX2PIXHD]
    assert ablate.main(arguments) == 1
    assert "give --minutes" in capsys.readouterr().err


def test_cells_show_the_spread_of_several_seeds() -> None:
    assert cell([18.0]) == "18.00"
    assert cell([18.0, 19.0]) == "18.50 ± 0.50"
    assert cell([0.8123]) == "0.812"
    assert cell([1500, 1600]) == "1550 ± 50"
    assert cell([None]) == "-"


def test_a_table_leaves_out_what_was_not_run(tmp_path: Path) -> None:
    lines = table(tmp_path, ["full"], [0]).splitlines()
    assert lines[-1] == "| full | " + " | ".join("-" for _ in COLUMNS) + " |"
    assert set(TRIALS) >= {"full", "no doll", "no critics", ablate.PIX2PIXHD}
