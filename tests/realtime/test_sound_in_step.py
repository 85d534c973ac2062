"""The file's sound is in step with the fan on air: made-up captures, through the programme, to samples."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from realtime.outputs.sound import RATE, SourceSound
from realtime.programme.ladder import Inputs, Ladder, State
from realtime.programme.mixer import Shot
from realtime.programme.programme import Programme
from realtime.programme.timing.clock import ProgrammeClock
from realtime.programme.timing.media_clock import MediaClock
from realtime.transport.programme_ring import MediaTime
from tests.realtime.sounding import counting, place_of, write_film

S, MS = 1_000_000_000, 1_000_000
START = 1000 * S
LENGTHS_S = (4.0, 3.0)
"""Of the two files that are cameras 0 and 2; 1 is a device."""
FRAME_S = 1 / 30
SETTLED_S = 2.0

Late = Callable[[int], float]
"""Frame → how many milliseconds after its capture it was finished."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Sequence[str | None]:
    folder = tmp_path_factory.mktemp("files")
    paths = [
        write_film(folder / f"{n}.mov", Fraction(30), [90] * round(30 * length), counting(n, length))
        for n, length in enumerate(LENGTHS_S)
    ]
    return str(paths[0]), None, str(paths[1])


@dataclass(frozen=True)
class Frame:
    """media_ns: its place in the file of its camera; None of a device."""

    captured_ns: int
    finished_ns: int
    camera: int
    media_ns: int | None
    good: bool = True


