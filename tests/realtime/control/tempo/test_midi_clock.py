"""The tempo of a MIDI clock whose ticks jitter, are lost, come in bursts, stop, and change their rate."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.control.tempo.midi_clock import FIRST_SPANS, SPAN, SPANS, MidiClock
from realtime.transport.orders import LEAST_BPM, MOST_BPM

S = 1_000_000_000


def ticks(bpm: float, seconds: float, *, jitter_s: float = 0.0, start_s: float = 0.0) -> Iterator[int]:
    """When the ticks of a clock come: each late by up to about twice the jitter, in order."""
    chance, last_ns = random.Random(round(bpm)), 0
    for n in range(round(seconds * 24 * bpm / 60)):
        at_s = start_s + n * 60 / bpm / 24 + abs(chance.gauss(0, jitter_s))
        last_ns = max(last_ns, round(at_s * S))
        yield last_ns


def tempi(clock: MidiClock, times: Iterator[int] | list[int]) -> list[float | None]:
    found = []
    for at_ns in times:
        clock.tick(at_ns)
        found.append(clock.bpm(at_ns))
    return found


@pytest.mark.parametrize("bpm", [30.0, 97.0, 120.0, 128.5, 300.0])
def test_the_tempo_of_an_exact_clock_after_three_beats(bpm: float) -> None:
    found = tempi(MidiClock(), ticks(bpm, 20))
    first = SPAN + FIRST_SPANS
    assert found[: first - 1] == [None] * (first - 1)
    assert set(found[first - 1 :]) == {bpm}


@pytest.mark.parametrize("bpm", [97.0, 120.0])
@pytest.mark.parametrize("jitter_s", [0.001, 0.003, 0.008])
def test_jitter_hardly_changes_it_in_five_minutes(bpm: float, jitter_s: float) -> None:
    found = tempi(MidiClock(), ticks(bpm, 300, jitter_s=jitter_s))
    settled = found[SPAN + SPANS :]
    assert settled == pytest.approx([bpm] * len(settled), rel=0.003)
    if jitter_s <= 0.003:
        assert settled == pytest.approx([bpm] * len(settled), rel=0.0012)
        assert len(set(settled)) <= 4, "it is told when it changes, not all the time"


def test_a_tick_that_is_lost_and_one_that_comes_twice_change_nothing() -> None:
    times = list(ticks(120, 60))
    del times[500], times[700]
    times.insert(900, times[900])
    found = tempi(MidiClock(), times)[SPAN + FIRST_SPANS :]
    assert set(found) == {120.0}


def test_ticks_that_come_in_bursts_as_over_bluetooth() -> None:
    times = [-(-at_ns // 15_000_000) * 15_000_000 for at_ns in ticks(120, 60)]
    found = tempi(MidiClock(), times)[SPAN + SPANS :]
    assert found == pytest.approx([120] * len(found), rel=0.01)


def test_a_new_tempo_is_followed_within_five_beats() -> None:
    clock = MidiClock()
    tempi(clock, ticks(120, 20))
    found = tempi(clock, ticks(97, 20, start_s=20))
    assert set(found[5 * 24 :]) == {97.0}
    assert all(97 <= (bpm or 0) <= 120 for bpm in found)


def test_a_silent_clock_has_no_tempo_and_one_that_is_back_soon_has() -> None:
    clock = MidiClock()
    tempi(clock, ticks(120, 20))
    assert clock.bpm(20 * S) == 120
    assert clock.bpm(22 * S) is None
    found = tempi(clock, ticks(97, 20, start_s=25))
    assert found[0] is None and found[-1] == 97


@given(st.lists(st.integers(0, 2 * S), max_size=400))
def test_any_ticks_give_a_tempo_of_music_or_none(gaps: list[int]) -> None:
    clock, at_ns = MidiClock(), 0
    for gap in gaps:
        at_ns += gap
        clock.tick(at_ns)
    bpm = clock.bpm(at_ns)
    assert bpm is None or LEAST_BPM <= bpm <= MOST_BPM
