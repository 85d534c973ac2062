from __future__ import annotations

import numpy as np

from realtime.pictures.stamps import Stamps

MS = 1_000_000
PERIOD = 40 * MS


def times(stamps_ms: list[tuple[float | None, float | None]], *, may_jump: bool = False) -> list[float]:
    give = Stamps(PERIOD, may_jump=may_jump)
    as_ns = [tuple(None if ms is None else round(ms * MS) for ms in pair) for pair in stamps_ms]
    return [give(presented, decoded) / MS for presented, decoded in as_ns]


def test_good_stamps_are_kept_from_the_first_on() -> None:
    assert times([(500, 400), (533, 433), (900, 466), (901, 500)]) == [0, 33, 400, 401]


def test_frames_without_stamps_follow_at_the_usual_rate() -> None:
    assert times([(None, None)] * 3) == [0, 40, 80]
    assert times([(100, None), (None, None), (180, None)]) == [0, 40, 80]


def test_decoding_stamps_serve_where_there_are_no_others() -> None:
    assert times([(None, 80), (None, 120), (None, 160), (None, None)]) == [0, 40, 80, 120]


def test_decoding_stamps_serve_once_the_others_have_gone_back() -> None:
    presented = [40, 160, 120, 200, 80, 320, 280, 360, 240]
    found = times([(ms, 80 + 40 * n) for n, ms in enumerate(presented)])
    assert (np.diff(found) > 0).all()
    assert found[-4:] == [240 - 40 + 40 * n for n in range(1, 5)], "each 40 ms after the one before"


def test_one_wrong_stamp_shifts_no_other() -> None:
    assert times([(0, None), (40, None), (30, None), (120, None)]) == [0, 40, 50, 120]


def test_a_clock_that_is_set_back_goes_on() -> None:
    assert times([(9000, 9000), (9040, 9040), (0, 0), (40, 40)]) == [0, 40, 80, 120]
    near = [(0, 0), (40, 40), (80, 80), (0, 0), (40, 40), (80, 80)]
    found = times(near)
    assert (np.diff(found) > 0).all() and found[-1] - found[-2] == 40


def test_only_a_clock_that_may_jump_is_held_when_it_does() -> None:
    far = [(0, 0), (40, 40), (3_600_000, 3_600_000), (3_600_040, 3_600_040)]
    assert times(far) == [0, 40, 3_600_000, 3_600_040], "a long still in a file"
    assert times(far, may_jump=True) == [0, 40, 80, 120]