def taken(
    begin_s: float,
    end_s: float,
    *,
    camera: int = 0,
    fps: float = 30.0,
    late: Late = lambda n: 50.0,
    **more: bool,
) -> list[Frame]:
    """A camera's frames from one moment of the show to another; a file begins at its beginning."""
    length = None if camera == 1 else round(LENGTHS_S[camera // 2] * fps)
    frames = []
    for n in range(round((end_s - begin_s) * fps)):
        captured_ns = START + round((begin_s + n / fps) * S)
        media_ns = None if length is None else round(n % length / fps * S)
        frames.append(Frame(captured_ns, captured_ns + round(late(n) * MS), camera, media_ns, **more))
    return frames


@dataclass(frozen=True)
class Tick:
    """at_s: since the show began. frame: the one that is new on air. heard: camera and place of its first
    sample. jumped: the sound did not go on from the tick before."""

    at_s: float
    state: State
    frame: Frame | None
    heard: tuple[int, float] | None
    jumped: bool

    def error_s(self) -> float:
        """By how much the sound is ahead of the frame."""
        assert self.frame is not None and self.frame.media_ns is not None and self.heard is not None
        camera, place_s = self.heard
        assert camera == self.frame.camera
        length_s = LENGTHS_S[camera // 2]
        return (place_s - self.frame.media_ns / S + length_s / 2) % length_s - length_s / 2


def show(
    frames: Iterable[Frame],
    seconds: float,
    files: Sequence[str | None],
    *,
    fps: Fraction = Fraction(30),
    delay: Callable[[float], float] = lambda at_s: 0.0,
    slate: Callable[[float], bool] = lambda at_s: False,
    dump_at_s: float | None = None,
    clean: bool = False,
) -> list[Tick]:
    """A show of so many seconds. delay: seconds, by the show's time. clean: the clean feed is heard."""
    card = Shot(np.zeros((2, 2, 3), np.uint8))
    programme = Programme(Ladder(hold_ns=250 * MS, healthy_ns=300 * MS), card, round(5 * fps))
    ticks, media, sound = ProgrammeClock(fps, START + 7 * MS), MediaClock(), SourceSound(files)
    coming = sorted(frames, key=lambda frame: frame.finished_ns)
    by_stamp = {frame.captured_ns: frame for frame in coming}
    newest: Frame | None = None
    out: list[Tick] = []
    samples, place_before = 0, None
    for tick in range(round(seconds * fps)):
        due_ns = ticks.due_ns(tick)
        at_s = (due_ns - START) / S
        if dump_at_s is not None and at_s >= dump_at_s:
            programme.dump(due_ns, card)
            media.dump(due_ns)
            dump_at_s = None
        came = None
        while coming and coming[0].finished_ns <= due_ns:
            arrived = coming.pop(0)
            came = arrived if arrived.good else None
            media.captured(arrived.captured_ns, arrived.camera, arrived.media_ns)
        if came is not None:
            newest = came
            media.came(due_ns - came.captured_ns)
        live = Shot(np.zeros((2, 2, 3), np.uint8), captured_ns=newest and newest.captured_ns)
        on_air = programme.step(
            due_ns,
            ticks.period_ns,
            Inputs(
                newest and newest.finished_ns,
                120 * MS,
                taken=True,
                slate=slate(at_s),
                captured_ns=newest and newest.captured_ns,
            ),
            lambda source, live=live: live if source.name == "LIVE" else card,
            delay_ticks=round(delay(at_s) * fps),
            frame_ns=came and came.captured_ns,
        )
        place = media.on_air(due_ns, programme.behind_ticks * ticks.period_ns)
        count = round((tick + 1) * RATE / fps) - samples
        samples += count
        last = place_of(sound.take(due_ns, media.live(due_ns) if clean else place, count)[-1])
        heard = None if last is None else (2 * last[0], (last[1] + 1 - count) / RATE)
        length = None if last is None else round(LENGTHS_S[last[0]] * RATE)
        jumped = (last is None) != (place_before is None) or (
            last is not None and (last[1] - place_before[1] - count) % length != 0  # type: ignore[index]
        )
        shown = came if clean else None if on_air.frame_ns is None else by_stamp[on_air.frame_ns]
        out.append(Tick(at_s, on_air.state, shown, heard, jumped))
        place_before = last
    return out


def worst_s(ticks: Iterable[Tick], after_s: float = SETTLED_S, until_s: float = 1e9) -> float:
    """The largest error of a frame of a file when it was first on air."""
    errors = [
        abs(tick.error_s())
        for tick in ticks
        if after_s <= tick.at_s < until_s and tick.frame is not None and tick.frame.media_ns is not None
    ]
    assert len(errors) > 10
    return max(errors)


def jumps(ticks: Iterable[Tick], after_s: float = SETTLED_S) -> int:
    return sum(tick.jumped for tick in ticks if tick.at_s >= after_s)


@pytest.mark.parametrize("camera_fps", [15, 24, 25, 30, 50, 60])
@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(50)])
def test_sound_and_picture_are_a_frame_apart_at_most(
    camera_fps: float, fps: Fraction, files: Sequence[str | None]
) -> None:
    """Over loops of the file, whose ends fall between ticks."""
    ticks = show(taken(0, 30, fps=camera_fps), 30, files, fps=fps)
    assert worst_s(ticks) <= FRAME_S
    assert all(tick.heard is not None for tick in ticks if tick.at_s > 0.5)
    little_off = float(fps) == pytest.approx(30, abs=0.1) and fps != 30 and camera_fps in (15, 30, 60)
    assert little_off or jumps(ticks, 4) == 0, "also where the file begins again, and the sound with it"


def test_a_rate_that_is_a_little_off_is_followed(files: Sequence[str | None]) -> None:
    """Every 33 seconds a frame is left out, which was later and later before."""
    ticks = show(taken(0, 120), 120, files, fps=Fraction(30000, 1001))
    assert worst_s(ticks) <= FRAME_S
    assert jumps(ticks) <= 2 * 120 / 33


@pytest.mark.parametrize("seed", range(5))
def test_late_frames_move_nothing(seed: int, files: Sequence[str | None]) -> None:
    chance = random.Random(seed)

    def late(n: int) -> float:
        return max(30.0, chance.gauss(55, 8)) + (150 if n % 50 == 49 else 0)

    ticks = show(taken(0, 40, late=late), 40, files)
    errors = np.array([tick.error_s() for tick in ticks if tick.frame is not None and tick.at_s > SETTLED_S])
    assert np.percentile(np.abs(errors), 90) <= FRAME_S
    assert np.abs(np.median(errors)) <= 0.02
    assert jumps(ticks) <= 1


def test_a_latency_that_grows_is_followed_within_a_second_and_a_half(files: Sequence[str | None]) -> None:
    ticks = show(taken(0, 20, late=lambda n: 50 if n < 300 else 170), 20, files)
    assert worst_s(ticks, 2, 10) <= FRAME_S
    assert worst_s(ticks, 11.7) <= FRAME_S
    assert 1 <= jumps(ticks) <= 5


@pytest.mark.parametrize("delay_s", [0.1, 1.0, 4.5])
def test_the_delay_holds_it_back(delay_s: float, files: Sequence[str | None]) -> None:
    ticks = show(taken(0, 20), 20, files, delay=lambda at_s: delay_s)
    assert worst_s(ticks, delay_s + 1) <= FRAME_S
    assert all(tick.heard is None for tick in ticks if tick.at_s < delay_s), "nothing was captured yet"
    assert jumps(ticks, delay_s + 1) == 0


def test_a_delay_that_changes_with_the_beat_is_followed(files: Sequence[str | None]) -> None:
    ticks = show(taken(0, 40), 40, files, delay=lambda at_s: 0.0 if at_s < 5 else 0.4 if at_s < 20 else 0.2)
    assert worst_s(ticks) <= FRAME_S, "also while the delay builds up, and where it gets shorter"
    assert jumps(ticks, 12) == 1, "the delay got shorter"


def test_the_clean_feed_is_heard_without_the_delay(files: Sequence[str | None]) -> None:
    ticks = show(taken(0, 20), 20, files, delay=lambda at_s: 2.0, slate=lambda at_s: at_s > 10, clean=True)
    assert worst_s(ticks) <= FRAME_S
    assert jumps(ticks) == 0


@pytest.mark.parametrize("delay_s", [0.0, 1.5])
def test_it_goes_on_through_the_slate(delay_s: float, files: Sequence[str | None]) -> None:
    ticks = show(taken(0, 20), 20, files, delay=lambda at_s: delay_s, slate=lambda at_s: 8 <= at_s < 10)
    assert {tick.state for tick in ticks if 8 <= tick.at_s < 10} == {State.SLATE}
    assert worst_s(ticks, 12) <= FRAME_S
    assert jumps(ticks, delay_s + 1) == 0
    assert all(tick.heard is not None for tick in ticks if tick.at_s > delay_s + 0.5)


def test_what_was_captured_before_a_dump_is_not_heard_after_it(files: Sequence[str | None]) -> None:
    ticks = show(taken(0, 20), 20, files, delay=lambda at_s: 2.0, dump_at_s=10)
    assert all(tick.heard is None for tick in ticks if 10.1 < tick.at_s < 12)
    assert all(tick.heard is not None for tick in ticks if tick.at_s > 12.2)
    assert worst_s(ticks, 12.5) <= FRAME_S


def test_it_goes_on_while_the_performer_is_away_and_begins_again_with_the_file(
    files: Sequence[str | None],
) -> None:
    ticks = show([*taken(0, 8), *taken(11, 20)], 20, files)
    away = [tick for tick in ticks if 8.2 < tick.at_s < 11]
    assert {tick.state for tick in away} == {State.HOLD, State.FALLBACK}
    assert not any(tick.jumped for tick in away)
    for tick in away:  # as if the fan had danced on
        assert tick.heard is not None
        assert (tick.heard[1] - (tick.at_s - 0.06) + 2) % 4 - 2 == pytest.approx(0, abs=0.03)
    assert worst_s(ticks, 11.1) <= FRAME_S


def test_where_nobody_dances_the_music_plays(files: Sequence[str | None]) -> None:
    ticks = show([*taken(0, 6, good=False), *taken(6, 6.01)], 8, files)
    assert all(tick.heard is not None for tick in ticks if tick.at_s > 0.2)
    assert jumps(ticks, 0.2) <= 1


def test_a_switch_of_the_camera_switches_the_sound(files: Sequence[str | None]) -> None:
    """From a file to a device, to another file, and back."""
    frames = [*taken(0, 5), *taken(5, 8, camera=1), *taken(8, 13, camera=2), *taken(13, 20)]
    for delay_s in (0.0, 1.0):
        ticks = show(frames, 20, files, delay=lambda at_s, d=delay_s: d)  # type: ignore[misc]
        for begin_s, end_s in ((2, 5), (8, 13), (13, 20)):
            assert worst_s(ticks, begin_s + delay_s + 0.15, end_s + delay_s) <= FRAME_S
        on_device = [t for t in ticks if 5.2 + delay_s < t.at_s < 7.9 + delay_s]
        assert not any(tick.heard for tick in on_device)
        assert all(tick.heard for tick in ticks if 8.2 + delay_s < tick.at_s)
        assert jumps(ticks, delay_s + 1) == 3


def test_a_file_that_stood_still_is_followed(files: Sequence[str | None]) -> None:
    """The capture thread plays on from where it was."""
    before, after = taken(0, 6.5), taken(0, 10)
    shifted = [
        Frame(f.captured_ns + 1500 * MS, f.finished_ns + 1500 * MS, 0, f.media_ns)
        for f in after
        if f.captured_ns >= START + 6.5 * S
    ]
    ticks = show([*before, *shifted], 11, files)
    assert worst_s(ticks, 8.1) <= FRAME_S


def test_a_jump_is_a_short_cross_fade(tmp_path: Path) -> None:
    loud = np.concatenate([np.full((RATE, 2), 8000), np.full((RATE, 2), -8000)]).astype(np.int16)
    path = write_film(tmp_path / "loud.mov", Fraction(30), [90] * 60, loud)
    sound = SourceSound([str(path)])
    heard = [
        sound.take(None, media, 1600)
        for media in (MediaTime(0, 0), None, MediaTime(0, 1200 * MS), MediaTime(0, None), MediaTime(1, 0))
    ]
    steps = np.abs(np.diff(np.concatenate(heard)[:, 0].astype(int)))
    assert steps.max() <= 40, "no click: 16000 in 10 ms"
    ends = [int(part[-1, 0]) for part in heard]
    assert ends == [8000, 8000, -8000, 0, 0], "it plays on while its place is not known"
