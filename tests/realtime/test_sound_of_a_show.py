"""A whole show is recorded with its file's sound: each flash of the film is one of the player, with its beep.

The networks are fakes that paint the brightness of the fan's picture.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime.config.outputs import Recorder
from realtime.config.show import Show
from realtime.performer.networks import Nets
from realtime.supervise.supervisor import Supervisor
from tests.realtime.fakes import SIZE, FakePerson, FakeRender, FakeRetarget, FakeTracker, Heard, fake_show
from tests.realtime.outputs.feeding import wait_until
from tests.realtime.outputs.test_in_a_show import run, sent
from tests.realtime.sounding import BEEP_S, FILM_FPS, beeps_in, flashes_in, flashing_film, length_s
from tests.realtime.test_show_runs import child, is_back, states

APART_S = 0.04
"""A frame of the programme, and what is read off the recording: of most flashes."""
WORST_S = 0.1
"""Of any: on a machine that others use, a picture may come late."""
SETTLED_S, WATCHED_S = 2.0, 8.0
START_S = 120.0
"""So long its processes may take on a busy machine."""
CALM_TRIES, CALM_MISSED, CALM_KEPT = 10, 6, 0.8
"""Whether a machine was busy: ticks of the programme that were missed, share of the pictures recorded."""


class Brightness(FakeTracker):
    """The landmarks are the brightness of the picture."""

    def __call__(self, frame: NDArray[np.uint8], t_ns: int) -> FakePerson | None:
        person = super().__call__(frame, t_ns)
        if person is not None:
            person.landmarks = np.full((33, 4), frame.mean(), np.float32)
        return person


class Painted(FakeRender):
    def __call__(self, landmarks: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
        super().__call__(landmarks, out)
        out[:] = round(float(landmarks[0, 0]))


def bright_nets(show: Show) -> Nets:
    return Nets(Brightness(), FakeRetarget(), Painted(), lambda picture, landmarks: None)


def nothing_happens(supervisor: Supervisor) -> None:
    pass


def the_delay_is_longer(supervisor: Supervisor) -> None:
    supervisor.desk.act("delay", {"seconds": 0.5}, who="test", confirmed=True)
    wait_until(lambda: supervisor.status().playout.delay_s >= 0.5, "it builds up by an eighth")


def the_performer_is_killed(supervisor: Supervisor) -> None:
    performer = child("performer")
    assert performer is not None
    os.kill(performer.pid, signal.SIGKILL)
    wait_until(lambda: is_back(supervisor), "it is replaced", START_S)


def the_playout_is_killed(supervisor: Supervisor) -> None:
    playout, before = child("playout"), sent(supervisor, "recorder")
    assert playout is not None
    os.kill(playout.pid, signal.SIGKILL)
    wait_until(lambda: sent(supervisor, "recorder") > before + 2 * FILM_FPS, "the recording goes on", START_S)


def the_slate_is_on(supervisor: Supervisor) -> None:
    supervisor.desk.act("slate", who="test", confirmed=True)
    wait_until(lambda: supervisor.status().playout.state == "SLATE", "the slate")
    time.sleep(2)
    supervisor.desk.act("take", who="test", confirmed=True)
    wait_until(lambda: supervisor.status().playout.state == "LIVE", "on air again")


def go_on_until_calm(supervisor: Supervisor) -> None:
    """Until there were seconds enough to watch in which the machine held nothing up: where a process has no
    processor for a while, flashes are missing that are none of our faults. A machine that is never calm is
    judged as it is."""
    for _ in range(CALM_TRIES):
        seen, missed, kept = states(supervisor), missed_ticks(supervisor), sent(supervisor, "recorder")
        began_s = time.monotonic()
        time.sleep(SETTLED_S + WATCHED_S)
        pictures = (time.monotonic() - began_s) * float(supervisor._show.programme.fps)
        if (
            states(supervisor) == seen
            and seen[-1] == "LIVE"
            and missed_ticks(supervisor) - missed <= CALM_MISSED
            and sent(supervisor, "recorder") - kept >= CALM_KEPT * pictures
        ):
            return


def missed_ticks(supervisor: Supervisor) -> int:
    return supervisor.totals.counts["programme.missed"]


@pytest.mark.usefixtures("own_folder")
@pytest.mark.parametrize(
    "happens",
    [
        nothing_happens,
        the_delay_is_longer,
        the_performer_is_killed,
        the_playout_is_killed,
        the_slate_is_on,
    ],
)
def test_each_flash_has_its_beep(happens: Callable[[Supervisor], None], tmp_path: Path) -> None:
    """In the last seconds of the recording: two seconds after it has happened at the latest, on a machine
    that is not too busy."""
    folder = tmp_path / "takes"
    recorder = Recorder(kind="recorder", folder=folder, bitrate=1_000_000, audio="source")
    show, player = fake_show(
        tmp_path, camera=str(flashing_film(tmp_path / "film.mov", SIZE)), outputs=(recorder,)
    )
    supervisor = Supervisor(show, player, bright_nets, Heard())

    def steps() -> None:
        wait_until(lambda: states(supervisor)[-1:] == ["LIVE"], "on air", START_S)
        supervisor.act("record")
        wait_until(lambda: sent(supervisor, "recorder") > FILM_FPS, "it is recorded", START_S)
        happens(supervisor)
        go_on_until_calm(supervisor)

    run(supervisor, steps)
    (recording,) = folder.iterdir()
    flashes, beeps = flashes_in(recording), beeps_in(recording)
    end_s = length_s(recording)
    watched = [flash for flash in flashes if end_s - WATCHED_S < flash < end_s - 2 * BEEP_S]
    assert len(watched) >= 4, (end_s, flashes)
    nearest = [min(beeps, key=lambda beep, at=flash: abs(beep - at)) for flash in watched]
    apart_s = np.array(nearest) - np.array(watched)
    print(f"{happens.__name__}: sound after picture, ms: {np.round(1000 * apart_s)}")
    assert np.median(np.abs(apart_s)) <= APART_S and np.abs(apart_s).max() <= WORST_S
    assert len(set(nearest)) == len(watched), "each has its own"
    within = [beep for beep in beeps if watched[0] - WORST_S <= beep <= watched[-1] + WORST_S]
    assert len(within) <= len(watched) + 1, "a flash may be missed on a busy machine, most are not"
