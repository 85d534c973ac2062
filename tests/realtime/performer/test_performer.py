"""The performer's frames, from the camera to the ring and the ticket, with fake networks."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pose.tracking.choosing import Rule
from engines.pose.tracking.floor import Floor
from engines.pose.tracking.tracker import Person
from realtime.config.show import Show
from realtime.config.venue import Venue
from realtime.performer.networks import Nets
from realtime.performer.paint_step import Pace
from realtime.transport.bus import Ticket
from realtime.transport.orders import Orders
from realtime.transport.people import People
from realtime.transport.telemetry import BIN_MS
from tests.realtime.fakes import (
    SIZE,
    FakePerson,
    FakeRender,
    FakeRetarget,
    FakeTracker,
    fake_nets,
    fake_show,
    write_clip,
)
from tests.realtime.performer.stage import Stage, nets_with, newest_picture, newest_ticket


def test_frames_are_painted_into_the_ring(start: Callable[[Nets], Stage]) -> None:
    drawn: list[float] = []
    stage = start(nets_with(draw_skeleton=lambda picture, landmarks: drawn.append(landmarks[0, 0])))
    assert newest_ticket(stage).good
    ticket, out = newest_picture(stage)
    assert ticket.frame_id >> 32 == 2
    assert ticket.captured_ns < ticket.posed_ns < ticket.generated_ns <= time.monotonic_ns()
    assert ticket.period_ns >= 1e9 / 24 - 1
    assert (out == 200).all()
    assert not drawn
    stage.performer.orders = Orders(skeleton=True, mirror=True)
    stage.until(lambda: len(drawn) > 2)
    assert stage.performer.players.current().retarget.mirror


def test_the_ticket_says_which_player_is_painted(tmp_path: Path) -> None:
    show, _ = fake_show(tmp_path)
    other = tmp_path / "other"

    def load(folder: Path) -> Nets:
        return nets_with(folder=folder, load_player=load)

    nets = load(show.player)
    stage = Stage(tmp_path, nets, others={"Other": other})
    try:
        stage.performer.start(must_open=True)
        assert newest_ticket(stage).player == 0
        stage.performer.obey(Orders(player="Other"))
        stage.until(lambda: newest_ticket(stage).player == 1)
        stage.performer.obey(Orders())
        stage.until(lambda: newest_ticket(stage).player == 0)
    finally:
        stage.close()


def test_the_ticket_says_which_camera_took_the_frame_and_where_in_its_file(tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other.mp4", frames=6)
    stage = Stage(tmp_path, nets_with(), cameras=(str(tmp_path / "clip.mp4"), str(other)))
    try:
        stage.performer.start(must_open=True)
        first = newest_ticket(stage)
        assert first.camera == 0 and 0 <= first.media_ns < 1e9
        stage.performer.obey(Orders(camera=1))
        stage.until(lambda: newest_ticket(stage).camera == 1)
        assert 0 <= newest_ticket(stage).media_ns < 0.25e9
    finally:
        stage.close()


def test_who_is_there_is_told_and_the_picked_one_is_followed(start: Callable[[Nets], Stage]) -> None:
    class Crowd(FakeTracker):
        followed: int | None = None
        boxes = np.array([[0, 0, 64, 96], [64, 0, 128, 96]], np.float32)
        people = tuple(Person(n, box, box, 0.9) for n, box in enumerate(boxes))

        def follow(self, person_id: int | None) -> None:
            self.followed = person_id

        def choose(self, rule: Rule, mark: tuple[float, float], floor: Floor | None) -> None:
            self.rule = rule, mark

    crowd = Crowd()
    stage = start(nets_with(tracker=crowd))
    seen = stage.bus.receiver("people", "playout")
    assert seen.poll(60_000)
    people = People.unpack(seen.recv())
    assert people.boxes == ((0, 0.0, 0.0, 0.5, 1.0), (1, 0.5, 0.0, 1.0, 1.0))
    assert (people.followed, people.size) == (1, SIZE)
    stage.performer.orders = Orders(picks=1)
    stage.until_posed()
    stage.performer.orders = Orders(pick=(0.7, 0.5), picks=2)
    stage.until(lambda: crowd.followed == 1)
    stage.performer.orders = Orders(picks=3, dancer_rule="centre", dancer_mark=(0.3, 0.9))
    stage.until(lambda: crowd.followed is None)
    assert crowd.rule == ("centre", (0.3, 0.9))


def test_the_fan_is_learned_as_the_operator_orders(start: Callable[[Nets], Stage]) -> None:
    class Learning(FakeRetarget):
        redone = 0

        @property
        def known(self) -> str:
            return "locked" if self.locked else "learning"

        def redo(self) -> None:
            self.redone += 1

    retarget = Learning()
    stage = start(nets_with(retarget=retarget))
    stage.until(lambda: stage.performer.known == ("learning",))
    for redos in (1, 1, 3):
        stage.performer.orders = Orders(redos=redos, locked=True)
        stage.until_posed()
    assert retarget.redone == 2, "once for each number"
    assert stage.performer.known == ("locked",)


def test_what_a_picture_takes_is_told_apart(start: Callable[[Nets], Stage]) -> None:
    stage = start(nets_with())
    stage.until(lambda: {"doll", "net", "generate"} <= stage.times.keys())
    assert set(stage.times["net"]) == {int(6 / BIN_MS)} and set(stage.times["doll"]) == {int(2 / BIN_MS)}


class Swapped(FakeTracker):
    """Finds one person. dancer: their id."""

    dancer = 1

    def __call__(self, frame: NDArray[np.uint8], t_ns: int) -> FakePerson | None:
        person = FakePerson()
        person.person_id = self.dancer
        return person


def test_nothing_is_carried_over_to_another_dancer(start: Callable[[Nets], Stage]) -> None:
    class Counted(FakeRetarget):
        resets = 0

        def reset(self) -> None:
            self.resets += 1

    tracker, retarget = Swapped(), Counted()
    stage = start(nets_with(tracker=tracker, retarget=retarget))
    stage.until(lambda: stage.counts.get("frames.posed", 0) > 3)
    assert retarget.resets == 1, "the first dancer is new"
    tracker.dancer = 2
    stage.until(lambda: retarget.resets == 2)


def test_a_new_dancer_is_painted_anew_also_where_the_first_frames_were_overtaken(
    start: Callable[[Nets], Stage],
) -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Slow(FakeRender):
        resets = 0

        def __call__(self, landmarks: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
            entered.set()
            assert go_on.wait(120)

        def reset(self) -> None:
            self.resets += 1

    tracker, render = Swapped(), Slow()
    stage = start(nets_with(tracker=tracker, render=render))
    assert entered.wait(60) and render.resets == 1
    tracker.dancer = 2
    overtaken = stage.counts.get("dropped.overtaken_before_generate", 0)
    stage.until(lambda: stage.counts.get("dropped.overtaken_before_generate", 0) > overtaken + 3)
    go_on.set()
    stage.until(lambda: render.resets == 2)


def test_with_another_camera_the_fan_is_looked_for_and_learned_anew(tmp_path: Path) -> None:
    class Forgetful(FakeTracker):
        resets = 0

        def reset(self) -> None:
            self.resets += 1

    class Learner(FakeRetarget):
        redos = 0

        def redo(self) -> None:
            self.redos += 1

    cameras = (str(write_clip(tmp_path / "a.mp4")), str(write_clip(tmp_path / "b.mp4", size=(64, 96))))
    tracker, retarget = Forgetful(), Learner()
    stage = Stage(tmp_path, nets_with(tracker=tracker, retarget=retarget), cameras=cameras, camera=cameras[0])
    try:
        stage.performer.start(must_open=True)
        stage.until(lambda: stage.counts.get("frames.posed", 0) > 3)
        assert (tracker.resets, retarget.redos) == (0, 0)
        assert stage.performer.camera_name == cameras[0]
        stage.performer.obey(Orders(camera=1))
        stage.until(lambda: tracker.resets == 1)
        stage.until(lambda: stage.performer.camera.size == (64, 96))
        assert stage.performer.camera_name == cameras[1]
        stage.performer.obey(Orders(camera=4))  # it goes round: the first one again
        stage.until(lambda: tracker.resets == 2 and retarget.redos == 2)
        assert stage.performer.camera_name == cameras[0]
    finally:
        stage.close()


def test_the_camera_is_copied_for_those_who_want_it(start: Callable[[Nets], Stage]) -> None:
    stage = start(fake_nets(Show()))
    camera = stage.bus.receiver("camera", "playout")
    stage.until(lambda: stage.counts.get("frames.posed", 0) > 5)
    assert not camera.poll(50)
    stage.performer.orders = Orders(camera_preview=True)
    out = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)

    def copied() -> bool:
        """One that is overwritten before it was read is left out."""
        assert camera.poll(60_000)
        ticket = Ticket.unpack(camera.recv())
        return stage.camera_ring.read(ticket.slot, ticket.sequence, out)

    stage.until(copied)
    assert out.min() > 30


def test_a_skeleton_over_a_layer_is_opaque(tmp_path: Path) -> None:
    def draw(picture: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> None:
        picture[:2] = (1, 2, 3)

    class Faint(FakeRender):
        def __call__(self, landmarks: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
            out[:] = (9, 9, 9, 50)

    stage = Stage(tmp_path, nets_with(draw_skeleton=draw, render=Faint()), channels=4)
    stage.performer.orders = Orders(skeleton=True)
    stage.performer.start(must_open=True)
    try:
        _, out = newest_picture(stage)
        assert (out[:2] == (1, 2, 3, 255)).all() and (out[2:] == (9, 9, 9, 50)).all()
    finally:
        stage.close()


def test_another_player_takes_over_between_two_frames(start: Callable[[Nets], Stage]) -> None:
    class Second(FakeRender):
        resets = 0

        def __call__(self, landmarks: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
            assert landmarks[0, 0] == 11, "the landmarks are those of his own body"
            out[:] = 60

        def reset(self) -> None:
            self.resets += 1

    class Shifted(FakeRetarget):
        def __call__(
            self, landmarks: NDArray[np.float32], frame_size: tuple[int, int], t_ns: int
        ) -> NDArray[np.float32]:
            return landmarks + 1

    second = nets_with(render=Second(), retarget=Shifted(), name="Two")
    stage = start(nets_with(name="One", load_player=lambda folder: second))
    assert newest_ticket(stage).good
    stage.performer.obey(Orders(player="Two"))
    out = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)

    def second_dances() -> bool:
        ticket = newest_ticket(stage)
        return stage.ring.read(ticket.slot, ticket.sequence, out) and bool((out == 60).all())

    stage.until(second_dances)
    assert second.render.resets == 1
    assert stage.performer.players.status.name == "Two"
    stage.until(lambda: any("Two dances now" in event for event in stage.events))
    assert "dropped.generate_failed" not in stage.counts
    assert stage.performer.error is None


def test_the_pace_follows_the_frames_but_not_the_absence_of_people() -> None:
    pace = Pace()
    for n in range(5):
        pace.finished(n * 50)
    assert pace.period_ns == 50
    pace.interrupted()
    pace.finished(10_000)
    assert pace.period_ns == 50
    for n in range(100):
        pace.finished(10_000 + n * 200)
    assert pace.period_ns == pytest.approx(200, abs=10)


def test_the_venues_floor_mark_and_lens_are_used(tmp_path: Path) -> None:
    lens = {
        "size": SIZE, "matrix": (100, 100, 64, 48), "distortion": (-0.3, 0, 0, 0, 0), "error_px": 0.2,
        "measured": "2026-11-29",
    }  # fmt: skip
    corners = ((0.2, 0.5), (0.8, 0.5), (1.0, 1.0), (0.0, 1.0))
    camera = {"name": "clip.mp4", "floor": corners, "mark": (0.5, 0.9), "lens": lens}
    chosen: list[tuple[tuple[float, float], object]] = []
    given: list[float] = []

    class Choosing(FakeTracker):
        def choose(self, rule: Rule, mark: tuple[float, float], floor: Floor | None) -> None:
            chosen.append((mark, None if floor is None else floor.corners))

    class Noting(FakeRetarget):
        def __call__(
            self, landmarks: NDArray[np.float32], frame_size: tuple[int, int], t_ns: int
        ) -> NDArray[np.float32]:
            given.append(float(landmarks[0, 0]))
            return landmarks

    nets = nets_with(tracker=Choosing(), retarget=Noting())
    stage = Stage(tmp_path, nets, venue=Venue.model_validate({"cameras": [camera]}))
    try:
        stage.performer.orders = Orders.at_start(stage.show)
        stage.performer.start(must_open=True)
        seen = stage.bus.receiver("people", "playout")
        stage.until(lambda: stage.counts.get("frames.posed", 0) > 4)
        assert seen.poll(60_000)
        people = People.unpack(seen.recv())
    finally:
        stage.close()
    assert (people.floor, people.mark) == (corners, (0.5, 0.9))
    assert chosen[-1] == ((0.5, 0.9), corners)
    assert max(given) < 9, "a point near the edge moves outwards, away from (64, 48), once it is straightened"
