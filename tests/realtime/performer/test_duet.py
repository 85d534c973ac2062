"""Two fans and two players, with fakes in place of the networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pose.tracking.tracker import Person
from realtime.config.duet import Duet
from realtime.config.show import Show
from realtime.performer import duet_pace
from realtime.performer.capture_thread import Captured
from realtime.performer.confidence import NEVER_FILMED
from realtime.performer.duet_pace import DuetPace, measure, pictures_a_second, said
from realtime.performer.fan import Dancer, Fan
from realtime.performer.networks import Nets, Second, Trial
from realtime.transport.orders import Orders
from realtime.transport.people import People
from tests.realtime.fakes import (
    SIZE,
    FakeBoth,
    FakePerson,
    FakeRetarget,
    FakeTracker,
    SecondPerson,
    fake_duet_nets,
)
from tests.realtime.performer.stage import Stage, newest_picture, newest_ticket

MS = 1_000_000
Found = tuple[FakePerson | None, FakePerson | None]


class Fans:
    """Whom the fake trackers find."""

    def __init__(self, first: FakePerson | None, second: FakePerson | None) -> None:
        self.found: Found = first, second

    def __call__(self, frame: NDArray[np.uint8], t_ns: int) -> Found:
        return self.found


def duet_nets(**parts: object) -> Nets:
    """parts: of `Second`."""
    nets = fake_duet_nets(Show())
    assert nets.second is not None
    return replace(nets, second=replace(nets.second, **parts))


@pytest.fixture
def start_duet(tmp_path: Path, start: Callable[..., Stage]) -> Callable[..., Stage]:
    """changes: of the show."""

    def make(nets: Nets, **changes: object) -> Stage:
        return start(nets, **{"duet": Duet(player=tmp_path / "two"), "hold_ms": 0, **changes})

    return make


def both_of(nets: Nets) -> FakeBoth:
    assert nets.second is not None and isinstance(nets.second.paint, FakeBoth)
    return nets.second.paint


def halves(stage: Stage) -> tuple[int, int]:
    """The greys of the newest picture's halves, see `FakeBoth`."""
    _, out = newest_picture(stage)
    return int(out[0, 0, 0]), int(out[0, -1, 0])


def test_both_dance_apart_and_both_are_told(start_duet: Callable[..., Stage]) -> None:
    nets = duet_nets()
    stage = start_duet(nets)
    seen = stage.bus.receiver("people", "playout")
    assert halves(stage) == (FakeBoth.FIRST, FakeBoth.SECOND)
    first, second = both_of(nets).poses[-1]
    assert first is not None and second is not None
    half = 0.3 * SIZE[0] / 2
    assert (first[:, 0] == pytest.approx(10 - half)) and (second[:, 0] == pytest.approx(10 + half))
    assert (first[:, 1] == 10).all()
    assert (FakePerson.landmarks == 10).all(), "the tracker's own are left alone"
    assert both_of(nets).resets == 1, "once, as a new dancer"
    assert seen.poll(60_000)
    people = People.unpack(seen.recv())
    assert (people.followed, people.second) == (1, 2)
    assert len(people.landmarks) == len(people.second_landmarks) == 33
    stage.until(lambda: stage.performer.known == ("sound", "sound"))
    status = stage.performer.status()
    assert (status.fan, status.fan_2) == ("sound", "sound")


def test_one_who_is_missing_is_not_in_the_picture_and_the_other_dances_on(
    start_duet: Callable[..., Stage],
) -> None:
    fans = Fans(FakePerson(), SecondPerson())
    stage = start_duet(duet_nets(find=fans))
    stage.until(lambda: halves(stage) == (FakeBoth.FIRST, FakeBoth.SECOND))
    fans.found = None, SecondPerson()
    stage.until(lambda: halves(stage) == (FakeBoth.GREY, FakeBoth.SECOND))
    assert stage.performer.known == ("", "sound")
    fans.found = FakePerson(), None
    stage.until(lambda: halves(stage) == (FakeBoth.FIRST, FakeBoth.GREY))
    fans.found = None, None
    stage.until(lambda: not newest_ticket(stage).good)
    stage.until(lambda: stage.counts.get("dropped.nobody", 0) > 2)
    assert stage.performer.error is None


