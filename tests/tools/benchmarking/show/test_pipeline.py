from __future__ import annotations

from pathlib import Path

import pytest

from tools.benchmarking.show.pipeline import PipelineError, measure, rows

REPORT = {
    "frames": {"captured": 310, "posed": 309, "generated": 305, "shown": 300, "dropped": {"nobody": 4}},
    "latency_ms": {
        "pose": {"p50": 8.0, "p95": 12.0, "p99": 15.0},
        "capture_to_programme": {"p50": 42.0, "p95": 50.0, "p99": 66.0},
    },
    "programme": {"fps": 30.0, "ticks": 300, "missed": 1, "seconds": {"live": 9.5}},
    "backend": {"pose": "openvino", "generator": "openvino bf16"},
}


def test_pictures_a_second_are_those_that_were_new_in_the_programme() -> None:
    found, notes = rows(REPORT, cores=1.25)
    figures = {row.what: row.figures for row in found}
    assert figures["new pictures in the programme"]["per_second"] == 30.0
    assert figures["capture to programme"] == {"ms_p50": 42.0, "ms_p95": 50.0, "ms_p99": 66.0}
    assert list(figures)[1] == "pose"
    assert "1 ticks missed of 300" in notes[0] and "4 nobody" in notes[0] and "1.25 cores" in notes[0]


def test_a_show_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="no such file"):
        measure(tmp_path / "none.mp4", tmp_path, "auto", 1.0)
