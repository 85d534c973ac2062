from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from realtime.stages.table import Stage
from realtime.supervise.watchdog import Watchdog

S = 1_000_000_000
STAGE = Stage("performer", "x:y", 100.0, 4.0, 3, 60.0, 0.1, vital=False, loading_deadline_s=60.0)


def test_silence_is_judged_by_another_deadline_until_it_is_ready() -> None:
    dog = Watchdog(STAGE)
    dog.started(0)
    assert not dog.silent_for_too_long(60 * S)
    assert dog.silent_for_too_long(61 * S)
    dog.heard(50 * S, ready=False)  # it gets on
    assert not dog.silent_for_too_long(100 * S)
    assert dog.silent_for_too_long(101 * S), "but not for ever"
    dog.heard(50 * S, ready=True)
    assert not dog.silent_for_too_long(54 * S)
    assert dog.silent_for_too_long(55 * S)
    dog.heard(54 * S, ready=True)
    assert not dog.silent_for_too_long(58 * S)


def test_waiting_for_a_processor_is_no_silence_but_not_for_ever() -> None:
    dog = Watchdog(STAGE)
    dog.started(0)
    dog.heard(0, ready=True)
    assert not dog.is_silent(2 * S)
    assert dog.is_silent(2 * S + 1)
    for second in range(2, 20):
        dog.waited({1: 100.0, 2: 50.0 + second, second + 10: 7.0})  # threads come and go
        if second <= 16:
            assert not dog.silent_for_too_long(second * S), second
    assert dog.silent_for_too_long(17 * S)
    dog.heard(18 * S, ready=True)
    assert not dog.silent_for_too_long(22 * S)
    assert dog.silent_for_too_long(23 * S), "what it waited before it last moved does not count"
    dog.waited({1: 200.0})
    dog.waited({1: 201.5})
    assert not dog.silent_for_too_long(23 * S)
    assert dog.silent_for_too_long(24 * S), "it waited for 1.5 s only"
    dog.started(24 * S)
    dog.heard(24 * S, ready=True)
    assert dog.silent_for_too_long(29 * S), "nor what the process before it waited"


def test_a_fresh_process_may_prepare_itself_again() -> None:
    dog = Watchdog(STAGE)
    dog.started(0)
    dog.heard(S, ready=True)
    dog.started(10 * S)
    assert not dog.silent_for_too_long(70 * S)
    assert dog.was_ever_ready


def test_the_pauses_grow_and_the_budget_ends() -> None:
    dog = Watchdog(STAGE)
    assert [dog.restart_in_s(n * S) for n in range(4)] == [0.1, 0.2, 0.4, None]
    assert dog.restart_in_s(61 * S) == 0.1, "it ran for a minute"


def test_what_the_operator_starts_again_has_its_whole_budget() -> None:
    dog = Watchdog(STAGE)
    assert [dog.restart_in_s(n) for n in range(4)] == [0.1, 0.2, 0.4, None]
    dog.forgive()
    assert dog.restart_in_s(5) == 0.1


@given(st.lists(st.integers(0, 30 * S), max_size=60), st.integers(0, 5))
def test_never_more_restarts_in_a_window_than_the_budget(gaps: list[int], budget: int) -> None:
    dog = Watchdog(replace(STAGE, restarts=budget))
    now = 0
    granted: list[int] = []
    for gap in gaps:
        now += gap
        if dog.restart_in_s(now) is not None:
            granted.append(now)
        assert sum(now - at <= 60 * S for at in granted) <= budget


def test_a_stage_that_works_while_it_loads_is_left_alone() -> None:
    watchdog = Watchdog(replace(STAGE, loading_deadline_s=10.0))
    watchdog.started(0)
    for second in range(0, 60, 5):
        watchdog.worked(second / 4, second * S)
        assert not watchdog.silent_for_too_long(second * S)
    watchdog.worked(14.5, 62 * S)  # no more than heartbeats take
    assert watchdog.silent_for_too_long(70 * S)
    watchdog.heard(70 * S, ready=True)
    watchdog.worked(100.0, 80 * S)
    assert watchdog.silent_for_too_long(80 * S), "once it is ready only its heartbeats count"
