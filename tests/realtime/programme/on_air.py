"""A playout that is ticked by hand, with outputs that remember: for tests that count ticks, not time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import zmq

from realtime.config.backgrounds import Colour
from realtime.config.show import Show
from realtime.outputs.sink import OutputSink
from realtime.programme.playout import Playout
from realtime.stages.context import OnAir, Rig, StageContext
from realtime.stages.stage_link import StageLink
from realtime.stages.table import PLAYOUT
from realtime.supervise.rig import Player
from realtime.transport.bus import NO_MEDIA, Bus, Ticket
from realtime.transport.frame_ring import FrameRing, RingSpec
from realtime.transport.frames import RingWriter
from realtime.transport.orders import Orders
from realtime.transport.programme_ring import Part, ProgrammeFrame
from realtime.transport.statuses import OutputStatus
from tests.realtime.fakes import SIZE, fake_nets

CAMERA_GREY = 77
GREEN = Colour(kind="colour", name="green", colour="#00b140")

STANDBY = range(35, 95)
"""Greys of the standby loop in `fake_show`; the player is 200."""


S = 1_000_000_000

PARTS: tuple[Part, ...] = ("picture", "layer", "clean", "preview")


class Viewer(OutputSink):
    """An output that remembers what it was handed."""

    kind = "viewer"

    def __init__(self, name: str = "viewer", *parts: Part) -> None:
        self.name = name
        self._parts = frozenset(parts or ("picture",))
        self.ticks: list[int] = []
        self.frames: list[ProgrammeFrame] = []

    def wants(self) -> frozenset[Part]:
        return self._parts

    def send(self, frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        self.ticks.append(tick)
        self.frames.append(frame)

    def status(self) -> OutputStatus:
        return OutputStatus(self.name, self.kind, "running")

    def close(self) -> None:
        pass


class Viewers:
    """What the playout has in place of its rings: hands copies of each tick to the sinks."""

    def __init__(self, sinks: Sequence[OutputSink]) -> None:
        self._sinks = sinks

    def wants(self) -> frozenset[Part]:
        return frozenset[Part]().union(*(sink.wants() for sink in self._sinks))

    def send(self, frame: ProgrammeFrame, wants: frozenset[Part], tick: int, due_ns: int) -> None:
        pictures = {name: picture for name in PARTS if (picture := getattr(frame, name)) is not None}
        kept = frame._replace(**{name: picture.copy() for name, picture in pictures.items()})
        for sink in self._sinks:
            if sink.wants():
                sink.send(kept, tick, due_ns)

    def close(self) -> None:
        for sink in self._sinks:
            sink.close()


class Board:
    """A playout with its bus and rings, and the performer's and the operator's ends of them."""

    def __init__(
        self, show: Show, player: Player, sinks: Sequence[OutputSink], orders: Orders | None = None
    ) -> None:
        """orders: what the operator wants, where the playout is started again."""
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        width, height = player.size
        channels = 4 if show.layered else 3
        self.frames = FrameRing.create(height, width, channels=channels)
        programme = show.programme.size or player.size
        self.camera = FrameRing.create(programme[1], programme[0])
        rig = Rig(
            show, player.name, player.size, programme, player.standby, self.folder,
            self.frames.spec, self.camera.spec, fake_nets, player.plates,
        )  # fmt: skip
        self.rig = rig
        self.bus = Bus(self.folder)
        self._orders_socket = self.bus.sender("orders", "supervisor")
        self.orders = orders or Orders.at_start(show)
        on_air = None if orders is None else OnAir(time.monotonic_ns(), 0, orders)
        context = StageContext(PLAYOUT, rig, 0 if orders is None else 1, on_air)
        self.playout = Playout(context, StageLink(context, self.bus), Viewers(sinks))
        self._writers: dict[str, RingWriter] = {}
        self._sent = 0
        self.now = 0

    def tick(self, count: int = 1) -> None:
        for _ in range(count):
            self.playout._tick(self.now, 0)
            self.now += 1

    def order(self, **changes: object) -> None:
        """Changes the orders; they have arrived when it returns."""
        self.orders = replace(self.orders, **changes)  # type: ignore[arg-type]
        self._arrives(self._orders_socket, self.orders.pack(), self.playout._orders_socket)

    def frame(
        self,
        grey: int | Sequence[int],
        topic: str = "tickets",
        *,
        age_ms: float = 0,
        player: int = 0,
        trusted: bool = True,
        camera: int = 0,
        media_ns: int = NO_MEDIA,
        captured_ns: int | None = None,
    ) -> None:
        """A frame of one colour comes from the performer; it has arrived when it returns."""
        spec = self.frames.spec if topic == "tickets" else self.camera.spec
        writer = self._writer(topic, spec)
        with writer.write() as slot:
            slot.picture[:] = grey
        self._sent += topic == "tickets"
        now_ns = time.monotonic_ns() - round(age_ms * 1e6)
        captured_ns = now_ns if captured_ns is None else captured_ns
        ticket = Ticket(
            self._sent,
            slot.index,
            slot.sequence,
            True,
            self._sent,
            33_000_000,
            captured_ns,
            now_ns,
            now_ns,
            player,
            trusted,
            camera=camera,
            media_ns=media_ns,
        )
        sources = self.playout._sources
        reader = sources.live._reader if topic == "tickets" else sources._camera._reader
        assert writer._socket is not None
        self._arrives(writer._socket, ticket.pack(), reader._socket)  # type: ignore[attr-defined]

    def live(self, grey: int | Sequence[int] = 200) -> None:
        """Frames come until the player is on air."""
        deadline = time.monotonic() + 20
        while self.playout._air.state is None or self.playout._air.state.name != "LIVE":
            assert time.monotonic() < deadline
            self.frame(grey)
            self.tick()

    def _writer(self, topic: str, spec: RingSpec) -> RingWriter:
        if topic not in self._writers:
            writer = self._writers[topic] = RingWriter(self.bus, topic, spec)
            writer._socket = self.bus.sender(topic, "performer")
        return self._writers[topic]

    @staticmethod
    def _arrives(sender: zmq.Socket[bytes], message: bytes, receiver: zmq.Socket[bytes]) -> None:
        deadline = time.monotonic() + 10
        while True:
            assert time.monotonic() < deadline
            sender.send(message, zmq.NOBLOCK)
            if receiver.poll(50):
                return

    def close(self) -> None:
        self.playout._outputs.close()
        self.playout._sources.close()
        self.bus.close()
        self.frames.close()
        self.camera.close()
        self._folder.cleanup()


def size() -> tuple[int, int]:
    """Of the fake player and his programme."""
    return SIZE


def grey_of(frame: ProgrammeFrame) -> int:
    """The grey of a picture of one colour."""
    return round(float(np.median(frame.picture)))


Start = Callable[..., tuple[Board, Viewer]]


def preview(viewer: Viewer) -> int:
    picture = viewer.frames[-1].preview
    assert picture is not None
    return int(picture[5, 5, 0])
