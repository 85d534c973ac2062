from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.packs import FRAMES, write_nano_pack
from tools.evaluate import __main__ as evaluate
from tools.evaluate.pictures import PictureJudge


@pytest.fixture(autouse=True)
def without_lpips(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that has not fetched the weights: the same here and there."""
    monkeypatch.setattr(PictureJudge, "with_weights_at_hand", classmethod(lambda cls: cls(None)))


def test_the_held_out_part_is_judged_and_reported(
    pack_folder: Path, dataset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    player, dataset = pack_folder, dataset_folder
    numbers, report, pictures = tmp_path / "numbers.json", tmp_path / "report", tmp_path / "pictures"
    arguments = [str(player), str(dataset), "--json", str(numbers), "--pictures", str(pictures)]
    arguments += ["--report", str(report), "--backend", "torch", "--frames", "5"]
    assert evaluate.main(arguments) == 0
    result = json.loads(numbers.read_text(encoding="utf-8"))
    held_out = result["held_out"]
    assert held_out["frames"] == {"available": FRAMES // 5, "judged": 5, "blocks": 1}
    assert 0 < held_out["psnr_db"]["person"]["median"] < held_out["psnr_db"]["full"]["median"] < 40
    assert held_out["sharpness_of_truth"]["person"]["mean"] > 0
    assert held_out["lpips"]["full"]["mean"] is None and held_out["ms_ssim"]["full"]["mean"] is None
    assert held_out["output"].keys() == held_out["truth"].keys()
    assert held_out["warp_error"]["pairs"] == 4
    assert held_out["warp_error"]["truth_levels"]["mean"] < held_out["warp_error"]["output_levels"]["mean"]
    assert held_out["series"]["frame"] == list(range(FRAMES - 15, FRAMES - 10))
    printed = capsys.readouterr().out
    assert f"5 of {FRAMES // 5} frames judged" in printed and "PSNR, dB, person" in printed
    assert cv2.imread(str(pictures / "worst.png")) is not None
    assert json.loads((report / "report.json").read_text(encoding="utf-8")) == result
    page = (report / "index.html").read_text(encoding="utf-8")
    assert "python -m tools.perceptual" in page and "Worst moments" in page
    for file in [line.split('src="')[1].split('"')[0] for line in page.splitlines() if 'src="' in line]:
        assert (report / file).stat().st_size > 500, file


def test_two_players_are_compared_row_by_row(
    pack_folder: Path, dataset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    player, dataset = pack_folder, dataset_folder
    other = write_nano_pack(tmp_path / "other", dataset, name="Number 8")
    report = tmp_path / "report"
    arguments = [str(player), str(dataset), "--compare", str(other), "--report", str(report)]
    assert evaluate.main([*arguments, "--backend", "torch", "--frames", "4"]) == 0
    result = json.loads((report / "report.json").read_text(encoding="utf-8"))
    assert result["compared_with"]["player"] == str(other)
    assert result["compared_with"]["held_out"]["psnr_db"] == result["held_out"]["psnr_db"]
    printed = capsys.readouterr().out
    assert "A - B" in printed and "worse" not in printed, "the same weights"
    page = (report / "index.html").read_text(encoding="utf-8")
    assert "truth | A | B" in page and "Worst moments of B" in page


def test_what_cannot_be_judged_is_one_clear_line(
    pack_folder: Path, dataset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    player, dataset = pack_folder, dataset_folder
    joints = tmp_path / "joints.npz"
    np.savez(joints, xy=np.zeros((3, 2)), names=["nose"])
    for arguments, named in (
        ([str(tmp_path / "none"), str(dataset)], "none"),
        ([str(player), str(tmp_path / "nothing")], "nothing"),
        ([str(player), str(dataset), "--held-out", "1.5"], "--held-out"),
        ([str(player), str(dataset), "--json", str(tmp_path / "no" / "r.json")], "--json"),
        ([str(player), str(dataset), "--compare", str(tmp_path / "no pack")], "no pack"),
        ([str(player), str(dataset), "--truth", str(joints)], "joints.npz"),
        ([str(player), str(dataset), "--report", str(joints)], "joints.npz"),
        ([str(player), str(dataset), "--driver", str(tmp_path / "no.mp4")], "no.mp4"),
    ):  # fmt: skip
        assert evaluate.main(arguments) == 1
        error = capsys.readouterr().err
        assert named in error and error.count("\n") == 1