def test_each_fan_has_a_pick_of_its_own(start_duet: Callable[..., Stage]) -> None:
    boxes = np.array([[0, 0, 64, 96], [64, 0, 128, 96]], np.float32)

    class Crowd(FakeTracker):
        followed: int | None = None
        people = tuple(Person(n, box, box, 0.9) for n, box in enumerate(boxes))

        def follow(self, person_id: int | None) -> None:
            self.followed = person_id

    first, second = Crowd(), Crowd()
    stage = start_duet(replace(duet_nets(tracker=second), tracker=first))
    stage.until(lambda: stage.counts.get("frames.posed", 0) > 2)
    stage.performer.orders = Orders(pick_2=(0.2, 0.5), picks_2=1)
    stage.until(lambda: second.followed == 0)
    assert first.followed is None
    stage.performer.orders = Orders(pick=(0.7, 0.5), picks=1, pick_2=(0.2, 0.5), picks_2=1)
    stage.until(lambda: first.followed == 1)
    second.is_missing = True
    stage.until(lambda: bool(stage.events))
    assert stage.events[0].startswith("second fan: the picked fan is gone")
    stage.performer.orders = Orders(pick=(0.7, 0.5), picks=1, picks_2=2)
    stage.until(lambda: second.followed is None)
    assert first.followed == 1


def test_redo_lock_mirror_and_another_camera_count_for_both(start_duet: Callable[..., Stage]) -> None:
    class Learner(FakeRetarget):
        redone = 0

        def redo(self) -> None:
            self.redone += 1

    class Forgetful(FakeTracker):
        resets = 0

        def reset(self) -> None:
            self.resets += 1

    learners, trackers = (Learner(), Learner()), (Forgetful(), Forgetful())
    nets = replace(
        duet_nets(retarget=learners[1], tracker=trackers[1]), retarget=learners[0], tracker=trackers[0]
    )
    stage = start_duet(nets)
    stage.until(lambda: stage.counts.get("frames.posed", 0) > 2)
    stage.performer.orders = Orders(redos=1, locked=True, mirror=True)
    stage.until(lambda: all(learner.redone == 1 for learner in learners))
    stage.until(lambda: all(learner.locked and learner.mirror for learner in learners))
    stage.performer.capture._switches += 1
    stage.until(lambda: all(tracker.resets == 1 for tracker in trackers))
    stage.until(lambda: all(learner.redone == 2 for learner in learners))


def test_the_worse_of_the_two_is_the_confidence(start_duet: Callable[..., Stage]) -> None:
    class Unlike(FakeBoth):
        likeness = (1.0, 0.1)

    fans = Fans(FakePerson(), None)
    stage = start_duet(duet_nets(find=fans, paint=Unlike()), least_confidence=0.4)
    stage.until(lambda: newest_ticket(stage).trusted)
    fans.found = FakePerson(), SecondPerson()
    stage.until(lambda: not newest_ticket(stage).trusted)
    stage.until(lambda: stage.events == [NEVER_FILMED])
    fans.found = FakePerson(), None
    stage.until(lambda: newest_ticket(stage).trusted)


def test_the_skeletons_of_both_are_drawn(start_duet: Callable[..., Stage]) -> None:
    drawn: list[float] = []
    nets = replace(duet_nets(), draw_skeleton=lambda picture, landmarks: drawn.append(landmarks[0, 0]))
    stage = start_duet(nets)
    stage.performer.orders = Orders(skeleton=True)
    stage.until(lambda: len(set(drawn)) == 2)


