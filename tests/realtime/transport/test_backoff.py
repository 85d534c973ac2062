import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.transport.backoff import Backoff


def test_it_waits_twice_as_long_each_time_up_to_the_most() -> None:
    backoff = Backoff(first_s=0.5, most_s=30, jitter=0.25)
    waits = [backoff.failed(0.0, chance=0.5) for _ in range(8)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_who_ran_steadily_starts_again_with_the_shortest() -> None:
    backoff = Backoff(steady_s=10)
    for _ in range(5):
        backoff.failed(9.9, chance=0.5)
    assert backoff.failed(9.9, chance=0.5) > 10
    assert backoff.failed(10.0, chance=0.5) == 0.5


@given(st.lists(st.floats(0, 1), min_size=1, max_size=2000))
def test_the_jitter_stays_within_its_share(chances: list[float]) -> None:
    backoff = Backoff(first_s=0.5, most_s=30, jitter=0.25)
    for n, chance in enumerate(chances):
        middle = min(30, 0.5 * 2 ** min(n, 100))
        assert 0.75 * middle - 1e-9 <= backoff.failed(0.0, chance) <= 1.25 * middle + 1e-9


@pytest.mark.parametrize(("asked_s", "waits_s"), [(0.1, 0.5), (40.0, 40.0)])
def test_what_the_server_asked_for_is_never_undercut(asked_s: float, waits_s: float) -> None:
    assert Backoff().failed(0.0, 0.5, at_least_s=asked_s) == waits_s
