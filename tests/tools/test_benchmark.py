from __future__ import annotations

from pathlib import Path

import pytest

from tools import benchmark


def test_a_missing_truth_file_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["pose", "--truth", str(tmp_path / "none.npz")]) == 1
    error = capsys.readouterr().err
    assert "none.npz" in error
    assert "Traceback" not in error


def test_a_part_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        benchmark.main([])
    assert "PART" in capsys.readouterr().err
