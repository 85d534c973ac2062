"""Strangers cannot take the operator's seats, nor keep any without watching."""

import pytest

from realtime.outputs.webrtc.seats import CONNECTING_S, OPERATOR_SEATS, Seats, TooMany


def test_strangers_fill_their_own_seats_alone() -> None:
    seats = Seats(strangers=3)
    for n in range(3):
        assert seats.take(f"s{n}", operator=False, now_s=0.0) is None
    with pytest.raises(TooMany, match="3 viewers are connected"):
        seats.take("s3", operator=False, now_s=1.0)
    for n in range(OPERATOR_SEATS):
        assert seats.take(f"o{n}", operator=True, now_s=1.0) is None
    with pytest.raises(TooMany, match=f"operators have {OPERATOR_SEATS} pictures open"):
        seats.take("more", operator=True, now_s=1.0)
    assert len(seats) == 3 + OPERATOR_SEATS
    seats.leave("s1")
    seats.leave("s1")
    assert seats.take("s3", operator=False, now_s=1.0) is None


def test_the_oldest_that_never_connected_makes_way_and_who_watches_stays() -> None:
    seats = Seats(strangers=3)
    for n in range(3):
        seats.take(f"s{n}", operator=False, now_s=n / 10)
    seats.connected("s0")
    with pytest.raises(TooMany):
        seats.take("new", operator=False, now_s=CONNECTING_S)
    assert seats.take("new", operator=False, now_s=CONNECTING_S + 0.1) == "s1"
    assert seats.take("newer", operator=False, now_s=CONNECTING_S + 0.2) == "s2"
    seats.connected("new")
    seats.connected("newer")
    with pytest.raises(TooMany):
        seats.take("late", operator=False, now_s=1000.0)
    assert len(seats) == 3
    seats.connected("s1")  # gone: nothing happens
