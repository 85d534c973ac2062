from realtime.control.surfaces.levers import EVERY_S, OFF_TO, ON_FROM, Fader, Switch


def test_a_switch_that_trembles_presses_once() -> None:
    switch = Switch()
    shares = (0.0, 0.5, ON_FROM, 0.5, ON_FROM, 0.45, 1.0, OFF_TO, 0.5, 0.0, 1.0)
    turned = [switch.turn(share) for share in shares]
    assert turned == [None, None, True, None, None, None, None, False, None, None, True]


def test_where_a_switch_stands_at_first_presses_nothing() -> None:
    for first in (0.0, 0.5, 1.0):
        switch = Switch(None)
        assert switch.turn(first) is None
        assert switch.turn(1.0 - first if first != 0.5 else 1.0) is (first != 1.0)


def moved(fader: Fader, share: float, now_s: float) -> float | None:
    fader.move(share)
    return fader.take(now_s)


def test_a_fader_asks_for_its_newest_position_and_not_too_often() -> None:
    fader = Fader()
    assert fader.take(0.0) is None
    assert fader.wait_s(0.0) is None
    assert moved(fader, 0.5, 0.0) == 0.5
    assert moved(fader, 0.6, EVERY_S / 2) is None
    assert moved(fader, 0.7, EVERY_S / 2) is None
    assert fader.wait_s(EVERY_S / 2) == EVERY_S / 2
    assert fader.take(EVERY_S) == 0.7
    assert fader.wait_s(EVERY_S) is None, "it stands still"


def test_a_fader_that_trembles_asks_for_nothing_but_reaches_its_ends() -> None:
    fader = Fader()
    assert moved(fader, 126 / 127, 0.0) == 126 / 127
    for n in range(1, 10):
        assert moved(fader, (125 + n % 2) / 127, float(n)) is None
    assert moved(fader, 1.0, 20.0) == 1.0
    assert moved(fader, 1 / 127, 30.0) == 1 / 127
    assert moved(fader, 0.0, 40.0) == 0.0


def test_a_position_that_is_known_asks_for_nothing() -> None:
    fader = Fader()
    fader.settle(1.0)
    assert moved(fader, 1.0, 0.0) is None
    assert moved(fader, 0.5, 0.0) == 0.5
