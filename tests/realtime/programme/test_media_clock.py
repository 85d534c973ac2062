"""The place in the camera's file at a tick: origins, latency, a dump. `test_sound_in_step` plays it."""

from __future__ import annotations

import pytest

from realtime.programme.timing.media_clock import FRAMES, MOST_RUNS, MediaClock
from realtime.transport.programme_ring import MediaTime

S, MS = 1_000_000_000, 1_000_000


def playing(clock: MediaClock, since_ns: int, *, camera: int = 0, frames: int = FRAMES) -> None:
    """A file plays at 25 pictures a second from its beginning, 100 ms late."""
    for n in range(frames):
        clock.captured(since_ns + n * 40 * MS, camera, n * 40 * MS)
        clock.came(100 * MS)


def test_nothing_is_known_before_the_first_frame() -> None:
    clock = MediaClock()
    assert clock.live(5 * S) is clock.on_air(5 * S, 0) is None
    playing(clock, 10 * S)
    assert clock.on_air(10 * S, 0) is None, "what went out then was captured before it"
    assert clock.on_air(12 * S, 2 * S) is None


def test_the_place_is_that_of_the_capture_of_what_is_on_air() -> None:
    clock = MediaClock()
    playing(clock, 10 * S)
    assert clock.live(11 * S) == MediaTime(0, 900 * MS)
    assert clock.on_air(11 * S, 500 * MS) == MediaTime(0, 400 * MS)
    assert clock.on_air(99 * S, 0) == MediaTime(0, 88_900 * MS), "it goes on by the clock"


def test_another_camera_begins_with_its_first_frame_also_at_the_same_place() -> None:
    clock = MediaClock()
    playing(clock, 10 * S)
    clock.captured(12 * S, 1, 2 * S)
    clock.captured(13 * S, 2, None)
    assert clock.on_air(12_050 * MS, 0) == MediaTime(0, 1950 * MS)
    assert clock.on_air(12_150 * MS, 0) == MediaTime(1, 2050 * MS)
    assert clock.on_air(13_150 * MS, 0) == MediaTime(2, None)
    assert clock.on_air(13_150 * MS, 1 * S) == MediaTime(1, 2050 * MS), "the delay holds it back"


def test_what_two_machines_clocks_are_off_begins_nothing_new() -> None:
    clock = MediaClock()
    for n in range(200):
        clock.captured(10 * S + n * 40 * MS + (-1) ** n * MS, 0, n * 40 * MS)
    assert len(clock._runs) == 1


def test_a_file_of_a_few_frames_takes_no_more_memory() -> None:
    clock = MediaClock()
    for n in range(10 * MOST_RUNS):
        clock.captured(10 * S + n * 40 * MS, 0, n % 2 * 40 * MS)
    assert len(clock._runs) == MOST_RUNS
    assert clock.live(10 * S + 10 * MOST_RUNS * 40 * MS) is not None


@pytest.mark.parametrize("late_ms", [(100, 133) * 30, (100,) * 50 + (900,) * 10])
def test_the_latency_lies_in_the_middle(late_ms: tuple[int, ...]) -> None:
    clock = MediaClock()
    clock.captured(0, 0, 0)
    for late in late_ms:
        clock.came(late * MS)
    media = clock.live(1 * S)
    assert media is not None and media.ns is not None
    assert (S - media.ns) / MS == pytest.approx(117 if 133 in late_ms else 100, abs=1)


def test_what_was_captured_before_a_dump_is_not_on_air_after_it() -> None:
    clock = MediaClock()
    playing(clock, 10 * S)
    clock.dump(12 * S)
    assert clock.on_air(12_050 * MS, 0) == MediaTime(0, None)
    assert clock.on_air(12_150 * MS, 0) == MediaTime(0, 2050 * MS)
    assert clock.on_air(12_150 * MS, 1 * S) == MediaTime(0, None)
    assert clock.live(12_050 * MS) == MediaTime(0, 1950 * MS), "the clean feed has it"
