"""Where the programme's ticks lie among the frames that are finished: made-up times."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from realtime.programme.timing.clock import ProgrammeClock
from realtime.programme.timing.phase_lock import MARGIN_NS, STEADY_NS, STEP_NS, PhaseLock

FPS = Fraction(30)
PERIOD_NS = 33_333_333
MS = 1_000_000


class Run:
    """A programme whose ticks are moved. waits_ns: of each frame that is shown, from finished to tick; empty:
    the ticks that came away empty; moves_ns: of the ticks."""

    def __init__(self, finished_ns: Callable[[int], float], ticks: int = 1200) -> None:
        clock, lock = ProgrammeClock(FPS, 0), PhaseLock(PERIOD_NS)
        self.waits_ns: list[float] = []
        self.empty: list[int] = []
        self.moves_ns: list[int] = []
        seen = 0
        for tick in range(ticks):
            due_ns, before = clock.due_ns(tick), seen
            while finished_ns(seen) <= due_ns:
                seen += 1
            wait_ns = due_ns - finished_ns(seen - 1)
            if seen > before:
                self.waits_ns.append(wait_ns)
            else:
                self.empty.append(tick)
            step_ns = lock.step_ns(int(wait_ns), seen - before)
            self.moves_ns.append(step_ns)
            clock.move(step_ns)
        self.moved_ns = np.cumsum(self.moves_ns)


@pytest.mark.parametrize("phase_ms", range(1, 34, 4))
def test_frames_of_the_programmes_own_rate_are_shown_soon_after_they_are_finished(phase_ms: int) -> None:
    jitter = np.random.default_rng(phase_ms).gamma(4, 1.0 * MS, 2000)
    run = Run(lambda n: phase_ms * MS + n * PERIOD_NS + jitter[n])
    last = run.waits_ns[-500:]
    assert sum(tick >= 800 for tick in run.empty) <= 4, "hardly a tick comes away empty once it is settled"
    assert np.median(last) < MARGIN_NS + 8 * MS, "the margin, and half of the jitter's own width"
    assert np.abs(run.moves_ns).max() <= STEP_NS and np.abs(run.moved_ns).max() <= PERIOD_NS
    assert np.ptp(run.moved_ns[-500:]) < 6 * STEADY_NS, "it rests but for frames later than any before"


@pytest.mark.parametrize("fps", [24, 25, 50, 59.94])
def test_another_rate_moves_the_ticks_hardly(fps: float) -> None:
    jitter = np.random.default_rng(0).gamma(4, 1.0 * MS, 4000)
    run = Run(lambda n: n * 1e9 / fps + jitter[n])
    assert np.abs(run.moved_ns).max() <= (PERIOD_NS if fps == 59.94 else 0)


def test_a_camera_that_is_a_little_slow_is_followed_by_one_period_at_most() -> None:
    jitter = np.random.default_rng(0).gamma(4, 0.5 * MS, 20_000)
    run = Run(lambda n: 5 * MS + n * 1e9 / 29.97 + jitter[n], ticks=10_000)
    assert 0.9 * PERIOD_NS < np.abs(run.moved_ns).max() <= PERIOD_NS


def test_frames_that_come_at_any_time_move_nothing() -> None:
    jitter = np.random.default_rng(0).uniform(0, PERIOD_NS, 2000)
    run = Run(lambda n: n * PERIOD_NS + jitter[n])
    assert not any(run.moves_ns)


def test_nothing_moves_without_frames() -> None:
    lock = PhaseLock(PERIOD_NS)
    assert not any(lock.step_ns(tick * PERIOD_NS, 0) for tick in range(500))
