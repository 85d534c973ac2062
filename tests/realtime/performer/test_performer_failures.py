"""What the performer does, and says, where a frame, the networks, a player or a camera fail."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pose.tracking.choosing import Rule
from engines.pose.tracking.floor import Floor
from realtime.cameras.camera_name import NotThereYet
from realtime.cameras.video_source import VideoSource
from realtime.config.show import Capture, Show
from realtime.performer import performer
from realtime.performer.confidence import NEVER_FILMED
from realtime.performer.networks import Nets
from realtime.stages.context import StageContext
from realtime.stages.stage_link import StageLink
from realtime.stages.table import PERFORMER
from realtime.transport.orders import Orders
from realtime.transport.telemetry import Meter
from tests.realtime.fakes import (
    FakePerson,
    FakeRender,
    FakeTracker,
    TrackerOf,
    fake_nets,
)
from tests.realtime.performer.stage import Stage, nets_with, newest_ticket


def test_a_player_that_this_machine_has_not_is_told_once_and_the_other_dances_on(
    start: Callable[[Nets], Stage],
) -> None:
    stage = start(nets_with(name="One"))
    for _ in range(3):
        stage.performer.obey(Orders(player="/packs/\x1b[2Jsmith"))
    assert newest_ticket(stage).good
    stage.until(lambda: bool(stage.events))
    assert stage.events == ["this machine's show file has no player '/packs/\\x1b[2Jsmith'"]
    assert stage.performer.players.status.name == "One"


def test_pictures_unlike_the_footage_are_told_and_not_trusted(tmp_path: Path) -> None:
    class Guessing(FakeRender):
        likeness = 0.9

    class Faint(FakePerson):
        score = 0.5

    guessing = Guessing()
    stage = Stage(
        tmp_path, nets_with(render=guessing, tracker=TrackerOf(lambda *_: Faint())), least_confidence=0.4
    )
    try:
        stage.performer.start(must_open=True)
        assert newest_ticket(stage).trusted
        stage.until(lambda: stage.performer.confidence.late == pytest.approx(0.45))
        guessing.likeness = 0.2
        stage.until(lambda: not newest_ticket(stage).trusted)
        stage.until(lambda: bool(stage.events))
        assert stage.events == [NEVER_FILMED]
    finally:
        stage.close()


def test_an_ndi_source_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(camera: str, ask: Capture) -> VideoSource:
        raise NotThereYet(f"camera {camera}: there is no NDI source of that name")

    monkeypatch.setattr(performer, "VideoSource", absent)
    stage = Stage(tmp_path, fake_nets(Show()), camera="ndi://Cam")
    try:
        stage.performer.start(must_open=True)
        stage.until(lambda: stage.performer.capture.trouble != "")
        assert stage.performer.capture.running
        stage.until(lambda: any("trying again" in text for text in stage.events))
    finally:
        stage.close()


def test_nobody_is_said_and_nothing_is_painted(start: Callable[[Nets], Stage]) -> None:
    stage = start(nets_with(tracker=TrackerOf(lambda frame, t_ns: None)))
    ticket = newest_ticket(stage)
    assert not ticket.good
    stage.until(lambda: stage.counts.get("dropped.nobody", 0) > 5)
    assert "frames.generated" not in stage.counts


class Failing:
    """Calls `work`, but raises for the first `failures` calls."""

    backend = "failing"
    likeness = 1.0
    spent_ns: ClassVar[dict[str, int]] = {}
    people = ()
    is_looking = False
    is_missing = False

    def __init__(self, failures: int, work: Callable[..., object]) -> None:
        self._left = failures
        self._work = work

    def __call__(self, *arguments: object) -> object:
        self._left -= 1
        if self._left >= 0:
            raise ValueError("no idea")
        return self._work(*arguments)

    def choose(self, rule: Rule, mark: tuple[float, float], floor: Floor | None) -> None:
        pass

    def reset(self) -> None:
        pass


@pytest.mark.parametrize(
    ("part", "work", "cause"),
    [("tracker", FakeTracker(), "pose_failed"), ("render", FakeRender(), "generate_failed")],
)
def test_a_frame_that_fails_is_skipped_and_counted(
    start: Callable[[Nets], Stage], part: str, work: Callable[..., object], cause: str
) -> None:
    stage = start(nets_with(**{part: Failing(3, work)}))
    stage.until(lambda: stage.counts.get("frames.generated", 0) > 3)
    assert stage.counts[f"dropped.{cause}"] == 3
    assert [event for event in stage.events if "no idea" in event] == [
        f"a frame was skipped ({cause.removesuffix('_failed')}: no idea); further ones are only counted"
    ]
    assert stage.performer.error is None


def test_landmarks_that_are_not_finite_are_skipped_and_counted(start: Callable[[Nets], Stage]) -> None:
    class Lost(FakePerson):
        landmarks = np.full((33, 4), np.nan, np.float32)

    calls = 0

    def track(frame: NDArray[np.uint8], t_ns: int) -> FakePerson:
        nonlocal calls
        calls += 1
        return Lost() if calls % 2 else FakePerson()

    stage = start(nets_with(tracker=TrackerOf(track)))
    stage.until(lambda: stage.counts.get("frames.generated", 0) > 3)
    assert stage.counts["dropped.landmarks_not_finite"] >= 3


def test_networks_that_always_fail_end_the_performer(
    start: Callable[[Nets], Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.performer.frame_failures.FAILURES_IN_A_ROW", 5)
    stage = start(nets_with(tracker=Failing(10**9, FakeTracker())))
    stage.until(lambda: stage.performer.error is not None)
    assert "5 frames in a row failed (pose: no idea)" in str(stage.performer.error)


def test_why_a_backend_was_left_is_an_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performer, "be_nicer", lambda by: None)
    stage = Stage(tmp_path, fake_nets(Show()))
    left = "the backend cuda does not work here (it is out of memory)"
    rig = replace(stage.performer._rig, nets=lambda show: replace(fake_nets(show), left=(left,)))
    ended = SimpleNamespace(
        meter=Meter(), bus=stage.bus, every_s=0.01, stopped=lambda: True, loading=lambda doing: None
    )
    try:
        performer.run(StageContext(PERFORMER, rig, attempt=1), cast(StageLink, ended))
    finally:
        stage.bus.close()
        stage._sockets.cleanup()
    assert left in [text for _, text in ended.meter.take().events]
