from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.programme.timing.clock import ProgrammeClock

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
def test_ticks_are_in_time_or_given_up_and_counted(fps: Fraction, start: int, gaps: list[int]) -> None:
    clock = ProgrammeClock(fps, start)
    now = start
    taken: list[int] = []
    for gap in gaps:
        now += gap
        tick = clock.take(now)
        if tick is not None:
            assert clock.due_ns(tick) <= now < clock.due_ns(tick + 1), "early, or too late"
            taken.append(tick)
        assert clock.take(now) is None, "one at a time"
        assert now < clock.due_ns(clock.next_tick)
    assert taken == sorted(set(taken))
    assert len(taken) + clock.missed == clock.next_tick, "every tick is handed out or missed"


@given(RATES, st.lists(st.integers(0, 200_000_000), min_size=1, max_size=200))
def test_the_programme_is_never_faster_than_real_time(fps: Fraction, works_ns: list[int]) -> None:
    """The playout's loop in simulated time: it sleeps until a tick is due, and each takes its time."""
    clock = ProgrammeClock(fps, 0)
    now = 0
    times: list[int] = []
    for work_ns in works_ns:
        now = max(now, clock.due_ns(clock.next_tick))
        tick = clock.take(now)
        assert tick is not None
        times.append(now)
        now += work_ns
    for first in range(len(times)):
        for last in (first + 1, first + 2, first + 10):
            if last < len(times):
                most = (times[last] - times[first]) * fps / SECOND + 1
                assert last - first <= most, "more ticks than their time has room for"


def test_a_minute_too_slow_is_not_caught_up_with() -> None:
    """25 of 30 pictures a second for a minute, then time for all of them."""
    clock = ProgrammeClock(Fraction(30), 0)
    now, taken = 0, 0
    while now < 60 * SECOND:
        now = max(now, clock.due_ns(clock.next_tick))
        assert clock.take(now) is not None
        taken += 1
        now += SECOND // 25
    assert clock.missed == pytest.approx(60 * 5, abs=3)
    assert taken + clock.missed == clock.next_tick
    assert now - clock.due_ns(clock.next_tick) < SECOND / 30
    before = taken
    while now < 61 * SECOND:
        now = max(now, clock.due_ns(clock.next_tick))
        assert clock.take(now) is not None
        taken += 1
        now += SECOND // 100
    assert taken - before <= 31


def test_a_caller_in_time_misses_nothing() -> None:
    clock = ProgrammeClock(Fraction(30), 0)
    for tick in range(300):
        assert clock.take(clock.due_ns(tick) + 5_000_000) == tick
        assert clock.take(clock.due_ns(tick) + 5_000_000) is None
    assert clock.missed == 0


def test_a_rate_must_be_positive() -> None:
    with pytest.raises(ValueError, match="not above 0"):
        ProgrammeClock(Fraction(0), 0)
