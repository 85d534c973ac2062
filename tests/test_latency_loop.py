"""The latency that a show measures, against the pictures of a show that films itself: real processes."""

from pathlib import Path

import pytest

from calibration.latency import LatencyError
from tools.benchmarking.latency_loop import TICK_MS, Measured, run
from tools.benchmarking.playing import CannotMeasure

TRIES = 3
"""A machine that is busy for seconds loses the viewer's pictures, or has times that differ too much."""


def test_the_sum_of_the_stamps_is_the_time_of_a_round(tmp_path: Path) -> None:
    tried: list[Measured | str] = []
    for n in range(TRIES):
        folder = tmp_path / str(n)
        folder.mkdir()
        try:
            found = run(8, folder)
        except (CannotMeasure, LatencyError) as error:
            tried.append(str(error))
            continue
        tried.append(found)
        if abs(found.apart_ms) <= TICK_MS and found.rounds > 50 and found.readings > 20:
            return
    pytest.fail(f"the show's own figure is not the time of a round: {tried}")
