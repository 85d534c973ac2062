"""How many keyframes viewers can bring about."""

import itertools

from realtime.outputs.webrtc.keyframes import (
    ASKED_OVER_S,
    BURST,
    CLOSEST_S,
    MOST_ASKED,
    OF_ONE_VIEWER_S,
    REFILL_S,
    KeyframeBudget,
    KeyframeRequests,
)


def test_a_burst_is_granted_and_then_one_at_a_time() -> None:
    budget = KeyframeBudget()
    granted = [now for now in (n / 100 for n in range(6000)) if budget.take(now)]
    assert granted[:BURST] == [n * CLOSEST_S for n in range(BURST)]
    assert len(granted) <= BURST + 60 / REFILL_S
    assert len(granted) >= 60 / REFILL_S
    assert all(after - before >= CLOSEST_S for before, after in itertools.pairwise(granted))


def test_the_burst_comes_back_while_nobody_asks() -> None:
    budget = KeyframeBudget()
    for n in range(BURST):
        assert budget.take(n * CLOSEST_S)
    assert not budget.take(BURST * CLOSEST_S)
    later = 100.0
    assert [budget.take(later + n * CLOSEST_S) for n in range(BURST + 1)] == [True] * BURST + [False]


def test_one_viewer_is_granted_one_a_second() -> None:
    requests = KeyframeRequests()
    assert requests.may_have(5.0)
    requests.got(5.0)
    assert not requests.may_have(5.0 + OF_ONE_VIEWER_S / 2)
    assert requests.may_have(5.0 + OF_ONE_VIEWER_S)


def test_who_keeps_asking_is_told_apart_until_it_is_calm() -> None:
    requests = KeyframeRequests()
    for n in range(MOST_ASKED):
        requests.asked(float(n))
    assert not requests.keeps_asking
    requests.asked(MOST_ASKED)
    assert requests.keeps_asking
    assert not requests.calmed(ASKED_OVER_S)
    assert requests.calmed(MOST_ASKED + ASKED_OVER_S)
    assert not requests.keeps_asking
    assert not requests.calmed(1000.0)


def test_who_loses_the_picture_now_and_then_is_not() -> None:
    requests = KeyframeRequests()
    for n in range(100):
        requests.asked(n * ASKED_OVER_S / MOST_ASKED)
    assert not requests.keeps_asking
