"""The delay that puts the player on the beat: five minutes of made-up time, with what latencies do."""

import math
import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from realtime.control.tempo.midi_clock import MidiClock
from realtime.programme.beat_delay import BeatDelay

S, MS = 1_000_000_000, 1_000_000
FPS = 30
TICK_NS = S / FPS
MOST_TICKS = 150


class Run:
    """Ticks of a programme in which each frame has the latency that a function of time says.

    errors_ms: of each tick, from the camera to the board against the nearest whole beat; from when the first
    delay was there. delays: of each tick.
    """

    def __init__(
        self, latency_ms: Callable[[float], float], bpm: Callable[[float], float], *, board_lag_ms: int = 0
    ) -> None:
        self._latency_ms, self._bpm, self._lag_ms = latency_ms, bpm, board_lag_ms
        self.beats = BeatDelay(TICK_NS, MOST_TICKS, board_lag_ms * MS)
        self.delays: list[int] = []
        self.errors_ms: list[float] = []
        self.totals_ms: list[float] = []
        self._tick = 0
        self._came_ms = [latency_ms(0.0)] * (MOST_TICKS + 1)

    def go(self, seconds: float, *, least_ticks: int = 0, true_bpm: float | None = None) -> "Run":
        for _ in range(round(seconds * FPS)):
            now_s = self._tick / FPS
            bpm = self._bpm(now_s)
            self._came_ms.append(self._latency_ms(now_s))
            delay = self.beats.ticks(round(now_s * S), bpm, least_ticks)
            total_ms = self._came_ms[-1 - delay] + delay * TICK_NS / MS + self._lag_ms
            if self.beats.beats:
                beat_ms = 60_000 / (true_bpm or bpm)
                self.errors_ms.append((total_ms + beat_ms / 2) % beat_ms - beat_ms / 2)
                self.delays.append(delay)
                self.totals_ms.append(total_ms)
            self.beats.shown(round((total_ms - self._lag_ms) * MS), delay, bpm)
            self._tick += 1
        return self

    @property
    def changes(self) -> int:
        return sum(a != b for a, b in pairwise(self.delays))


def steady(value: float) -> Callable[[float], float]:
    return lambda now_s: value


def jittered(median_ms: float, jitter_ms: float, drift_ms: float = 0.0) -> Callable[[float], float]:
    """Now and then a frame is much later; the drift is that of five minutes."""
    chance = random.Random(1)

    def latency_ms(now_s: float) -> float:
        late = 60.0 if chance.random() < 0.02 else 0.0
        return median_ms + drift_ms * now_s / 300 + chance.gauss(0, jitter_ms) + late

    return latency_ms


@pytest.mark.parametrize("bpm", [97.0, 120.0])
@pytest.mark.parametrize("latency_ms", range(40, 640, 37))
def test_a_steady_latency_is_off_by_half_a_frame_at_most(bpm: float, latency_ms: float) -> None:
    run = Run(steady(latency_ms), steady(bpm)).go(20)
    assert max(map(abs, run.errors_ms)) <= TICK_NS / MS / 2 + 0.01
    assert run.changes == 0
    assert min(run.totals_ms) >= latency_ms
    assert run.beats.beats == max(1, math.ceil((latency_ms - TICK_NS / MS / 2) * bpm / 60_000))
    assert run.beats.error_ms == pytest.approx(run.errors_ms[-1], abs=0.5)


