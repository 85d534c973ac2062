"""What is over a soak's budget, from made-up samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tools.reliability.budget import WARM_UP_S, Slope, broken, calm, growth, latency_drift_ms, slope
from tools.reliability.sampling import Held, Sample

SECONDS = 3


def samples(
    hours: float,
    *,
    memory: Callable[[float], float] = lambda h: 100.0,
    handles: Callable[[float], int] = lambda h: 50,
    latency: Callable[[float], float] = lambda h: 60.0,
    shared: Callable[[float], float] = lambda h: 30.0,
    pid: Callable[[float], int] = lambda h: 7,
) -> list[Sample]:
    """Of one process, every three seconds. Each: hours since the start → what it holds."""
    times = np.arange(0, hours * 3600, SECONDS) / 3600
    return [
        Sample(
            h * 3600,
            {"playout": Held(pid(h), memory(h), handles(h), 10)},
            shared(h),
            {"state": "LIVE"},
            {"latency_ms": latency(h)},
        )
        for h in times
    ]


def test_a_run_in_which_nothing_grows_keeps_its_budget() -> None:
    assert broken(samples(1), 0, {}, 30) == []


@pytest.mark.parametrize("per_hour", [0.0, 0.5, 5.0])
def test_a_slope_is_found_in_noise(per_hour: float) -> None:
    random = np.random.default_rng(1)
    times = np.arange(0, 4 * 3600, 3.0)
    found = slope(times, 100 + per_hour * times / 3600 + random.normal(0, 0.5, len(times)))
    assert found is not None
    assert found.per_hour == pytest.approx(per_hour, abs=0.1)
    assert abs(found.per_hour - per_hour) <= found.within + 0.1


def test_a_slope_that_cannot_be_told_is_no_verdict() -> None:
    assert Slope(3.0, 5.0).exceeds(1.0) is None
    assert Slope(3.0, 1.0).exceeds(1.0) is True
    assert Slope(0.2, 0.5).exceeds(1.0) is False
    assert slope([0.0, 3.0, 6.0], [1.0, 2.0, 3.0]) is None


def test_memory_that_grows_is_told() -> None:
    (line,) = broken(samples(1, memory=lambda h: 100 + 20 * h), 0, {}, 30)
    assert line == "playout: its memory grows by 20.0 ± 0.0 MB an hour (allowed: 1)"


def test_memory_that_grows_while_a_process_warms_up_is_not_told() -> None:
    assert broken(samples(1, memory=lambda h: 100 + 20 * min(h, 1 / 30)), 0, {}, 30) == []


def test_only_the_newest_process_of_a_stage_counts() -> None:
    grown = samples(1, memory=lambda h: 300.0 if h < 0.5 else 100.0, pid=lambda h: 7 if h < 0.5 else 8)
    assert broken(grown, 0, {}, 30) == []


def test_handles_that_stay_open_are_told_and_those_of_viewers_are_not() -> None:
    leaking = samples(1, handles=lambda h: 50 + round(30 * h))
    assert any("file handles more than at first" in line for line in broken(leaking, 0, {}, 30))
    crowds = samples(1, handles=lambda h: 50 if (h * 60) % 1 > 0.9 else 90)
    assert broken(crowds, 0, {}, 30) == []
    assert growth([5, 9, 5, 8, 9, 9, 9, 8, 9]) == 3
    assert growth([1, 9]) == 0


def test_handles_that_a_fault_took_for_a_while_are_no_growth() -> None:
    """A supervisor has fewer while one of its processes is away."""
    hurt = [
        replace(sample, fault="webrtc-killed", processes={"playout": Held(7, 100.0, 46, 10)})
        if 0.2 < sample.at_s / 3600 < 0.21
        else sample
        for sample in samples(1)
    ]
    assert broken(hurt, 0, {}, 30) == []
    fault_s = [sample.at_s for sample in hurt if sample.fault]
    assert not [s for s in calm(hurt) if fault_s[0] <= s.at_s < fault_s[-1] + WARM_UP_S]


def test_latency_that_drifts_by_more_than_a_frame_is_told() -> None:
    drifting = samples(1, latency=lambda h: 60 + 60 * h)
    assert latency_drift_ms(drifting) == pytest.approx(40, abs=1)
    assert broken(drifting, 0, {}, 30) == ["latency: +40 ms from the first third to the last (allowed: 33)"]
    assert latency_drift_ms(samples(0.001)) is None


def test_shared_memory_ticks_and_restarts() -> None:
    lines = broken(samples(1, shared=lambda h: 30 + (h > 0.5)), 3, {"performer": 2, "playout": 0}, 30)
    assert lines == [
        "the show's shared memory grew from 30.0 to 31.0 MiB",
        "ticks: 3 never came while no fault was there",
        "performer: it was started again while no fault was there: 2 times",
    ]
