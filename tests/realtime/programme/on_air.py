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


class TickClock:
    """Stands for `time` in the playout: it goes on by a tick at each tick, however busy the machine is.

    is_real: it goes with the machine's after all, for frames of a process of its own.
    """

    def __init__(self) -> None:
        self.now_ns = time.monotonic_ns()
        self.is_real = False
        self._wall_ns = time.time_ns() - self.now_ns

    def monotonic_ns(self) -> int:
        return time.monotonic_ns() if self.is_real else self.now_ns

    def time_ns(self) -> int:
        return self.monotonic_ns() + self._wall_ns


class Mailbox:
    """Stands for a receiving socket: has what has arrived. What was sent twice is not heard twice."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._message: bytes | None = None

    def recv(self, flags: int = 0) -> bytes:
        if self._message is None:
            raise zmq.Again
        message, self._message = self._message, None
        return message

    def await_message(self, sender: zmq.Socket[bytes], message: bytes) -> None:
        """Sends it until it is there: the first ones may be lost, or wait in the socket (`Topic.newest`)."""
        deadline = time.monotonic() + 60
        while self._message != message:
            assert time.monotonic() < deadline
            sender.send(message, zmq.NOBLOCK)
            while self._socket.poll(50) and self._message != message:
                self._message = self._socket.recv()


class Board:
    """A playout with its bus and rings, and the performer's and the operator's ends of them."""

    def __init__(
        self,
        show: Show,
        player: Player,
        sinks: Sequence[OutputSink],
        clock: TickClock,
        orders: Orders | None = None,
    ) -> None:
        """clock: the playout's. orders: what the operator wants, where the playout is started again."""
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
        self.clock = clock
        on_air = None if orders is None else OnAir(clock.monotonic_ns(), 0, orders)
        context = StageContext(PLAYOUT, rig, 0 if orders is None else 1, on_air)
        self.playout = Playout(context, StageLink(context, self.bus), Viewers(sinks))
        self._writers: dict[str, RingWriter] = {}
        self._sent = 0
        self.now = 0

    def tick(self, count: int = 1) -> None:
        for _ in range(count):
            self.playout._tick(self.now, 0)
            self.now += 1
            self.clock.now_ns += self.playout._clock.period_ns

    def order(self, **changes: object) -> None:
        """Changes the orders; they have arrived when it returns."""
        self.orders = replace(self.orders, **changes)  # type: ignore[arg-type]
        self.arrives(self._orders_socket, self.orders.pack(), self.playout, "_orders_socket")

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
        now_ns = self.clock.monotonic_ns() - round(age_ms * 1e6)
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
        self.arrives(writer._socket, ticket.pack(), reader, "_socket")

    def live(self, grey: int | Sequence[int] = 200) -> None:
        """Frames come until the player is on air."""
        first = self.now
        while self.playout._air.state is None or self.playout._air.state.name != "LIVE":
            assert self.now < first + 200
            self.frame(grey)
            self.tick()

    def _writer(self, topic: str, spec: RingSpec) -> RingWriter:
        if topic not in self._writers:
            writer = self._writers[topic] = RingWriter(self.bus, topic, spec)
            writer._socket = self.bus.sender(topic, "performer")
        return self._writers[topic]

    @staticmethod
    def arrives(sender: zmq.Socket[bytes], message: bytes, owner: object, socket: str) -> None:
        """A message has come to this socket of the owner's when it returns."""
        mailbox = getattr(owner, socket)
        if not isinstance(mailbox, Mailbox):
            mailbox = Mailbox(mailbox)
            setattr(owner, socket, mailbox)
        mailbox.await_message(sender, message)

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
