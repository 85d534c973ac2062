from __future__ import annotations

import math

import numpy as np

from tools.evaluate.sampling import BLOCK, blocks, ratio, summary


def test_blocks_are_runs_spread_evenly_without_overlap() -> None:
    runs = blocks(1080, 300)
    assert len(runs) == 10
    assert all(len(run) == BLOCK and (np.diff(run) == 1).all() for run in runs)
    assert runs[0][0] == 0 and runs[-1][-1] == 1079
    assert len(np.unique(np.concatenate(runs))) == 300
    assert [len(run) for run in blocks(100, 0)] == [100]
    assert [len(run) for run in blocks(100, 200)] == [100]
    assert [len(run) for run in blocks(100, 7)] == [7]


def test_a_summary_is_named_and_never_infinite() -> None:
    assert summary([1.0, 2.0, 6.0]) == {"mean": 3.0, "median": 2.0, "p5": 1.0, "p95": 6.0}
    assert summary([1.0, math.nan, 3.0])["mean"] == 2.0, "what was not measured does not count"
    assert summary([1.0, math.inf])["mean"] is None
    assert summary([])["median"] is None and summary([math.nan])["p95"] is None


def test_a_ratio_of_nothing_is_nothing() -> None:
    assert ratio(3.0, 2.0) == 1.5
    assert ratio(None, 2.0) is None and ratio(1.0, None) is None and ratio(1.0, 0.0) is None
