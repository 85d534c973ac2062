from hypothesis import given
from hypothesis import strategies as st

from realtime.link.clock_offset import KEPT, ClockOffset

TIMES = st.integers(0, 10**15)
WAYS = st.tuples(st.integers(0, 10**9), st.integers(0, 10**9))


@given(st.integers(-(10**15), 10**15), TIMES, st.lists(WAYS, min_size=1, max_size=40))
def test_the_offset_is_never_further_off_than_it_says(
    offset: int, start: int, ways: list[tuple[int, int]]
) -> None:
    clock = ClockOffset()
    for there, back in ways:
        clock.add(start, start + there - offset, start + there + back)
    assert clock.offset_ns is not None and clock.error_ns is not None
    assert abs(clock.offset_ns - offset) <= clock.error_ns
    assert clock.error_ns <= min(sum(way) for way in ways[-KEPT:]) // 2 + 1


def test_nothing_is_known_before_the_first_exchange_nor_after_forgetting() -> None:
    clock = ClockOffset()
    assert clock.offset_ns is None and clock.error_ns is None
    clock.add(10, 1000, 20)
    assert (clock.offset_ns, clock.error_ns) == (-985, 5)
    clock.forget()
    assert clock.offset_ns is None


def test_old_exchanges_are_given_up_so_that_a_drift_is_followed() -> None:
    clock = ClockOffset()
    clock.add(0, 0, 2)
    for n in range(KEPT):
        clock.add(n, n + 500, n + 10)
    assert clock.offset_ns == -495