@pytest.mark.parametrize("bpm", [97.0, 120.0])
@pytest.mark.parametrize("drift_ms", [0, 60, -40])
def test_five_minutes_with_jitter_and_drift(bpm: float, drift_ms: float) -> None:
    """The delay is off by a frame at most; a single frame by its own jitter besides."""
    frame_ms, middle = TICK_NS / MS, 101
    run = Run(jittered(90, 4, drift_ms), steady(bpm), board_lag_ms=50).go(300)
    around = [
        sorted(run.errors_ms[n : n + middle])[middle // 2] for n in range(0, len(run.errors_ms) - middle, 10)
    ]
    assert max(map(abs, around)) <= frame_ms
    assert run.changes <= 1 + abs(drift_ms) / frame_ms, "it never hunts"


@pytest.mark.parametrize("bpm", [97.0, 120.0])
def test_five_minutes_with_a_midi_clock_that_jitters(bpm: float) -> None:
    clock, chance, ticks = MidiClock(), random.Random(2), 0

    def heard(now_s: float) -> float:
        nonlocal ticks
        while ticks * 60 / bpm / 24 <= now_s:
            clock.tick(round((ticks * 60 / bpm / 24 + abs(chance.gauss(0, 0.003))) * S))
            ticks += 1
        return clock.bpm(round(now_s * S)) or 0.0

    run = Run(jittered(110, 2), heard).go(300, true_bpm=bpm)
    assert len(run.errors_ms) > 290 * FPS
    late = [abs(error) for error in run.errors_ms]
    assert sorted(late)[round(0.95 * len(late))] <= TICK_NS / MS
    assert run.changes == 0


def test_a_camera_of_a_slightly_lower_rate_makes_nothing_hunt() -> None:
    """Frames of 29.97 a second wait for the ticks of 30 ever longer, by up to a tick in 33 s."""
    beat_is_half_a_tick_off = 500 - 33.33 * 11.5
    run = Run(lambda now_s: beat_is_half_a_tick_off - 16 + 33.3 * (now_s / 33.3 % 1), steady(120.0)).go(300)
    assert run.changes <= 4
    assert max(map(abs, run.errors_ms)) <= 1.05 * TICK_NS / MS


def test_a_beat_more_only_once_the_latency_is_longer_for_a_while_and_one_less_later_still() -> None:
    late = {"ms": 100.0}
    run = Run(lambda now_s: late["ms"], steady(120.0)).go(5)
    late["ms"] = 700.0
    run.go(0.5)
    late["ms"] = 100.0
    run.go(5)
    assert (run.beats.beats, run.changes) == (1, 0), "half a second changes nothing"
    late["ms"] = 530.0
    run.go(10)
    assert (run.beats.beats, run.changes) == (2, 1)
    late["ms"] = 420.0
    run.go(30)
    assert (run.beats.beats, run.changes) == (2, 2), "there is no room for one beat less"
    late["ms"] = 100.0
    run.go(2)
    assert run.beats.beats == 2
    run.go(10)
    assert (run.beats.beats, run.changes) == (1, 3)
    assert abs(run.errors_ms[-1]) <= TICK_NS / MS / 2 + 0.01


def test_the_delay_that_was_ordered_is_the_least_and_the_line_is_never_longer_than_it_is() -> None:
    run = Run(steady(100.0), steady(120.0)).go(1)
    run.go(1, least_ticks=90)
    assert run.delays[-1] == 102 and run.beats.beats == 7, "100 ms and 3.4 s are seven beats"
    run.go(1, least_ticks=150)
    assert run.delays[-1] == 147 and run.beats.beats == 10, "eleven would be 162 ticks: ten are the most"
    run.go(1)
    assert run.delays[-1] == 12 and run.beats.beats == 1, "an order is followed at once"


def test_no_tempo_is_no_beat() -> None:
    bpm = {"now": 0.0}
    run = Run(steady(100.0), lambda now_s: bpm["now"])
    run.go(1, least_ticks=7)
    assert run.delays == [] and run.beats.ticks(S, 0.0, 7) == 7
    bpm["now"] = 120.0
    run.go(1)
    assert run.delays[-1] == 12
    bpm["now"] = 0.0
    run.go(1)
    assert (run.beats.beats, run.beats.error_ms) == (0, None)


def test_without_a_frame_there_is_no_beat_yet() -> None:
    beats = BeatDelay(TICK_NS, MOST_TICKS)
    assert beats.ticks(0, 120.0, 3) == 3
    assert beats.beats == 0


@pytest.mark.parametrize(("before", "after"), [(120.0, 97.0), (97.0, 120.0), (120.0, 60.0), (60.0, 174.0)])
def test_another_tempo_is_taken_up_within_seconds(before: float, after: float) -> None:
    run = Run(jittered(110, 2), lambda now_s: before if now_s < 20 else after).go(60)
    assert max(sorted(map(abs, run.errors_ms[-30 * FPS :]))[: 28 * FPS]) <= TICK_NS / MS
    assert run.changes <= 2


def test_taps_that_come_nearer_to_the_tempo_move_the_delay_hardly() -> None:
    chance = random.Random(3)
    run = Run(jittered(110, 2), lambda now_s: 120 * (1 + chance.gauss(0, 0.005))).go(60)
    assert run.changes == 0


@pytest.mark.parametrize("off_ms", range(0, 33, 4))
def test_a_busy_machine_whose_frames_come_a_tick_later_at_times_makes_nothing_hunt(off_ms: float) -> None:
    run = Run(lambda now_s: 100 + off_ms + (33.3 if now_s % 7 < 3 else 0), steady(97.0)).go(300)
    settled = sorted(map(abs, run.errors_ms[10 * FPS :]))
    assert settled[round(0.99 * len(settled))] <= TICK_NS / MS + 1
    assert run.changes <= 2


def test_a_beat_more_is_no_matter_of_a_stall() -> None:
    run = Run(lambda now_s: 1500.0 if 20 < now_s < 22 else 100.0, steady(120.0)).go(60)
    assert (run.beats.beats, run.changes) == (1, 0)
