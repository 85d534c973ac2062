"""Measures before the show how many new pictures a second this machine makes with one dancer and with two.

The performer does it once its networks are loaded, before the camera is opened; `tools.doctor` does it
without a show.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from realtime.performer.networks import Second, Trial

TRY_S = 1.5
"""Each of the two is tried for so long."""
LEAST_A_SECOND = 20.0
"""With fewer new pictures a second a dance is seen to jerk."""
NEARLY = 0.8
"""Of a programme that is so slow itself, this share is enough."""


@dataclass(frozen=True)
class DuetPace:
    """New pictures a second with one dancer, with two, and of the programme, which shows no more."""

    one: float
    two: float
    programme: float

    @property
    def is_enough(self) -> bool:
        """Whether two may dance."""
        return self.two >= min(LEAST_A_SECOND, NEARLY * self.programme)


def measure(second: Second, programme: float, try_s: float = TRY_S) -> DuetPace:
    """programme: pictures a second. It takes all of the machine for twice `try_s`."""
    one, two = (min(pictures_a_second(second.trial(dancers), try_s), programme) for dancers in (1, 2))
    return DuetPace(one, two, programme)


def said(pace: DuetPace) -> str:
    """What the operator should hear, one line."""
    if pace.is_enough:
        return f"two dancers: about {pace.two:.0f} new pictures a second here, {pace.one:.0f} with one"
    return (
        f"two dancers are too much for this machine: about {pace.two:.0f} new pictures a second, "
        f"{pace.one:.0f} with one"
    )


def pictures_a_second(trial: Trial, try_s: float, clock: Callable[[], float] = time.monotonic) -> float:
    """How often a trial is done, as in a show: the pose of the next frame beside the painting of this one."""
    pose, paint = trial
    pose()
    paint()  # what is done once is done
    with ThreadPoolExecutor(1) as ahead:
        begun, done = clock(), 0
        posed = ahead.submit(pose)
        while clock() - begun < try_s:
            posed.result()
            posed = ahead.submit(pose)
            paint()
            done += 1
        posed.result()
        return done / max(clock() - begun, 1e-9)
