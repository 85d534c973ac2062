"""What hangs in the performer is noticed, told and replaced in time: real processes, fake networks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from realtime.cameras.video_source import VideoSource
from realtime.config.show import Show
from realtime.performer.capture_thread import CameraWatch
from realtime.performer.networks import Nets
from realtime.stages.table import PERFORMER, PLAYOUT, Stage
from realtime.supervise.supervisor import Supervisor
from tests.realtime.fakes import Heard, fake_nets, fake_show
from tests.realtime.test_show_runs import child, in_background, states, wait_for

S = 1_000_000_000


def is_first(show: Show, what: str) -> bool:
    """Whether this is asked for the first time in a show; in any process."""
    try:
        os.close(os.open(Path(show.camera).with_name(f"{what} asked"), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def hang_on(show: Show, hangs: Callable[[VideoSource], bool]) -> None:
    """In the performer's process: cameras hang in their driver once the file `hang` is there."""
    CameraWatch.SILENT_NS, CameraWatch.HUNG_NS, CameraWatch.HOPELESS_NS = S, 5 * S, 5 * S
    grab, marker = VideoSource.grab, Path(show.camera).with_name("hang")

    def hanging(source: VideoSource) -> int:
        if marker.exists() and hangs(source):
            threading.Event().wait()
        return grab(source)

    VideoSource.grab = hanging  # type: ignore[method-assign]


def nets_and_a_camera_that_hangs_once(show: Show) -> Nets:
    first: list[VideoSource] = []

    def hangs(source: VideoSource) -> bool:
        first.append(source)
        return source is first[0]

    hang_on(show, hangs)
    return fake_nets(show)


def nets_and_a_camera_that_hangs_in_the_first_process(show: Show) -> Nets:
    if is_first(show, "process"):
        hang_on(show, lambda _: True)
    return fake_nets(show)


def nets_that_hang_at_first(show: Show) -> Nets:
    if is_first(show, "load"):
        threading.Event().wait()
    return fake_nets(show)


def nets_that_take_long(show: Show) -> Nets:
    while time.process_time() < PATIENCE_S + 3:
        pass
    return fake_nets(show)


@pytest.mark.parametrize(
    ("nets", "restarts"),
    [
        (nets_and_a_camera_that_hangs_once, {}),
        (nets_and_a_camera_that_hangs_in_the_first_process, {"performer": 1}),
    ],
)
def test_a_camera_that_hangs_is_opened_anew_or_gets_another_process(
    tmp_path: Path, nets: Callable[[Show], Nets], restarts: dict[str, int]
) -> None:
    show, player = fake_show(tmp_path)
    heard = Heard()
    supervisor = Supervisor(show, player, nets, heard)

    def fact(name: str) -> object:
        return supervisor.desk.state()["show"].get(name)

    def hang() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        (tmp_path / "hang").touch()
        wait_for(lambda: fact("camera") == f"camera {show.camera} does not answer")
        wait_for(lambda: fact("state") == "FALLBACK")
        wait_for(lambda: fact("reason") == f"camera {show.camera} does not answer")
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        wait_for(lambda: fact("camera") == "")

    errors = in_background(supervisor, hang)
    supervisor.run()
    assert not errors
    assert supervisor.report()["restarts"] == restarts
    told = [line.removeprefix("performer: ") for line in heard.lines]
    assert f"camera {show.camera} does not answer" in told
    anew = f"camera {show.camera} hangs in its driver; it is opened anew"
    lost = f"performer was lost (camera {show.camera} hangs in its driver); starting it again"
    assert (lost in told) is bool(restarts)
    since = told[told.index(anew) : told.index(lost) if restarts else None]
    assert (f"camera {show.camera} answers again" in since) is not bool(restarts)


PATIENCE_S = 12.0
"""The time that a process takes to start at all, on a busy machine, is in it."""


def quick_to_lose_patience() -> dict[str, Stage]:
    return {"performer": replace(PERFORMER, loading_deadline_s=PATIENCE_S), "playout": PLAYOUT}


def test_a_performer_that_hangs_while_it_loads_is_replaced(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    heard = Heard()
    supervisor = Supervisor(show, player, nets_that_hang_at_first, heard, stages=quick_to_lose_patience())

    def look() -> None:
        wait_for(
            lambda: supervisor.desk.state()["show"].get("reason") == "the performer is loading the networks"
        )
        doing = supervisor.desk.state()["show"]["stages"]["performer"]
        assert doing == {"ready": False, "restarts": 0, "doing": "loading the networks"}
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        assert supervisor.desk.state()["show"]["stages"]["performer"]["doing"] == ""

    errors = in_background(supervisor, look)
    supervisor.run()
    assert not errors
    lost = "performer was lost (it hung while loading the networks and was stopped); starting it again"
    assert heard.lines.count(lost) == 1


def test_a_performer_that_takes_long_but_works_is_left_alone(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    supervisor = Supervisor(show, player, nets_that_take_long, Heard(), stages=quick_to_lose_patience())
    errors = in_background(supervisor, lambda: wait_for(lambda: states(supervisor)[-1:] == ["LIVE"], 300))
    supervisor.run()
    assert not errors
    assert supervisor.report()["restarts"] == {}


def test_a_performer_that_hangs_while_it_loads_is_started_again_by_the_operator(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    supervisor = Supervisor(show, player, nets_that_hang_at_first, Heard())

    def operate() -> None:
        wait_for(lambda: (tmp_path / "load asked").exists())
        hung = child("performer")
        supervisor.desk.act("restart", who="test", confirmed=True)
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        assert hung is not None and not hung.is_running()

    errors = in_background(supervisor, operate)
    supervisor.run()
    assert not errors
