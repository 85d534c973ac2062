"""A tempo from taps: of people who are inexact, miss beats, strike twice, and go over to another tempo."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.control.taps import FIRST_TAPS, bpm_of, tapped
from realtime.transport.orders import LEAST_BPM, MOST_BPM, MOST_TAPS

S = 1_000_000_000


def taps_at(beats: Iterable[float], bpm: float, *, jitter_s: float = 0.0, seed: int = 0) -> tuple[int, ...]:
    """The taps that count after some at these beats."""
    chance, taps = random.Random(seed), ()
    for beat in beats:
        taps = tapped(taps, round((1000 + beat * 60 / bpm + chance.gauss(0, jitter_s)) * S))
    return taps


@pytest.mark.parametrize("bpm", [30, 60, 97, 120, 174, 300])
def test_four_exact_taps_make_the_tempo(bpm: float) -> None:
    assert bpm_of(taps_at(range(FIRST_TAPS - 1), bpm)) is None
    assert bpm_of(taps_at(range(FIRST_TAPS), bpm)) == pytest.approx(bpm)


@pytest.mark.parametrize("bpm", [97, 120])
@pytest.mark.parametrize("seed", range(20))
def test_sixteen_taps_of_a_person_are_within_half_a_per_cent(bpm: float, seed: int) -> None:
    """Practised people tap with a deviation of about 15 ms; half a per cent is 3 ms a beat."""
    found = bpm_of(taps_at(range(20), bpm, jitter_s=0.015, seed=seed))
    assert found == pytest.approx(bpm, rel=0.005)


@pytest.mark.parametrize(
    "beats",
    [
        [0, 1, 2, 3, 5, 6],
        [0, 1, 2, 4, 5],
        [0, 2, 3, 4],
        [0, 1, 2, 5, 6, 7],
        [0, 1, 2, 3, 3.1, 4],
        [0, 1, 2, 2.3, 3, 4, 5],
        [0, 1, 1.3, 2, 3, 4, 5, 6],
    ],
)
def test_a_missed_beat_and_one_struck_twice_change_nothing(beats: list[float]) -> None:
    assert bpm_of(taps_at(beats, 120)) == pytest.approx(120)


@pytest.mark.parametrize("bpm", [60, 97, 110, 126, 174])
def test_whoever_goes_on_in_another_tempo_is_followed(bpm: float) -> None:
    taps = taps_at(range(16), 120)
    start_ns, off = taps[-1], []
    for n in range(1, 17):
        taps = tapped(taps, start_ns + round(n * 60 / bpm * S))
        off.append(abs((bpm_of(taps) or 120) / bpm - 1))
    assert max(off[4:]) < 0.1 and off[-1] < 1e-9


def test_after_a_pause_a_new_tempo_begins() -> None:
    taps = taps_at(range(8), 120)
    assert tapped(taps, taps[-1] + 3 * S) == (taps[-1] + 3 * S,)


@given(st.lists(st.integers(0, 5 * S), max_size=60))
def test_any_taps_give_a_tempo_of_music_or_none_and_no_more_are_kept_than_needed(gaps: list[int]) -> None:
    taps: tuple[int, ...] = ()
    at_ns = 0
    for gap in gaps:
        at_ns += gap
        taps = tapped(taps, at_ns)
        bpm = bpm_of(taps)
        assert len(taps) <= MOST_TAPS
        assert bpm is None or LEAST_BPM <= bpm <= MOST_BPM
