from __future__ import annotations

import math

import numpy as np
import pytest

from engines.pose.tracking.one_euro import LowPassFilter, OneEuroFilter

FRAME_NS = 33_333_000


def value(number: float) -> np.ndarray:
    return np.array([number], np.float32)


def test_the_first_value_passes() -> None:
    assert OneEuroFilter(1.0, 0.0)(value(5), 0) == 5


def test_a_step_without_speed_term_follows_the_formula() -> None:
    smooth = OneEuroFilter(min_cutoff=1.0, beta=0.0)
    smooth(value(0), 0)
    tau, seconds = 1 / (2 * math.pi), 0.1
    assert smooth(value(1), 100_000_000) == pytest.approx(1 / (1 + tau / seconds))


def test_two_short_steps_smooth_as_much_as_the_real_time_says() -> None:
    """At a third of the rate a filter with real timestamps lags the same time, not the same frames."""
    results = []
    for step in (1, 3):
        smooth = OneEuroFilter(0.5, 0.0)
        smooth(value(0), 0)
        for frame in range(step, 31, step):
            result = smooth(value(1), frame * FRAME_NS)
        results.append(float(result[0]))
    assert results[0] == pytest.approx(results[1], abs=0.05)


def test_speed_opens_the_filter_and_scale_is_part_of_speed() -> None:
    lag = []
    for beta, scale in ((0.0, 1.0), (10.0, 1.0), (10.0, 0.01)):
        smooth = OneEuroFilter(0.05, beta)
        for frame in range(20):
            result = smooth(value(frame), frame * FRAME_NS, scale)
        lag.append(19 - float(result[0]))
    still, moving, scaled = lag
    assert moving < 0.5 < scaled < still


def test_noise_at_rest_is_calmed() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(100, 1, (200, 1)).astype(np.float32)
    smooth = OneEuroFilter(0.05, 80.0)
    calm = np.array([smooth(one, i * FRAME_NS, 1 / 500) for i, one in enumerate(noise)])
    assert calm[50:].std() < 0.7 * noise[50:].std()


def test_time_that_does_not_go_on_changes_nothing() -> None:
    smooth = OneEuroFilter(1.0, 1.0)
    smooth(value(1), 100)
    assert smooth(value(9), 100) == 1
    assert smooth(value(9), 50) == 1


def test_reset_forgets() -> None:
    smooth = OneEuroFilter(1.0, 1.0)
    smooth(value(1), 0)
    smooth.reset()
    assert smooth(value(9), FRAME_NS) == 9


def test_results_are_the_callers_to_keep() -> None:
    smooth, low = OneEuroFilter(1.0, 1.0), LowPassFilter(0.1)
    smooth(value(1), 0)[0] = 99
    low(value(1))[0] = 99
    assert smooth(value(1), FRAME_NS) == 1
    assert low(value(1)) == 1


def test_low_pass() -> None:
    low = LowPassFilter(0.1)
    assert low(value(1)) == 1
    assert low(value(0)) == pytest.approx(0.9)
    low.reset()
    assert low(value(0)) == 0


def test_ahead_goes_on_as_the_values_do() -> None:
    smooth = OneEuroFilter(5.0, 10.0)
    for frame in range(60):
        result = smooth(value(2.0 * frame), frame * FRAME_NS, scale=0.01)
    assert smooth.ahead(0) == result
    assert smooth.ahead(0.1) - result == pytest.approx(0.1 * 2.0 / (FRAME_NS * 1e-9), rel=0.01)
    with pytest.raises(ValueError, match="nothing was filtered"):
        OneEuroFilter(1.0, 0.0).ahead(0.1)
