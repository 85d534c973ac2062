from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.packs import FRAMES, SIZE, write_dataset, write_nano_pack
from tools import evaluate
from tools.picture_scores import foreground_ssim, gradient_energy, psnr

RANDOM = np.random.default_rng(0)
NOISE = RANDOM.integers(0, 256, (64, 64, 3), np.uint8)
MASK = np.zeros((64, 64), bool)
MASK[20:40, 20:44] = True


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_identical_pictures_are_perfect() -> None:
    assert psnr(NOISE, NOISE) == math.inf
    assert psnr(NOISE, NOISE, MASK) == math.inf
    assert foreground_ssim(NOISE, NOISE, MASK) == pytest.approx(1.0)


def test_psnr_of_a_known_error_counts_inside_the_mask_alone() -> None:
    truth = np.full((64, 64, 3), 100, np.uint8)
    output = truth.copy()
    output[MASK] += 10
    assert psnr(output, truth, MASK) == pytest.approx(20 * math.log10(255 / 10), abs=1e-4)
    assert psnr(output, truth) == pytest.approx(
        20 * math.log10(255 / 10) - 10 * math.log10(MASK.mean()), abs=1e-4
    )


def test_a_shifted_picture_scores_lower_and_farther_is_no_better() -> None:
    smooth = cv2.GaussianBlur(NOISE, (0, 0), 3)
    scores = [foreground_ssim(np.roll(smooth, shift, 1), smooth, MASK) for shift in (0, 1, 4)]
    assert scores[0] > scores[1] > scores[2]
    assert psnr(np.roll(smooth, 1, 1), smooth, MASK) > psnr(np.roll(smooth, 4, 1), smooth, MASK)


def test_ssim_near_the_mask_equals_ssim_of_the_whole_picture() -> None:
    output = cv2.GaussianBlur(NOISE, (0, 0), 1)
    everywhere = foreground_ssim(output, NOISE, np.ones((64, 64), bool))
    halves = [np.zeros((64, 64), bool), np.zeros((64, 64), bool)]
    halves[0][:, :32] = halves[1][:, 32:] = True
    assert np.mean([foreground_ssim(output, NOISE, half) for half in halves]) == pytest.approx(everywhere)


def test_gradient_energy_of_a_ramp_and_of_a_blur() -> None:
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[None, :, None] * 3, 64, 0).repeat(3, 2)
    assert gradient_energy(ramp, MASK) == pytest.approx(9.0)
    assert gradient_energy(cv2.GaussianBlur(NOISE, (0, 0), 2), MASK) < 0.1 * gradient_energy(NOISE, MASK)


def test_blocks_are_runs_spread_evenly_without_overlap() -> None:
    runs = evaluate.blocks(1080, 300)
    assert len(runs) == 10
    assert all(len(run) == evaluate.BLOCK and (np.diff(run) == 1).all() for run in runs)
    assert runs[0][0] == 0 and runs[-1][-1] == 1079
    assert len(np.unique(np.concatenate(runs))) == 300
    assert [len(run) for run in evaluate.blocks(100, 0)] == [100]
    assert [len(run) for run in evaluate.blocks(100, 200)] == [100]
    assert [len(run) for run in evaluate.blocks(100, 7)] == [7]


def test_a_summary_is_named_and_never_infinite() -> None:
    assert evaluate.summary([1.0, 2.0, 6.0]) == {"mean": 3.0, "median": 2.0, "p5": 1.0}
    assert evaluate.summary([1.0, math.inf])["mean"] is None
    assert evaluate.summary([])["median"] is None


def test_the_gallery_keeps_the_worst_first_and_the_even_ones(tmp_path: Path) -> None:
    gallery = evaluate.Gallery([0, 19])
    for number in range(20):
        picture = np.full((32, 64, 3), number, np.uint8)
        gallery.add(number, number, abs(number - 9.4), picture, picture)
    gallery.write(tmp_path)
    worst, even = (cv2.imread(str(tmp_path / f"{name}.png")) for name in ("worst", "even"))
    assert worst.shape == (4 * 32, 4 * 64, 3) and even.shape == (32, 4 * 64, 3)
    assert worst[30, 2] == pytest.approx(9) and worst[30, 130] == pytest.approx(10)
    assert even[30, 2, 0] == 0 and even[30, 130, 0] == 19


@pytest.fixture
def player_and_dataset(tmp_path: Path) -> tuple[Path, Path]:
    dataset = write_dataset(tmp_path / "dataset")
    return write_nano_pack(tmp_path / "player", dataset), dataset


def test_the_held_out_part_is_judged_and_reported(
    player_and_dataset: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    player, dataset = player_and_dataset
    report = tmp_path / "report.json"
    arguments = [str(player), str(dataset), "--json", str(report), "--pictures", str(tmp_path / "pictures")]
    assert evaluate.main([*arguments, "--backend", "torch", "--frames", "4"]) == 0
    result = json.loads(report.read_text())
    assert result["held_out"]["frames"] == {"available": FRAMES // 5, "judged": 4, "blocks": 1}
    assert 0 < result["held_out"]["foreground_psnr_db"]["median"] < 30
    assert result["held_out"]["output"].keys() == result["held_out"]["truth"].keys()
    assert result["held_out"]["sharpness_of_truth"]["mean"] > 0
    printed = capsys.readouterr().out
    assert f"4 of {FRAMES // 5} frames judged" in printed and "foreground SSIM" in printed
    assert cv2.imread(str(tmp_path / "pictures" / "worst.png")).shape == (2 * SIZE[1], 4 * SIZE[0], 3)


def test_what_cannot_be_judged_is_one_clear_line(
    player_and_dataset: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    player, dataset = player_and_dataset
    for arguments, named in (
        ([str(tmp_path / "none"), str(dataset)], "none"),
        ([str(player), str(tmp_path / "nothing")], "nothing"),
        ([str(player), str(dataset), "--held-out", "1.5"], "--held-out"),
        ([str(player), str(dataset), "--json", str(tmp_path / "no" / "r.json")], "--json"),
    ):
        assert evaluate.main(arguments) == 1
        error = capsys.readouterr().err
        assert named in error and error.count("\n") == 1
