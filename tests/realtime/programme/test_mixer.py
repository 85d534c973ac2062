from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from realtime.programme.ladder import State
from realtime.programme.mixer import SOURCES, Fader, Mix, Mixer, Shot, Source


def grey(value: int, captured_ns: int | None = None) -> Shot:
    return Shot(np.full((2, 2, 3), value, np.uint8), captured_ns=captured_ns)


SHOTS = {Source.LIVE: grey(200, 7), Source.FALLBACK: grey(100), Source.SLATE: grey(10)}


def values(subject: Mixer, states: list[State], fade_ticks: int) -> list[int]:
    """The grey that goes out for each of the states."""
    return [int(subject.step(state, fade_ticks, SHOTS.__getitem__).picture[0, 0, 0]) for state in states]


def test_without_a_length_every_change_is_a_cut() -> None:
    subject = Mixer(SHOTS[Source.SLATE])
    states = [State.SLATE, State.FALLBACK, State.LIVE, State.HOLD, State.FALLBACK, State.SLATE]
    assert values(subject, states, 0) == [10, 100, 200, 200, 100, 10]


def test_a_fade_takes_its_ticks_and_ends_on_the_new_picture() -> None:
    subject = Mixer(SHOTS[Source.SLATE])
    values(subject, [State.FALLBACK], 0)
    assert values(subject, [State.LIVE] * 5, 3) == [125, 150, 175, 200, 200]


def test_a_fade_that_is_interrupted_goes_on_from_what_was_seen() -> None:
    subject = Mixer(SHOTS[Source.SLATE])
    values(subject, [State.FALLBACK], 0)
    assert values(subject, [State.LIVE, State.LIVE], 3) == [125, 150]
    assert values(subject, [State.FALLBACK] * 2, 1) == [125, 100]


def test_a_freeze_keeps_what_was_seen_and_then_fades_on() -> None:
    subject = Mixer(SHOTS[Source.SLATE])
    values(subject, [State.FALLBACK], 0)
    values(subject, [State.LIVE], 3)
    assert values(subject, [State.FREEZE] * 3, 3) == [125, 125, 125]
    assert values(subject, [State.LIVE] * 2, 2) == [150, 175]


def test_a_layer_fades_into_an_opaque_picture_and_is_frozen_with_it() -> None:
    player = np.zeros((2, 2, 4), np.uint8)
    player[0] = (200, 200, 200, 255)  # the lower half is transparent
    shots = {**SHOTS, Source.LIVE: replace(SHOTS[Source.LIVE], layer=player)}
    subject = Mixer(shots[Source.SLATE], keyed=True)
    assert subject.step(State.FALLBACK, 0, shots.__getitem__).layer is None
    for state in (State.LIVE, State.FREEZE):
        layer = subject.step(state, 1, shots.__getitem__).layer
        assert layer is not None
        assert layer[0, 0].tolist() == [150, 150, 150, 255]
        assert layer[1, 0].tolist() == [100, 100, 100, 128]
    for _ in range(2):
        layer = subject.step(State.LIVE, 1, shots.__getitem__).layer
    assert layer is player


def test_the_oldest_camera_picture_in_a_mix_counts() -> None:
    subject = Mixer(SHOTS[Source.SLATE])
    subject.step(State.LIVE, 0, SHOTS.__getitem__)
    mixed = subject.step(State.FALLBACK, 1, SHOTS.__getitem__)
    assert mixed.captured_ns == 7
    assert subject.step(State.FREEZE, 1, SHOTS.__getitem__).captured_ns == 7
    assert subject.step(State.FALLBACK, 0, SHOTS.__getitem__).captured_ns is None


def test_after_a_cut_nothing_of_before_is_mixed_in() -> None:
    subject = Mixer(SHOTS[Source.SLATE])
    values(subject, [State.LIVE, State.FREEZE], 0)
    subject.cut(Source.FALLBACK, SHOTS[Source.FALLBACK])
    assert values(subject, [State.FREEZE, State.FALLBACK], 4) == [100, 100]


@given(st.lists(st.tuples(st.sampled_from(list(State)), st.integers(0, 5)), max_size=100))
def test_any_order_of_states_ends_where_it_should(steps: list[tuple[State, int]]) -> None:
    subject = Fader()
    before = Mix(Source.SLATE, Source.SLATE, 1.0, False)
    for state, fade_ticks in steps:
        mix = subject.step(state, fade_ticks)
        assert mix.over is SOURCES[state]
        assert 0 < mix.share <= 1
        if mix.share < 1:
            assert mix.over not in (Source.SLATE, Source.STILL)
        else:
            assert mix.under is mix.over
        if mix.over is before.over:
            assert mix.share >= before.share
            assert not mix.grab
        elif fade_ticks == 0:
            assert mix.share == 1
        before = mix
