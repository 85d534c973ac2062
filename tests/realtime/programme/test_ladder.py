from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.programme.ladder import Inputs, Ladder, State, stale_after_ns

MS = 1_000_000
PERIOD = 33 * MS
STALE = 120 * MS
HOLD, HEALTHY, PROOF = 250 * MS, 1000 * MS, 300 * MS

LIVE = Inputs(newest_ns=0, stale_after_ns=STALE, taken=True)


def ladder() -> Ladder:
    return Ladder(hold_ns=HOLD, healthy_ns=HEALTHY, proof_ns=PROOF)


def play(
    subject: Ladder, start_ns: int, duration_ns: int, *, frames: bool, **orders: bool
) -> Iterator[tuple[int, State]]:
    """Ticks from start_ns on; `frames`: a fresh one at each tick, or none since start_ns."""
    for now in range(start_ns, start_ns + duration_ns, PERIOD):
        inputs = replace(LIVE, newest_ns=now if frames else start_ns - PERIOD, **orders)
        yield now, subject.step(now, PERIOD, inputs)


def went_live(subject: Ladder) -> int:
    """Brings it to LIVE; the time then."""
    return [now for now, _ in play(subject, 0, 2 * HEALTHY, frames=True)][-1] + PERIOD


def test_the_first_frames_go_on_air_after_a_short_proof() -> None:
    states = list(play(ladder(), 0, HEALTHY, frames=True))
    assert [state for now, state in states if now < PROOF] == [State.FALLBACK] * 10
    assert {state for now, state in states if now >= PROOF} == {State.LIVE}


def test_live_holds_then_falls_back_then_returns_after_the_healthy_time() -> None:
    subject = ladder()
    now = went_live(subject)
    states = [state for _, state in play(subject, now, 1000 * MS, frames=False)]
    changes = [state for n, state in enumerate(states) if n == 0 or states[n - 1] is not state]
    assert changes == [State.LIVE, State.HOLD, State.FALLBACK]
    assert states.count(State.LIVE) * PERIOD <= STALE
    assert states.count(State.HOLD) * PERIOD <= HOLD
    back = list(play(subject, now + 1000 * MS, 2 * HEALTHY, frames=True))
    first = next(at for at, state in back if state is State.LIVE)
    assert HEALTHY <= first - back[0][0] < HEALTHY + PERIOD


def test_a_short_gap_only_holds() -> None:
    subject = ladder()
    now = went_live(subject)
    gap = [state for _, state in play(subject, now, 250 * MS, frames=False)]
    assert gap[-1] is State.HOLD
    assert next(play(subject, now + 264 * MS, PERIOD, frames=True))[1] is State.LIVE


def test_a_source_that_flaps_ends_in_the_fallback() -> None:
    subject = ladder()
    now = went_live(subject)
    seen: list[State] = []
    for _ in range(5):
        seen += [state for _, state in play(subject, now, 250 * MS, frames=False)]
        seen += [state for _, state in play(subject, now + 264 * MS, 200 * MS, frames=True)]
        now += 495 * MS
    assert State.FALLBACK in seen
    assert seen.count(State.HOLD) * PERIOD <= HOLD


def test_a_camera_of_24_frames_a_second_is_live_at_every_tick_of_30() -> None:
    subject = ladder()
    now = went_live(subject)
    limit = stale_after_ns(1_000_000_000 // 24)
    for tick in range(300):
        at = now + tick * PERIOD
        newest = at - (at % (1_000_000_000 // 24)) - 3 * MS
        if tick % 50 != 20:  # and now and then a frame is lost
            assert subject.step(at, PERIOD, Inputs(newest, limit, taken=True)) is State.LIVE


def test_a_slow_camera_is_judged_by_its_own_rate() -> None:
    assert stale_after_ns(100 * MS) == 300 * MS
    assert stale_after_ns(0) == 120 * MS
    assert stale_after_ns(400 * MS) == 500 * MS


@pytest.mark.parametrize("frames", [True, False])
def test_the_slate_is_shown_at_once_whatever_else(frames: bool) -> None:
    for orders in ({}, {"frozen": True}, {"taken": False}, {"fallback_ready": False}):
        subject = ladder()
        now = went_live(subject)
        assert next(play(subject, now, PERIOD, frames=frames, slate=True, **orders))[1] is State.SLATE


def test_freeze_lasts_as_long_as_the_operator_likes() -> None:
    subject = ladder()
    now = went_live(subject)
    frozen = {state for _, state in play(subject, now, 10_000 * MS, frames=False, frozen=True)}
    assert frozen == {State.FREEZE}


def test_without_a_fallback_the_slate_is_shown() -> None:
    states = {state for _, state in play(ladder(), 0, HEALTHY, frames=False, fallback_ready=False)}
    assert states == {State.SLATE}


def test_live_waits_for_take_and_then_comes_at_once_if_it_is_healthy() -> None:
    subject = ladder()
    assert {state for _, state in play(subject, 0, 2 * HEALTHY, frames=True, taken=False)} == {State.FALLBACK}
    assert next(play(subject, 2 * HEALTHY + PERIOD, PERIOD, frames=True))[1] is State.LIVE


STEPS = st.lists(
    st.tuples(
        st.integers(1, 200),  # ms since the last tick
        st.booleans(),  # a new frame has come
        st.sampled_from(["", "", "", "", "slate", "frozen", "not taken", "no fallback", "dump"]),
    ),
    min_size=1,
    max_size=200,
)


@given(STEPS, st.integers(0, 1000), st.integers(0, 3000))
def test_hold_and_return_keep_their_times_whatever_comes(
    steps: list[tuple[int, bool, str]], hold_ms: int, healthy_ms: int
) -> None:
    subject = Ladder(hold_ns=hold_ms * MS, healthy_ns=healthy_ms * MS, proof_ns=PROOF)
    now = 0
    newest: int | None = None
    unbroken_since: int | None = None
    hold_since: int | None = None
    was_live = False
    dumped_at = -1
    before = subject.state
    for gap_ms, comes, order in steps:
        now += gap_ms * MS
        if order == "dump":
            subject.dump(now)
            dumped_at, before, was_live = now, State.FALLBACK, True
        newest = now if comes else newest
        fresh = newest is not None and now - newest <= STALE and newest > dumped_at
        unbroken_since = (now if unbroken_since is None else unbroken_since) if fresh else None
        state = subject.step(
            now,
            PERIOD,
            Inputs(
                newest,
                STALE,
                taken=order != "not taken",
                frozen=order == "frozen",
                slate=order == "slate",
                fallback_ready=order != "no fallback",
                captured_ns=newest,
            ),
        )
        if state is State.HOLD:
            assert not fresh
            assert before in (State.LIVE, State.HOLD)
            hold_since = now if hold_since is None else hold_since
            assert now + PERIOD - hold_since <= hold_ms * MS
        else:
            hold_since = None
        if state is State.LIVE:
            assert fresh
            if before not in (State.LIVE, State.HOLD):
                needed = healthy_ms * MS if was_live else min(PROOF, healthy_ms * MS)
                assert unbroken_since is not None
                assert now - unbroken_since >= needed
            was_live = True
        if order == "slate":
            assert state is State.SLATE
        if order == "dump":
            assert state is State.FALLBACK
        if order == "frozen":
            assert state is State.FREEZE
        before = state
