"""Networks that paint when the camera took a frame into the player's picture, and a board that reads it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime.config.show import Show
from realtime.performer.networks import Nets
from realtime.stages.context import StageContext
from realtime.stages.stage_link import StageLink
from realtime.transport.bus import receive_newest
from realtime.transport.orders import Orders
from realtime.transport.programme_ring import ProgrammeReader
from tests.realtime.fakes import FakePerson, FakeRender, FakeRetarget, FakeTracker

STAMP_BYTES = 8


class StampingTracker(FakeTracker):
    """The landmarks are the time at which the camera took the frame."""

    def __call__(self, frame: NDArray[np.uint8], t_ns: int) -> FakePerson | None:
        person = FakePerson()
        person.landmarks = np.zeros((33, 4), np.float32)
        person.landmarks[0] = [(t_ns >> shift) & 0xFFFF for shift in (48, 32, 16, 0)]
        return person


class StampingRender(FakeRender):
    """Paints that time as bytes."""

    def __call__(self, landmarks: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
        super().__call__(landmarks, out)
        t_ns = 0
        for part in landmarks[0]:
            t_ns = t_ns << 16 | int(part)
        out[0, :STAMP_BYTES, 0] = np.frombuffer(t_ns.to_bytes(STAMP_BYTES, "big"), np.uint8)


def stamping_nets(show: Show) -> Nets:
    return Nets(StampingTracker(), FakeRetarget(), StampingRender(), lambda picture, landmarks: None)


def board(context: StageContext, link: StageLink) -> None:
    """The process that stands in for the board: notes when each picture is there, and when it was taken."""
    reader = ProgrammeReader(link.bus, context.rig.programme, context.stage.name)
    orders = link.bus.receiver("orders", context.stage.name)
    with Path(context.stage.settings).open("w", encoding="utf-8") as file:
        while not link.stopped():
            reader.want(frozenset({"picture"}))
            taken = reader.take(0.05)
            if taken is not None:
                now_ns = time.monotonic_ns()
                stamp = int.from_bytes(taken[0].picture[0, :STAMP_BYTES, 0].tobytes(), "big")
                file.write(f"{now_ns} {stamp}\n")
                file.flush()
            message = receive_newest(orders)
            if message is not None and Orders.unpack(message).quit:
                return
            link.beat(time.monotonic_ns(), ready=True)
