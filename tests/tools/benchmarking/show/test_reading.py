from __future__ import annotations

from pathlib import Path

from tests.realtime.pictures.odd_videos import greys, write_video
from tools.benchmarking.show.reading import measure


def test_both_are_measured_beyond_the_end_of_the_file(tmp_path: Path) -> None:
    ours, theirs = measure(write_video(tmp_path / "a.mp4", greys(8)), rounds=20)
    assert (ours.what, theirs.what) == ("ours", "OpenCV")
    for row in (ours, theirs):
        assert row.figures["samples"] == 15 and row.figures["cpu_ms_p50"] > 0
    assert ours.figures["cpu_times_ours"] == 1
