"""The pose thread's work on a frame: finds the fan, and transfers the pose to the player."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import zmq
from numpy.typing import NDArray

from engines.time_units import NS_PER_MS
from realtime.config.show import Show
from realtime.performer.capture_thread import Captured
from realtime.performer.confidence import sureness
from realtime.performer.fan_picker import Picker
from realtime.performer.frame_failures import FrameFailures
from realtime.performer.networks import Nets, Person
from realtime.performer.stage_view import StageView, View
from realtime.transport.bus import Bus
from realtime.transport.orders import Orders
from realtime.transport.people import People
from realtime.transport.telemetry import Meter

FORGET_NS = 500 * NS_PER_MS
"""Somebody who was away for longer than this counts as a new dancer, like anybody else: nothing of the old
movement is carried over."""


class Posed(NamedTuple):
    """A frame on its way to the generator. landmarks: (33, 4) in the player's picture; None where nobody is
    there. nets: the player's. sure: see `confidence.sureness`."""

    captured: Captured
    nets: Nets
    landmarks: NDArray[np.float32] | None
    posed_ns: int
    new_dancer: bool
    sure: float = 0.0


class PoseStep:
    """Call `step` in the pose thread for each captured frame. known: how well the fan's body and place are
    known (`calibration.source.Knowledge`); "" where nobody is followed."""

    def __init__(self, bus: Bus, meter: Meter, show: Show) -> None:
        self._meter = meter
        self._stage = StageView(show)
        self._picker = Picker()
        self._seen: zmq.Socket[bytes] = bus.sender("people", "performer")
        self._nets: Nets | None = None
        self._last_seen_ns: int | None = None
        self._person_id: int | None = None
        self.failures = FrameFailures(meter)
        self.known = ""
        self._redos: int | None = None
        self._switches = 0

    def step(self, nets: Nets, captured: Captured, orders: Orders) -> Posed | None:
        """The frame with its pose; None where it failed, which is counted."""
        if nets is not self._nets:
            self._last_seen_ns = None  # nothing of the movement before belongs to the new dancer
            self._nets = nets
        try:
            started_ns = time.monotonic_ns()
            self._meter.time("capture_to_pose", started_ns - captured.captured_ns)
            frame = nets.upload(captured.picture)
            self._look_anew(nets, captured)
            view = self._stage.of(captured.camera, orders.dancer_mark)
            self._pick(nets, captured, orders, view)
            person = nets.tracker(frame, captured.captured_ns)
            posed_ns = time.monotonic_ns()
            self._tell_people(nets, captured, person, view)
            self._meter.time("pose", posed_ns - started_ns)
            self._meter.count("frames.posed")
            if person is None:
                self.known = ""
                return Posed(captured, nets, None, posed_ns, new_dancer=False)
            if not np.isfinite(person.landmarks).all():
                self.failures.failed("landmarks_not_finite", "the pose has landmarks that are not finite")
                return None
            before_ns, self._last_seen_ns = self._last_seen_ns, captured.captured_ns
            new_dancer = before_ns is None or captured.captured_ns - before_ns > FORGET_NS
            new_dancer = new_dancer or person.person_id != self._person_id
            self._person_id = person.person_id
            self._enrol(nets, orders)
            seen = self._straight(captured, person.landmarks, view)
            landmarks = self._retargeted(nets, captured, seen, new_dancer)
            self.known = nets.retarget.known
            sure = sureness(person.landmarks, person.score)
        except Exception as error:  # noqa: BLE001  # one frame must not end the show: counted, said once
            self.failures.failed("pose_failed", f"pose: {error}")
            return None
        self.failures.succeeded()
        return Posed(captured, nets, landmarks, time.monotonic_ns(), new_dancer, sure)

    def _look_anew(self, nets: Nets, captured: Captured) -> None:
        """Where another camera is on: nobody is followed any more, and the fan is learned anew."""
        if captured.switches != self._switches:
            self._switches = captured.switches
            nets.tracker.reset()
            nets.retarget.redo()
            self._last_seen_ns = None

    def _enrol(self, nets: Nets, orders: Orders) -> None:
        """Applies the operator's orders about learning the fan."""
        nets.retarget.mirror, nets.retarget.locked = orders.mirror, orders.locked
        if orders.redos != self._redos:
            if self._redos is not None:
                nets.retarget.redo()
            self._redos = orders.redos

    def _pick(self, nets: Nets, captured: Captured, orders: Orders, view: View) -> None:
        """Lets the tracker follow the person whom the operator picked, else somebody on the floor."""
        nets.tracker.choose(orders.dancer_rule, view.mark, view.floor)
        height, width = captured.picture.shape[:2]
        said = self._picker.step(
            orders.pick, orders.picks, nets.tracker, (width, height), captured.captured_ns
        )
        if said is not None:
            self._meter.event(time.monotonic_ns(), said)

    def _straight(
        self, captured: Captured, landmarks: NDArray[np.float32], view: View
    ) -> NDArray[np.float32]:
        """The landmarks without the lens's distortion, if the venue knows the lens."""
        height, width = captured.picture.shape[:2]
        if (said := self._stage.misfit((width, height))) is not None:
            self._meter.event(time.monotonic_ns(), said)
        if view.lens is None or not view.lens.fits((width, height)):
            return landmarks
        return view.lens.straight(landmarks, (width, height))

    def _tell_people(self, nets: Nets, captured: Captured, person: Person | None, view: View) -> None:
        height, width = captured.picture.shape[:2]
        followed = None if person is None else person.person_id
        landmarks = None if person is None else person.landmarks
        people = People.seen(nets.tracker.people, followed, landmarks, (width, height))
        if view.floor is not None:
            people = replace(people, floor=view.floor.corners, mark=view.mark)
        self._seen.send(people.pack(), zmq.NOBLOCK)

    def _retargeted(
        self, nets: Nets, captured: Captured, landmarks: NDArray[np.float32], new_dancer: bool
    ) -> NDArray[np.float32]:
        started_ns = time.monotonic_ns()
        height, width = captured.picture.shape[:2]
        if new_dancer:
            nets.retarget.reset()
        moved = nets.retarget(landmarks, (width, height), captured.captured_ns)
        self._meter.time("retarget", time.monotonic_ns() - started_ns)
        return moved