def test_another_first_player_leaves_the_second_one_alone(tmp_path: Path) -> None:
    nets = duet_nets()
    assert nets.second is not None
    paint = FakeBoth()
    other = replace(nets, name="Other", second=replace(nets.second, paint=paint))
    changes = {"duet": Duet(player=tmp_path / "two")}
    stage = Stage(
        tmp_path,
        replace(nets, load_player=lambda folder: other),
        others={"Other": tmp_path / "o"},
        **changes,
    )
    try:
        stage.performer.start(must_open=True)
        stage.until(lambda: len(both_of(nets).poses) > 2)
        stage.performer.obey(Orders(player="Other"))
        stage.until(lambda: len(paint.poses) > 2)
        assert (paint.first_resets, paint.resets) == (1, 0), "the second fan dances on"
    finally:
        stage.close()


def captured(t_ms: int) -> Captured:
    return Captured(1, np.zeros((SIZE[1], SIZE[0], 3), np.uint8), t_ms * MS)


def stepped(fan: Fan, person: FakePerson | None, t_ms: int) -> Dancer | None:
    return fan.step(person, FakeRetarget(), captured(t_ms), Orders(), lambda landmarks: landmarks)


def test_a_fan_who_is_lost_stands_still_for_a_moment() -> None:
    fan = Fan(shift=20, hold_ns=250 * MS)
    assert stepped(fan, None, 0) is None
    first = stepped(fan, FakePerson(), 40)
    assert first is not None and first.turn == 1 and (first.landmarks[:, 0] == 30).all()
    held = stepped(fan, None, 200)
    assert held is not None and held.turn == 1 and (held.landmarks == first.landmarks).all()
    assert fan.known == "", "nobody is followed"
    assert stepped(fan, None, 300) is None
    again = stepped(fan, FakePerson(), 400)
    assert again is not None and again.turn == 1
    fan.anew()
    assert stepped(fan, None, 420) is None
    alone = Fan()
    assert stepped(alone, FakePerson(), 0) is not None and stepped(alone, None, 1) is None


def test_the_pace_is_that_of_pose_beside_painting() -> None:
    ticks = count()
    done = {"pose": 0, "paint": 0}

    def work(name: str) -> Callable[[], None]:
        def once() -> None:
            done[name] += 1

        return once

    rate = pictures_a_second((work("pose"), work("paint")), 10.0, clock=lambda: float(next(ticks)))
    assert rate == pytest.approx(9 / 11), "the clock was asked twelve times, from 0 on"
    assert done == {"pose": 11, "paint": 10}, "one pose is ahead, and both were done once before"


@pytest.mark.parametrize(
    ("two", "programme", "enough"),
    [(12.0, 30.0, False), (20.0, 30.0, True), (12.0, 15.0, True), (11.9, 15.0, False)],
)
def test_two_dancers_are_too_much_where_a_dance_would_jerk(
    two: float, programme: float, enough: bool
) -> None:
    pace = DuetPace(24.0, two, programme)
    assert pace.is_enough == enough
    assert f"about {two:.0f} new pictures a second" in said(pace)
    assert ("too much" in said(pace)) != enough


@pytest.mark.parametrize(
    ("programme", "one", "two"), [(5.0, 5.0, 5.0), (15.0, 15.0, 12.0), (30.0, 24.0, 12.0)]
)
def test_a_machine_gives_no_more_than_the_programme_shows(
    monkeypatch: pytest.MonkeyPatch, programme: float, one: float, two: float
) -> None:
    second = fake_duet_nets(Show()).second
    assert isinstance(second, Second)
    rates = iter((24.0, 12.0))

    def tried(trial: Trial, try_s: float) -> float:
        for work in trial:
            work()
        return next(rates)

    monkeypatch.setattr(duet_pace, "pictures_a_second", tried)
    assert measure(second, programme) == DuetPace(one, two, programme)
