"""From the numbers that a camera reads to the time of a round."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.loop_lag import LONGEST_NS, LoopLag
from calibration.marker import MODULUS

PERIOD_NS = 33_333_333


class Clock:
    def __init__(self, start_ns: int = 0) -> None:
        self.start_ns = start_ns

    def tick_at(self, now_ns: int) -> int:
        return (now_ns - self.start_ns) // PERIOD_NS

    def due_ns(self, tick: int) -> int:
        return self.start_ns + tick * PERIOD_NS


@given(st.integers(0, 10**6), st.integers(0, LONGEST_NS), st.integers(0, 10**15))
def test_the_lag_is_found_however_long_the_show_has_run(tick: int, lag_ns: int, start_ns: int) -> None:
    found, clock = LoopLag(), Clock(start_ns)
    found.heard(tick % MODULUS, clock.due_ns(tick) + lag_ns, clock)
    assert found.lag is not None
    assert found.lag.median_ms == pytest.approx(lag_ns / 1e6)
    assert found.lag.readings == 1


def test_what_cannot_be_is_left_out() -> None:
    found, clock = LoopLag(), Clock()
    found.heard(5, clock.due_ns(5) + LONGEST_NS + 1, clock)
    found.heard(900, clock.due_ns(10), clock)  # as if it had been drawn before the show
    assert found.lag is None


def test_the_median_and_how_the_readings_lie_about_it() -> None:
    found, clock = LoopLag(), Clock()
    for tick, lag_ms in enumerate([100, 110, 120, 130, 700]):
        found.heard(tick, clock.due_ns(tick) + lag_ms * 1_000_000, clock)
    assert found.lag is not None
    assert (found.lag.median_ms, found.lag.within_ms, found.lag.readings) == (120, 10, 5)
    for tick in range(1000):
        found.heard(tick % MODULUS, clock.due_ns(tick) + 50_000_000, clock)
    assert found.lag is not None
    assert (found.lag.median_ms, found.lag.readings) == (50, 300), "the newest ones"
