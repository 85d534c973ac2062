"""The performer's process: camera ▸ pose ▸ retarget ▸ generate ▸ ring. It may crash; the show goes on.

Four threads: capture, pose (with hands and face, and the retargeting), generate, and the main one, which
sends the heartbeats.
Each hand-over between them holds one frame, so the pose of frame n+1 overlaps the generation of frame n.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import zmq
from numpy.typing import NDArray

from realtime.bus import Bus, Ticket
from realtime.camera_copy import CameraCopy
from realtime.capture import Captured, CaptureThread
from realtime.control.actions import Orders
from realtime.far_clock import answer
from realtime.frames import open_writer
from realtime.handover import Handover
from realtime.key import draw_on
from realtime.nets import ExtraNets, Nets, Person, Retarget
from realtime.orders_heard import OrdersHeard
from realtime.people import People, Picker
from realtime.player_swap import PlayerSwap
from realtime.process import StageLink
from realtime.stages import StageContext
from realtime.telemetry import Meter

if TYPE_CHECKING:
    from engines.pose.device_frame import Frame

log = logging.getLogger(__name__)

NS_PER_S = 1_000_000_000

IDLE_S = 0.2
"""How long a thread waits for a frame before it says that it is still there."""

FORGET_NS = 500_000_000
"""Somebody who was away longer than this is a new dancer: nothing of the old movement is carried over."""

FAILURES_IN_A_ROW = 60
"""So many frames that fail one after the other mean that the networks are broken: the process starts anew."""

IDS_PER_ATTEMPT = 1 << 32
"""Frame ids of a restarted performer start at its attempt times this: no id is used twice in a show."""


class PerformerError(RuntimeError):
    """The performer cannot go on; the text says why."""


class Posed(NamedTuple):
    """A frame on its way to the generator. points: (33, 4) landmarks, or with hands and face (143, 4), in the
    player's picture; None: nobody there. nets: the player's."""

    captured: Captured
    nets: Nets
    points: NDArray[np.float32] | None
    posed_ns: int
    new_dancer: bool


class Pace:
    """How far apart finished frames lie of late: an average over about ten. Pure: time is an argument."""

    WEIGHT = 0.1

    def __init__(self) -> None:
        self.period_ns = 0
        self._last_ns: int | None = None

    def finished(self, now_ns: int) -> None:
        if self._last_ns is not None:
            gap_ns = now_ns - self._last_ns
            self.period_ns = round((1 - self.WEIGHT) * (self.period_ns or gap_ns) + self.WEIGHT * gap_ns)
        self._last_ns = now_ns

    def interrupted(self) -> None:
        """Nobody was there: the gap until the next frame says nothing of the pace."""
        self._last_ns = None


class Performer:
    """The threads, and what they hand each other."""

    def __init__(self, context: StageContext, bus: Bus, nets: Nets, meter: Meter) -> None:
        self._bus = bus
        self._meter = meter
        self._rig = context.rig
        self.orders = Orders(mirror=context.rig.show.mirror)
        self.players = PlayerSwap(
            context.rig.show.player, nets, lambda text: meter.event(time.monotonic_ns(), text)
        )
        self._frames = open_writer(bus, "tickets", context.rig.frames)
        nets.page_lock(self._frames.memory)
        self.camera = CameraCopy(bus, context.rig)
        self._places = {folder: place for place, folder in enumerate(context.rig.show.everyone)}
        self._picker = Picker()
        self.people = People()
        self._to_pose: Handover[Captured] = Handover(meter, "overtaken_before_pose")
        self._to_generate: Handover[Posed] = Handover(meter, "overtaken_before_generate")
        self.capture = CaptureThread(
            context.rig.show.camera,
            self._captured,
            meter,
            first_frame_id=context.attempt * IDS_PER_ATTEMPT,
        )
        self._stop = threading.Event()
        self._failures: dict[str, int] = {}
        self._known_causes: set[str] = set()
        self.error: BaseException | None = None
        self._moved_ns = {"pose": time.monotonic_ns(), "generate": time.monotonic_ns()}
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=work.__name__, daemon=True)
            for work in (self._pose, self._generate)
        ]

    def start(self, *, must_open: bool) -> None:
        """must_open: raise CaptureError where the camera is not there, rather than keep trying."""
        for thread in self._threads:
            thread.start()
        self.capture.start(must_open=must_open)

    def stop(self) -> None:
        self._stop.set()
        self.capture.stop()
        for thread in self._threads:
            thread.join(2.0)

    def obey(self, orders: Orders) -> None:
        """From the next frame on; another player as soon as he is loaded."""
        self.orders = orders
        self.players.request(Path(orders.player) if orders.player else self._rig.show.player)

    @property
    def alive_ns(self) -> int:
        """When the slower of the two worker threads last moved."""
        return min(self._moved_ns.values())

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # handed to the main thread, which ends the process
            self.error = error

    def _captured(self, captured: Captured) -> None:
        """In the capture thread."""
        self._to_pose.put(captured)
        self.camera.take(captured, self.capture.period_ns, self.orders)

    def _pose(self) -> None:
        """In the pose thread."""
        last_seen_ns: int | None = None
        seen = self._bus.sender("people", "performer")
        nets = self.players.current()
        while not self._stop.is_set():
            self._moved_ns["pose"] = time.monotonic_ns()
            captured = self._to_pose.take(IDLE_S)
            if captured is None:
                continue
            before, nets = nets, self.players.current()
            if nets is not before:
                last_seen_ns = None  # nothing of the movement before is his
            try:
                started_ns = time.monotonic_ns()
                self._meter.time("capture_to_pose", started_ns - captured.captured_ns)
                frame = nets.upload(captured.picture)
                self._pick(nets, captured)
                person = nets.tracker(frame, captured.captured_ns)
                posed_ns = time.monotonic_ns()
                self._tell_people(nets, captured, person, seen)
                self._meter.time("pose", posed_ns - started_ns)
                self._meter.count("frames.posed")
                if person is None:
                    self._to_generate.put(Posed(captured, nets, None, posed_ns, new_dancer=False))
                    continue
                if not np.isfinite(person.landmarks).all():
                    self._failed("landmarks_not_finite", "the pose has landmarks that are not finite")
                    continue
                new_dancer = last_seen_ns is None or captured.captured_ns - last_seen_ns > FORGET_NS
                last_seen_ns = captured.captured_ns
                points = self._retargeted(nets, frame, captured.captured_ns, person.landmarks, new_dancer)
            except Exception as error:  # noqa: BLE001  # one frame must not end the show: counted, said once
                self._failed("pose_failed", f"pose: {error}")
                continue
            self._succeeded("landmarks_not_finite", "pose_failed")
            self._to_generate.put(Posed(captured, nets, points, time.monotonic_ns(), new_dancer))

    def _pick(self, nets: Nets, captured: Captured) -> None:
        """Lets the tracker follow whom the operator picked."""
        height, width = captured.picture.shape[:2]
        orders, tracker = self.orders, nets.tracker
        said = self._picker.step(orders.pick, orders.picks, tracker, (width, height), captured.captured_ns)
        if said is not None:
            self._meter.event(time.monotonic_ns(), said)

    def _tell_people(
        self, nets: Nets, captured: Captured, person: Person | None, seen: zmq.Socket[bytes]
    ) -> None:
        height, width = captured.picture.shape[:2]
        followed = None if person is None else person.person_id
        landmarks = None if person is None else person.landmarks
        self.people = People.seen(nets.tracker.people, followed, landmarks, (width, height))
        seen.send(self.people.pack(), zmq.NOBLOCK)

    def _retargeted(
        self, nets: Nets, frame: Frame, captured_ns: int, landmarks: NDArray[np.float32], new_dancer: bool
    ) -> NDArray[np.float32]:
        started_ns = time.monotonic_ns()
        height, width = frame.shape[:2]
        nets.retarget.mirror = self.orders.mirror
        if new_dancer:
            nets.retarget.reset()
            if nets.extras is not None:
                nets.extras.find.reset()
        moved = nets.retarget(landmarks, (width, height), captured_ns)
        self._meter.time("retarget", time.monotonic_ns() - started_ns)
        if nets.extras is None:
            return moved
        return np.concatenate(
            [moved, self._hands_and_face(nets.extras, nets.retarget, frame, landmarks, moved)]
        )

    def _hands_and_face(
        self,
        extras: ExtraNets,
        retarget: Retarget,
        frame: Frame,
        fan: NDArray[np.float32],
        player: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """fan, player: the landmarks (33, 4) found in the frame, and what became of them."""
        started_ns = time.monotonic_ns()
        moved = extras.retarget(
            extras.find(frame, fan),
            fan,
            player,
            mirror_width=frame.shape[1] if retarget.mirror else None,
            exchanged=retarget.exchanged,
        )
        self._meter.time("extras", time.monotonic_ns() - started_ns)
        return moved

    def _generate(self) -> None:
        """In the generate thread."""
        finished = 0
        pace = Pace()
        while not self._stop.is_set():
            self._moved_ns["generate"] = time.monotonic_ns()
            posed = self._to_generate.take(IDLE_S)
            if posed is None:
                continue
            index = sequence = 0
            if posed.points is None:
                self._meter.drop("nobody")
                pace.interrupted()
            else:
                try:
                    started_ns = time.monotonic_ns()
                    self._meter.time("pose_to_generate", started_ns - posed.posed_ns)
                    if posed.new_dancer:
                        posed.nets.render.reset()
                    with self._frames.write() as slot:
                        posed.nets.render(posed.points, slot.picture)
                        self._meter.time("generate", time.monotonic_ns() - started_ns)
                        if self.orders.skeleton:
                            _draw_skeleton(posed.nets, slot.picture, posed.points)
                except Exception as error:  # noqa: BLE001  # one frame must not end the show: counted, said once
                    self._failed("generate_failed", f"generate: {error}")
                    continue
                self._succeeded("generate_failed")
                self._meter.count("frames.generated")
                finished += 1
                pace.finished(time.monotonic_ns())
                index, sequence = slot.index, slot.sequence
            ticket = Ticket(
                posed.captured.frame_id,
                index,
                sequence,
                posed.points is not None,
                finished,
                max(self.capture.period_ns, pace.period_ns),
                posed.captured.captured_ns,
                posed.posed_ns,
                time.monotonic_ns(),
                self._places.get(posed.nets.folder, 0),
            )
            self._frames.send(ticket)

    def _failed(self, cause: str, text: str) -> None:
        """Counts a frame that is skipped, and tells the operator of each cause once."""
        self._meter.drop(cause)
        self._failures[cause] = self._failures.get(cause, 0) + 1
        if cause not in self._known_causes:
            self._known_causes.add(cause)
            self._meter.event(
                time.monotonic_ns(), f"a frame was skipped ({text}); further ones are only counted"
            )
        if self._failures[cause] >= FAILURES_IN_A_ROW:
            self.error = PerformerError(f"{FAILURES_IN_A_ROW} frames in a row failed ({text})")

    def _succeeded(self, *causes: str) -> None:
        for cause in causes:
            self._failures[cause] = 0


def _draw_skeleton(nets: Nets, picture: NDArray[np.uint8], points: NDArray[np.float32]) -> None:
    if picture.shape[2] == 4:
        draw_on(picture, lambda colours: nets.draw_skeleton(colours, points))
    else:
        nets.draw_skeleton(picture, points)


def run(context: StageContext, link: StageLink) -> None:
    """The process: until the operator or the parent ends it. Raises what the operator must know."""
    cv2.setNumThreads(1)  # the threads of this process are busy enough
    os.nice(5)  # the programme clock goes first
    nets = context.rig.nets(context.rig.show)
    link.info["backend"] = {"pose": nets.tracker.backend, "generator": nets.render.backend}
    performer = Performer(context, link.bus, nets, link.meter)
    orders = OrdersHeard(link.bus)
    stop_answering = threading.Event()
    if link.bus.link is not None:
        threading.Thread(target=answer, args=(link.bus, stop_answering), name="clock", daemon=True).start()
    performer.start(must_open=context.attempt == 0)
    try:
        while not link.stopped():
            heard = orders.wait(link.every_s)
            if orders.quit:
                return
            if heard is not None:
                performer.obey(heard)
            if performer.error is not None:
                raise performer.error
            if not performer.capture.running:
                raise PerformerError(f"the capture of {context.rig.show.camera} has ended")
            link.info["people"] = performer.people.brief()
            link.info["camera_size"] = performer.camera.size
            link.info["player"] = asdict(performer.players.status)
            link.beat(performer.alive_ns, ready=True)
    finally:
        stop_answering.set()
        performer.stop()
