from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.scores.pck import JOINTS, correct, joints, load_truth, torso_px


def body() -> np.ndarray:
    """(12, 2): shoulders at y 0, hips at y 100, all joints on x 0."""
    xy = np.zeros((12, 2), np.float32)
    xy[6:, 1] = 100
    return xy


def test_a_joint_counts_within_a_fifth_of_the_torso() -> None:
    found = body()
    found[3, 0] = 19.9
    found[4, 0] = 20.1
    found[5] = np.nan
    assert torso_px(body()) == 100
    assert np.flatnonzero(~correct(found, body())).tolist() == [4, 5]
    assert np.flatnonzero(~correct(found, body(), 0.1)).tolist() == [3, 4, 5]


def test_joints_are_taken_from_landmarks_by_name() -> None:
    landmarks = np.arange(33, dtype=np.float32)[:, None].repeat(4, 1)
    assert joints(landmarks)[:, 0].tolist() == list(JOINTS.values())


def test_truth_is_read_by_name_and_a_wrong_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clip.truth.npz"
    names = np.array(["nose", *reversed(JOINTS)])
    np.savez(path, names=names, xy=np.arange(13, dtype=np.float32)[None, :, None].repeat(2, 2))
    assert load_truth(path)[0, :, 0].tolist() == list(range(12, 0, -1))
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"clip\.truth\.npz"):
        load_truth(path)
