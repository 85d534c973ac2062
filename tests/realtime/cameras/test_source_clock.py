import numpy as np

from realtime.cameras.source_clock import SourceClock

MS, S = 1_000_000, 1_000_000_000
PERIOD = 33 * MS


def taken(delays_ms: list[float], *, offset_ns: int = 7 * S, drift_ppm: float = 0) -> np.ndarray:
    """(n, 3): when pictures of a sender were taken, when they arrived, and when they are said to be taken."""
    clock, rows = SourceClock(), []
    for n, delay_ms in enumerate(delays_ms):
        true_ns = 100 * S + n * PERIOD
        stamp_ns = true_ns + offset_ns + round(n * PERIOD * drift_ppm / 1e6)
        arrived_ns = true_ns + round(delay_ms * MS)
        rows.append((true_ns, arrived_ns, clock(stamp_ns, arrived_ns)))
    return np.array(rows)


def test_the_jitter_of_the_network_is_gone_and_the_quickest_way_counts_as_none() -> None:
    rng = np.random.default_rng(1)
    rows = taken([5 + 10 * rng.random() for _ in range(300)])
    assert np.all(rows[:, 2] <= rows[:, 1]), "never after it arrived"
    assert np.all(np.diff(rows[:, 2]) > 0)
    late = rows[60:]
    assert np.ptp(late[:, 2] - late[:, 0]) < 1.5 * MS, "of 10 ms"
    assert np.all(late[:, 2] - late[:, 0] >= 5 * MS)


def test_clocks_that_drift_apart_are_followed() -> None:
    rows = taken([5.0] * 3000, drift_ppm=-50)  # the sender's clock falls behind: pictures seem ever later
    assert np.all(rows[:, 1] - rows[:, 2] < 1 * MS)
    rows = taken([5.0] * 3000, drift_ppm=50)
    assert np.all(rows[:, 1] - rows[:, 2] < 1 * MS)


def test_a_clock_that_is_set_is_believed_from_then_on() -> None:
    clock = SourceClock()
    for n in range(10):
        clock(50 * S + n * PERIOD, 100 * S + n * PERIOD)
    for jump_ns in (-3600 * S, 3600 * S):
        arrived_ns = 101 * S + (0 if jump_ns < 0 else S)
        assert clock(50 * S + jump_ns, arrived_ns) == arrived_ns


def test_a_late_first_picture_does_not_turn_the_time_back() -> None:
    rows = taken([80.0, 50.0, 20.0, 5.0])
    assert np.all(np.diff(rows[:, 2]) > 0)
    assert np.all(rows[:, 2] <= rows[:, 1])
