from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.footage.dataset import Footage
from tools.matting.evaluate import main, score


def test_errors_and_holes_are_shares_of_the_person() -> None:
    truth = np.zeros((100, 100), np.uint8)
    truth[20:80, 30:70] = 255
    assert score(truth, truth) == (0, 0)
    pierced = truth.copy()
    pierced[40:50, 40:52] = 0
    assert score(pierced, truth) == pytest.approx((0.05, 0.05))
    shrunk = np.zeros_like(truth)
    shrunk[21:79, 31:69] = 255
    error, hole = score(shrunk, truth)
    assert error == pytest.approx(1 - 58 * 38 / 2400) and hole == 0


def test_a_dataset_is_held_against_its_truth(
    footage: Footage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alpha = np.zeros((int(footage.indices.max()) + 1, *footage.size[::-1]), np.uint8)
    for position, index in enumerate(footage.indices):
        alpha[index] = footage.mask(position)
    np.savez(tmp_path / "truth.npz", alpha=alpha)
    assert main([str(footage.folder), str(tmp_path / "truth.npz")]) == 0
    assert "error 0.0000" in capsys.readouterr().out
    assert main([str(footage.folder), str(tmp_path / "none.npz")]) == 1
    np.savez(tmp_path / "small.npz", alpha=alpha[:, ::2])
    assert main([str(footage.folder), str(tmp_path / "small.npz")]) == 1
    assert "another size" in capsys.readouterr().err
