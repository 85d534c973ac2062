import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from realtime.programme.delay_line import STRETCH, DelayLine, Entry
from realtime.programme.ladder import State
from realtime.programme.mixer import Shot

MOST = 12


def shot(number: int) -> Shot:
    """A picture that holds a number of up to eight bytes."""
    picture = np.zeros((1, 4, 3), np.uint8)
    picture.reshape(-1)[:8] = np.frombuffer(np.int64(number).tobytes(), np.uint8)
    return Shot(picture, captured_ns=number)


def number_in(shown: Shot) -> int:
    return int(np.frombuffer(shown.picture.reshape(-1)[:8].tobytes(), np.int64)[0])


def entry(number: int) -> Entry:
    return Entry(shot(number), State.LIVE, number)


def line() -> DelayLine:
    return DelayLine(MOST, (4, 1))


def numbers(subject: DelayLine, first: int, ticks: int, delay: int) -> list[int | None]:
    """What goes out at each tick while first, first + 1, ... go in; None for the safe picture."""
    seen: list[int | None] = []
    for number in range(first, first + ticks):
        out, _ = subject.step(entry(number), delay)
        seen.append(None if out is None else number_in(out.shot))
    return seen


def test_without_a_delay_the_entry_itself_goes_out() -> None:
    subject = line()
    given_entry = entry(1)
    assert subject.step(given_entry, 0) == (given_entry, 0)
    assert subject.ticks == 0


def test_the_safe_picture_lasts_as_long_as_the_delay() -> None:
    subject = line()
    assert numbers(subject, 0, 8, 5) == [None] * 5 + [0, 1, 2]
    assert subject.ticks == 5


def test_a_dump_starts_it_anew_and_counts_what_was_lost() -> None:
    subject = line()
    numbers(subject, 0, 8, 5)
    assert subject.empty() == 5
    assert numbers(subject, 8, 7, 5) == [None] * 5 + [8, 9]


def test_a_longer_delay_builds_up_without_a_gap() -> None:
    subject = line()
    assert numbers(subject, 0, 3, 0) == [0, 1, 2]
    ticks = 2 * STRETCH + 1
    seen = numbers(subject, 3, ticks, 2)
    assert None not in seen
    assert subject.ticks == 2
    repeats = [n for n in range(1, ticks) if seen[n] == seen[n - 1]]
    assert repeats == [STRETCH - 1, 2 * STRETCH - 1]


def test_a_repeated_picture_is_no_new_frame() -> None:
    subject = line()
    subject.step(entry(0), 0)
    frames = []
    for number in range(1, 2 * STRETCH):
        out, _ = subject.step(entry(number), MOST)
        assert out is not None
        frames.append(out.frame_ns)
    assert frames.count(None) == 1


def test_a_shorter_delay_leaves_pictures_out_and_counts_them() -> None:
    subject = line()
    numbers(subject, 0, 8, 6)
    out, lost = subject.step(entry(8), 2)
    assert out is not None and number_in(out.shot) == 6
    assert lost == 4
    out, lost = subject.step(entry(9), 0)
    assert out is not None and number_in(out.shot) == 9
    assert lost == 2


def test_a_delay_beyond_the_longest_is_the_longest() -> None:
    assert numbers(line(), 0, MOST + 2, 10 * MOST) == [None] * MOST + [0, 1]


def test_no_more_slots_are_used_than_the_delay_needs() -> None:
    subject = line()
    subject._pictures[:] = 255
    numbers(subject, 0, 100, 3)
    untouched = (subject._pictures == 255).all(axis=(1, 2, 3))
    assert untouched.sum() == MOST + 2 - 5


@given(st.lists(st.tuples(st.integers(0, MOST), st.booleans()), max_size=200))
def test_nothing_goes_back_nothing_is_torn_and_nothing_outlives_a_dump(steps: list[tuple[int, bool]]) -> None:
    subject = line()
    newest_out = dumped = -1
    lost_or_out = 0
    for number, (delay, dumps) in enumerate(steps):
        if dumps:
            lost_or_out += subject.empty()
            dumped = number - 1
        out, lost = subject.step(entry(number), delay)
        lost_or_out += lost
        assert subject.ticks <= delay
        if out is None:
            assert delay > 0
            continue
        shown = number_in(out.shot)
        assert shown == out.shot.captured_ns
        assert newest_out <= shown <= number
        assert shown > dumped
        assert number - shown == subject.ticks
        lost_or_out += out.frame_ns is not None
        newest_out = shown
    assert lost_or_out + subject.ticks == len(steps)


@given(st.integers(0, MOST), st.integers(0, 40), st.integers(0, MOST))
def test_any_delay_is_reached_and_kept(before: int, ticks: int, wanted: int) -> None:
    subject = line()
    numbers(subject, 0, ticks, before)
    numbers(subject, ticks, (MOST + 1) * STRETCH, wanted)
    assert subject.ticks == wanted
