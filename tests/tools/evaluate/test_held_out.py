"""Whoever paints landmarks can be judged; a painter that copies the recording is the best there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.packs import GAP
from tools.evaluate.driver import judge_driver, painted
from tools.evaluate.gallery import Gallery
from tools.evaluate.held_out import EvaluationError, judge_held_out, true_joints
from tools.evaluate.pictures import PictureJudge
from tools.evaluate.poses import PCK
from tools.footage.dataset import Footage
from tools.scores.pck import JOINTS, joints


class Copyist:
    """Paints the recorded frame of the pose it is given, `levels` brighter in every second frame."""

    def __init__(self, footage: Footage, levels: int = 0) -> None:
        self._footage, self._levels = footage, levels
        self.resets = self.frames = 0

    def reset(self) -> None:
        self.resets += 1

    def __call__(self, landmarks: np.ndarray, out: np.ndarray) -> None:
        distance = np.abs(self._footage.landmarks - landmarks).sum(axis=(1, 2))
        out[:] = self._footage.frame(int(distance.argmin()))
        if self.frames % 2:
            out[:] = np.clip(out.astype(np.int16) + self._levels, 0, 255)
        self.frames += 1


@pytest.fixture(scope="module")
def footage(dataset_folder: Path) -> Footage:
    return Footage.open(dataset_folder)


def test_a_perfect_painter_is_as_good_as_the_recording(footage: Footage) -> None:
    copyist, gallery = Copyist(footage), Gallery()
    result = judge_held_out(
        copyist, footage, held_out=0.05, frames=0, judge=PictureJudge(None), gallery=gallery, backend="torch"
    )
    assert copyist.resets == 1 and copyist.frames == 4 == result["frames"]["judged"]
    assert result["psnr_db"]["person"]["mean"] is None, "infinite"
    assert result["ssim"]["full"]["mean"] == pytest.approx(1, abs=1e-4)
    assert (
        result["sharpness_of_truth"]["face"]["median"] == 1 == result["sharpness_of_truth"]["hands"]["median"]
    )
    assert result["output"] == result["truth"]
    assert result["warp_error"]["of_truth"] == 1 and result["warp_error"]["pairs"] == 3
    assert len(gallery.even) == 4 and len(result["series"]["psnr_db"]) == 4


def test_a_flickering_painter_is_less_steady(footage: Footage) -> None:
    result = judge_held_out(
        Copyist(footage, 20), footage, held_out=0.05, frames=0, judge=PictureJudge(None), backend="torch"
    )
    assert result["warp_error"]["of_truth"] > 2
    assert result["psnr_db"]["full"]["p5"] == pytest.approx(20 * np.log10(255 / 20), abs=0.3)


def test_a_missing_frame_breaks_the_run(footage: Footage) -> None:
    near = slice(GAP - 2, GAP + 2)
    around_the_gap = replace(footage, landmarks=footage.landmarks[near], indices=footage.indices[near])
    copyist = Copyist(around_the_gap)
    result = judge_held_out(
        copyist, around_the_gap, held_out=0.9, frames=0, judge=PictureJudge(None), backend="torch"
    )
    assert copyist.resets == 2
    assert result["frames"]["judged"] == 4 and result["warp_error"]["pairs"] == 2


def test_poses_are_judged_by_the_true_joints_of_their_source(footage: Footage, tmp_path: Path) -> None:
    path = tmp_path / "truth.npz"
    every = np.zeros((int(footage.indices.max()) + 1, 12, 2), np.float32)
    every[footage.indices] = joints(footage.landmarks)
    content = {"xy": every, "names": list(JOINTS), "width": 128, "height": 128}
    np.savez(path, **content)
    true = true_joints(path, footage)
    assert (true == every).all()
    result = judge_held_out(
        Copyist(footage), footage, held_out=0.03, true_joints=true, judge=PictureJudge(None), backend="torch"
    )
    assert result["poses_compared_with"] == "true joints" and PCK[0.1] in result["output"]
    for changed in ({"width": 640}, {"xy": every[:10]}):
        np.savez(path, **{**content, **changed})
        with pytest.raises(EvaluationError, match="its own source's joints"):
            true_joints(path, footage)


def test_no_frames_to_judge_is_said(footage: Footage) -> None:
    with pytest.raises(EvaluationError, match="no frames to judge"):
        judge_held_out(Copyist(footage), footage, held_out=1e-20, judge=PictureJudge(None), backend="torch")


def test_a_driver_is_judged_without_a_recording(footage: Footage) -> None:
    poses = [None, *footage.landmarks[:3], None, footage.landmarks[9]]
    copyist, gallery = Copyist(footage), Gallery()
    result = judge_driver(
        copyist, poses, footage.plate, body=footage.body, frames=0, gallery=gallery, backend="torch"
    )
    assert copyist.frames == 4 and copyist.resets == 2
    assert result["frames"] == {"available": 6, "judged": 4, "blocks": 1}
    assert result["warp_error"]["pairs"] == 2 and result["warp_error"]["output_levels"]["mean"] < 10
    assert gallery.even and gallery.even[0].truth is None
    with pytest.raises(EvaluationError, match="raise --frames"):
        judge_driver(copyist, [None, None], footage.plate, body=footage.body, backend="torch")


def test_the_player_is_where_the_picture_is_not_the_plate(footage: Footage) -> None:
    mask = painted(footage.frame(0), footage.plate)
    true = footage.mask(0) > 127
    assert (mask & true).sum() > 0.9 * true.sum()
    assert not painted(footage.plate, footage.plate).any()
