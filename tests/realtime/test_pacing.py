from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.pacing import ProgrammeClock

SECOND = 1_000_000_000
RATES = st.one_of(
    st.sampled_from([Fraction(24), Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(60)]),
    st.fractions(min_value=1, max_value=120, max_denominator=1001),
)


def test_ntsc_does_not_drift_in_a_day() -> None:
    clock = ProgrammeClock(Fraction(30000, 1001), 0)
    assert clock.due_ns(30000 * 86) == 1001 * 86 * SECOND
    assert clock.tick_at(1001 * 86 * SECOND) == 30000 * 86
    assert clock.tick_at(1001 * 86 * SECOND - 1) == 30000 * 86 - 1


@given(RATES, st.integers(0, 10**18), st.integers(0, 10**7))
def test_due_and_tick_at_agree(fps: Fraction, start: int, tick: int) -> None:
    clock = ProgrammeClock(fps, start)
    assert clock.tick_at(clock.due_ns(tick)) == tick
    assert clock.tick_at(clock.due_ns(tick) - 1) == tick - 1
    assert 0 <= clock.due_ns(tick) - start - tick * SECOND / fps < 1


@given(RATES, st.integers(0, 10**12), st.lists(st.integers(0, 300_000_000), max_size=100))
def test_no_tick_is_skipped_or_early_whatever_the_timing(fps: Fraction, start: int, gaps: list[int]) -> None:
    clock = ProgrammeClock(fps, start)
    now = start
    taken: list[int] = []
    late = 0
    for gap in gaps:
        now += gap
        while (tick := clock.take(now)) is not None:
            assert clock.due_ns(tick) <= now
            late += now >= clock.due_ns(tick + 1)
            taken.append(tick)
        assert now < clock.due_ns(clock.next_tick)
        assert taken == list(range(clock.tick_at(now) + 1))
    assert clock.missed == late


def test_a_caller_in_time_misses_nothing() -> None:
    clock = ProgrammeClock(Fraction(30), 0)
    for tick in range(300):
        assert clock.take(clock.due_ns(tick) + 5_000_000) == tick
        assert clock.take(clock.due_ns(tick) + 5_000_000) is None
    assert clock.missed == 0


def test_a_rate_must_be_positive() -> None:
    with pytest.raises(ValueError, match="not above 0"):
        ProgrammeClock(Fraction(0), 0)
