"""The pose thread's work on a frame: finds the fan, or a duet's two, and transfers the pose to the player."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import zmq
from numpy.typing import NDArray

from engines.time_units import NS_PER_MS
from realtime.config.show import Show
from realtime.performer.capture_thread import Captured
from realtime.performer.fan import Dancer, Fan
from realtime.performer.frame_failures import FrameFailures
from realtime.performer.networks import Nets, Person
from realtime.performer.stage_view import StageView, View
from realtime.transport.bus import Bus
from realtime.transport.orders import Orders
from realtime.transport.people import People
from realtime.transport.telemetry import Meter


class Posed(NamedTuple):
    """A frame on its way to the generator. nets: the player's. dancers: one for each player on stage, None
    for who is not there."""

    captured: Captured
    nets: Nets
    dancers: tuple[Dancer | None, ...]
    posed_ns: int


class PoseStep:
    """Call `step` in the pose thread for each captured frame. known: of each fan, see `Fan`."""

    def __init__(self, bus: Bus, meter: Meter, show: Show, width: int) -> None:
        """width: of the player's picture, pixels."""
        self._meter = meter
        self._stage = StageView(show)
        if show.duet is None:
            self._fans: tuple[Fan, ...] = (Fan(),)
        else:
            self._fans = tuple(Fan(shift, show.hold_ms * NS_PER_MS) for shift in show.duet.shifts(width))
        self._seen: zmq.Socket[bytes] = bus.sender("people", "performer")
        self._nets: Nets | None = None
        self.failures = FrameFailures(meter)
        self._switches = 0

    @property
    def known(self) -> tuple[str, ...]:
        return tuple(fan.known for fan in self._fans)

    def step(self, nets: Nets, captured: Captured, orders: Orders) -> Posed | None:
        """The frame with its poses; None where it failed, which is counted."""
        if nets is not self._nets:
            self._fans[0].anew()  # the player has changed
            self._nets = nets
        try:
            started_ns = time.monotonic_ns()
            self._meter.time("capture_to_pose", started_ns - captured.captured_ns)
            frame = nets.upload(captured.picture)
            self._look_anew(nets, captured)
            view = self._stage.of(captured.camera, orders.dancer_mark)
            self._pick(nets, captured, orders, view)
            people = nets.find(frame, captured.captured_ns)
            posed_ns = time.monotonic_ns()
            self._tell_people(nets, captured, people, view)
            self._meter.time("pose", posed_ns - started_ns)
            self._meter.count("frames.posed")
            if not all(person is None or np.isfinite(person.landmarks).all() for person in people):
                self.failures.failed("landmarks_not_finite", "the pose has landmarks that are not finite")
                return None
            dancers = self._dancers(nets, captured, orders, people, view)
        except Exception as error:  # noqa: BLE001  # one frame must not end the show: counted, said once
            self.failures.failed("pose_failed", f"pose: {error}")
            return None
        if not any(dancers):
            return Posed(captured, nets, dancers, posed_ns)
        self.failures.succeeded()
        return Posed(captured, nets, dancers, time.monotonic_ns())

    def _dancers(
        self, nets: Nets, captured: Captured, orders: Orders, people: Sequence[Person | None], view: View
    ) -> tuple[Dancer | None, ...]:
        """Everybody who is there, as the players."""
        started_ns = time.monotonic_ns()

        def straight(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
            return self._straight(captured, landmarks, view)

        steps = zip(self._fans, people, nets.retargets, strict=True)
        dancers = tuple(
            fan.step(person, retarget, captured, orders, straight) for fan, person, retarget in steps
        )
        if all(person is None for person in people):
            return (None,) * len(dancers)  # nobody is waited for where nobody dances
        self._meter.time("retarget", time.monotonic_ns() - started_ns)
        return dancers

    def _look_anew(self, nets: Nets, captured: Captured) -> None:
        """Where another camera is on: nobody is followed any more, and the fans are learned anew."""
        if captured.switches == self._switches:
            return
        self._switches = captured.switches
        for fan, tracker, retarget in zip(self._fans, nets.trackers, nets.retargets, strict=True):
            tracker.reset()
            retarget.redo()
            fan.anew()

    def _pick(self, nets: Nets, captured: Captured, orders: Orders, view: View) -> None:
        """Lets each tracker follow the person whom the operator picked, else somebody on the floor."""
        height, width = captured.picture.shape[:2]
        picks = ((orders.pick, orders.picks), (orders.pick_2, orders.picks_2))
        for fan, tracker, (place, number) in zip(self._fans, nets.trackers, picks, strict=False):
            tracker.choose(orders.dancer_rule, view.mark, view.floor)
            said = fan.picker.step(place, number, tracker, (width, height), captured.captured_ns)
            if said is not None and fan is self._fans[0]:
                self._meter.event(time.monotonic_ns(), said)
            elif said is not None:
                self._meter.event(time.monotonic_ns(), f"second fan: {said}")

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

    def _tell_people(
        self, nets: Nets, captured: Captured, found: Sequence[Person | None], view: View
    ) -> None:
        height, width = captured.picture.shape[:2]
        first, *others = found
        people = People.seen(nets.tracker.people, *_who(first), (width, height))
        for other in others:
            second = People.seen((), *_who(other), (width, height))
            people = replace(people, second=second.followed, second_landmarks=second.landmarks)
        if view.floor is not None:
            people = replace(people, floor=view.floor.corners, mark=view.mark)
        self._seen.send(people.pack(), zmq.NOBLOCK)


def _who(person: Person | None) -> tuple[int | None, NDArray[np.float32] | None]:
    return (None, None) if person is None else (person.person_id, person.landmarks)
