"""A performer without a process around it, for tests."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime.config.show import Show
from realtime.performer.networks import Nets
from realtime.performer.performer import Performer
from realtime.stages.context import Rig, StageContext
from realtime.stages.table import PERFORMER
from realtime.transport.bus import Bus, Ticket, receive_newest
from realtime.transport.frame_ring import FrameRing
from realtime.transport.telemetry import Meter
from tests.realtime.fakes import (
    SIZE,
    fake_nets,
    fake_show,
)


class Stage:
    """A performer without a process around it."""

    def __init__(
        self,
        folder: Path,
        nets: Nets,
        *,
        channels: int = 3,
        others: Mapping[str, Path] | None = None,
        **changes: object,
    ) -> None:
        show, player = fake_show(folder, players=tuple((others or {}).values()), **changes)
        self.show = show
        self.ring = FrameRing.create(SIZE[1], SIZE[0], channels=channels)
        self.camera_ring = FrameRing.create(SIZE[1], SIZE[0])
        self._sockets = tempfile.TemporaryDirectory()
        self.bus = Bus(Path(self._sockets.name))
        self.meter = Meter()
        rig = Rig(
            show,
            player.name,
            SIZE,
            SIZE,
            player.standby,
            Path(self._sockets.name),
            self.ring.spec,
            self.camera_ring.spec,
            fake_nets,
            others=others or {},
        )
        self.tickets = self.bus.receiver("tickets", "playout")
        self.performer = Performer(StageContext(PERFORMER, rig, attempt=2), self.bus, nets, self.meter, {})
        self.counts: dict[str, int] = {}
        self.times: dict[str, Counter[int]] = {}
        self.events: list[str] = []

    def until(self, enough: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not enough():
            assert time.monotonic() < deadline, self.counts
            time.sleep(0.02)
            self._add_up()

    def until_posed(self, more: int = 3) -> None:
        """Until so many more frames are posed. The first of them may have begun before."""
        self._add_up()
        before = self.counts.get("frames.posed", 0)
        self.until(lambda: self.counts.get("frames.posed", 0) >= before + more)

    def _add_up(self) -> None:
        delta = self.meter.take()
        self.events += [text for _, text in delta.events]
        for name, bins in delta.times.items():
            self.times.setdefault(name, Counter()).update(bins)
        for name, n in delta.counts.items():
            self.counts[name] = self.counts.get(name, 0) + n

    def close(self) -> None:
        self.performer.stop()
        self.bus.close()
        self._sockets.cleanup()


def newest_ticket(stage: Stage) -> Ticket:
    assert stage.tickets.poll(60_000)
    message = receive_newest(stage.tickets)
    assert message is not None
    return Ticket.unpack(message)


def newest_picture(stage: Stage) -> tuple[Ticket, NDArray[np.uint8]]:
    """A good frame, with its ticket. One that is overwritten before it was read is left out."""
    out = np.zeros(stage.ring.spec.shape, np.uint8)
    deadline = time.monotonic() + 60
    while True:
        assert time.monotonic() < deadline
        ticket = newest_ticket(stage)
        if ticket.good and stage.ring.read(ticket.slot, ticket.sequence, out):
            return ticket, out


def nets_with(**parts: object) -> Nets:
    return replace(fake_nets(Show()), **parts)
