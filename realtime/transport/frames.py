"""Frames from the performer to the playout: through the ring on one machine, in messages between two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import numpy as np
import zmq
from numpy.typing import NDArray

from realtime.transport.bus import TICKET_BYTES, Bus, Ticket, receive_newest
from realtime.transport.frame_ring import FrameRing, RingSpec, Slot
from realtime.transport.messages import MessageError, OtherVersion

Shape = tuple[int, int, int]
"""(height, width, channels): of BGR or BGRA, uint8."""


class OtherClock(Protocol):
    """The other machine's clock: `link.remote_clock`. offset_ns: what is added to its times to get ours; None
    while it is not known."""

    @property
    def offset_ns(self) -> int | None: ...


class FrameWriter(Protocol):
    """The performer's end, for one thread: paint into `write`'s slot, then `send` its ticket.

    memory: where all that is painted lies, as bytes.
    """

    @property
    def memory(self) -> NDArray[np.uint8]: ...

    def write(self) -> AbstractContextManager[Slot]: ...

    def send(self, ticket: Ticket) -> None: ...


class FrameReader(Protocol):
    """The playout's end. A ticket comes at most once; its stamps are of this machine's clock.

    refused: how many frames were of another shape: two machines with different players or show files.
    """

    refused: int

    def newest(self) -> Ticket | None: ...

    def before(self, ticket: Ticket) -> Ticket | None:
        """The frame before, of which no ticket came; None where it cannot be had."""
        ...

    def read(self, ticket: Ticket) -> bool:
        """Takes the picture of a ticket; False where it is gone, and `picture` stays."""
        ...

    @property
    def picture(self) -> NDArray[np.uint8]:
        """The last one that was read, whole; valid until the next but one."""
        ...


def open_writer(
    bus: Bus, topic: str, spec: RingSpec, surround: NDArray[np.uint8] | None = None
) -> FrameWriter:
    """Through the ring, or with a link in messages. surround: see `MessageWriter`."""
    if bus.link is None:
        return RingWriter(bus, topic, spec)
    return MessageWriter(bus, topic, spec.shape, surround)


def open_reader(bus: Bus, topic: str, spec: RingSpec, clock: OtherClock | None) -> FrameReader:
    """Likewise. clock: the other machine's, with a link."""
    return RingReader(bus, topic, spec) if clock is None else MessageReader(bus, topic, spec.shape, clock)


class RingWriter:
    """Pictures into shared memory, tickets over the bus."""

    def __init__(self, bus: Bus, topic: str, spec: RingSpec) -> None:
        self._bus = bus
        self._topic = topic
        self._ring = FrameRing.attach(spec)
        self._socket: zmq.Socket[bytes] | None = None

    @property
    def memory(self) -> NDArray[np.uint8]:
        return self._ring.memory

    def write(self) -> AbstractContextManager[Slot]:
        return self._ring.write()

    def send(self, ticket: Ticket) -> None:
        if self._socket is None:  # in the thread that sends
            self._socket = self._bus.sender(self._topic, "performer")
        self._socket.send(ticket.pack(), zmq.NOBLOCK)


class RingReader:
    """Pictures of a ring, whole.

    Two buffers: a picture that was overtaken while it was copied never replaces the one before it.
    """

    refused = 0

    def __init__(self, bus: Bus, topic: str, spec: RingSpec) -> None:
        self._ring = FrameRing.attach(spec)
        self._socket = bus.receiver(topic, "playout")
        self._current, self._spare = (np.zeros(spec.shape, np.uint8) for _ in range(2))

    def newest(self) -> Ticket | None:
        message = receive_newest(self._socket)
        return None if message is None else Ticket.unpack(message)

    def before(self, ticket: Ticket) -> Ticket | None:
        if not ticket.good or not ticket.before_ns:
            return None
        sequence = ticket.sequence - 1
        return ticket._replace(
            frame_id=ticket.frame_id - 1,
            slot=sequence % self._ring.spec.slots,
            sequence=sequence,
            finished=ticket.finished - 1,
            captured_ns=ticket.before_ns,
            before_ns=0,
        )

    def read(self, ticket: Ticket) -> bool:
        if not self._ring.read(ticket.slot, ticket.sequence, self._spare):
            return False
        self._current, self._spare = self._spare, self._current
        return True

    @property
    def picture(self) -> NDArray[np.uint8]:
        return self._current


class MessageWriter:
    """Ticket and pixels in one part, so that the newest wins on the wire too. The picture is painted in place
    behind the ticket; ZeroMQ copies it once."""

    def __init__(self, bus: Bus, topic: str, shape: Shape, surround: NDArray[np.uint8] | None = None) -> None:
        """surround: what the picture is before the first one is painted, of the same shape."""
        self._bus = bus
        self._topic = topic
        self._sequence = 0
        self._message = bytearray(TICKET_BYTES + int(np.prod(shape)))
        self._picture = np.frombuffer(self._message, np.uint8, offset=TICKET_BYTES).reshape(shape)
        if surround is not None:
            self._picture[:] = surround
        self._socket: zmq.Socket[bytes] | None = None

    @property
    def memory(self) -> NDArray[np.uint8]:
        return np.frombuffer(self._message, np.uint8)

    @contextmanager
    def write(self) -> Iterator[Slot]:
        yield Slot(0, self._sequence + 1, self._picture)
        self._sequence += 1

    def send(self, ticket: Ticket) -> None:
        if self._socket is None:  # in the thread that sends
            self._socket = self._bus.sender(self._topic, "performer")
        self._message[:TICKET_BYTES] = ticket.pack()
        message = memoryview(self._message)
        self._socket.send(message if ticket.good else message[:TICKET_BYTES], zmq.NOBLOCK)


class MessageReader:
    """Frames from another machine. Until the offset of its clock is known, there are none."""

    def __init__(self, bus: Bus, topic: str, shape: Shape, clock: OtherClock) -> None:
        self._socket = bus.receiver(topic, "playout")
        self._clock = clock
        self._shape = shape
        self._arrived: tuple[Ticket, NDArray[np.uint8]] | None = None
        self._picture = np.zeros(shape, np.uint8)
        self.refused = 0

    def newest(self) -> Ticket | None:
        try:
            message = self._socket.recv(zmq.NOBLOCK, copy=False).buffer
        except zmq.Again:
            return None
        offset_ns = self._clock.offset_ns
        if offset_ns is None:
            return None
        pixels = message[TICKET_BYTES:]
        try:
            ticket = Ticket.unpack(message[:TICKET_BYTES])
        except OtherVersion:  # the supervisor tells of it, by the statuses
            return None
        except MessageError:
            self.refused += 1
            return None
        if len(pixels) not in (0, int(np.prod(self._shape))) or ticket.good != bool(pixels):
            self.refused += 1
            return None
        ticket = ticket.shifted(offset_ns)
        if ticket.good:
            self._arrived = ticket, np.frombuffer(pixels, np.uint8).reshape(self._shape)
        return ticket

    def before(self, ticket: Ticket) -> Ticket | None:
        return None  # the newest wins on the wire

    def read(self, ticket: Ticket) -> bool:
        if self._arrived is None or self._arrived[0] != ticket:
            return False
        self._picture = self._arrived[1]
        return True

    @property
    def picture(self) -> NDArray[np.uint8]:
        return self._picture
