"""Carries frames from the performer to the playout: through the ring on one machine, in messages between
two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import numpy as np
import zmq
from numpy.typing import NDArray

from realtime.transport.bus import NO_MEDIA, TICKET_BYTES, Bus, Ticket, receive_newest
from realtime.transport.frame_ring import FrameRing, RingSpec, Slot
from realtime.transport.messages import MessageError, OtherVersion

Shape = tuple[int, int, int]
"""(height, width, channels): of BGR or BGRA, uint8."""


class OtherClock(Protocol):
    """The other machine's clock: `link.remote_clock`. offset_ns: what to add to its times to get ours; None
    while unknown."""

    @property
    def offset_ns(self) -> int | None: ...


class FrameWriter(Protocol):
    """The performer's end, for one thread: paint into the slot of `write`, then `send` its ticket.

    memory: all memory that is painted into, as bytes.
    """

    @property
    def memory(self) -> NDArray[np.uint8]: ...

    def write(self) -> AbstractContextManager[Slot]: ...

    def send(self, ticket: Ticket) -> None: ...


class FrameReader(Protocol):
    """The playout's end. Each ticket comes at most once; its stamps are in this machine's clock.

    refused: the number of frames of another shape: the two machines have different players or show files.
    """

    refused: int

    def newest(self) -> Ticket | None: ...

    def before(self, ticket: Ticket) -> Ticket | None:
        """The ticket of the frame before, which was missed; None where that frame is gone."""
        ...

    def read(self, ticket: Ticket) -> bool:
        """Takes the picture of a ticket. Returns False where it is gone; then `picture` does not change."""
        ...

    @property
    def picture(self) -> NDArray[np.uint8]:
        """The last picture that was read, whole. It stays valid until the second read after it."""
        ...


def open_writer(
    bus: Bus, topic: str, spec: RingSpec, surround: NDArray[np.uint8] | None = None
) -> FrameWriter:
    """A writer for the ring, or with a link for messages. surround: see `MessageWriter`."""
    if bus.link is None:
        return RingWriter(bus, topic, spec)
    return MessageWriter(bus, topic, spec.shape, surround)


def open_reader(bus: Bus, topic: str, spec: RingSpec, clock: OtherClock | None) -> FrameReader:
    """A reader from the ring, or with a link from messages. clock: the other machine's, with a link."""
    return RingReader(bus, topic, spec) if clock is None else MessageReader(bus, topic, spec.shape, clock)


class RingWriter:
    """Writes pictures into shared memory, and sends tickets over the bus."""

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
    """Reads whole pictures from a ring.

    It has two buffers: a picture overwritten while it was copied never replaces the one before it.
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
            media_ns=NO_MEDIA,
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
    """Sends ticket and pixels as one part, so that the newest wins on the wire too. The picture is painted in
    place behind the ticket; ZeroMQ copies it once."""

    def __init__(self, bus: Bus, topic: str, shape: Shape, surround: NDArray[np.uint8] | None = None) -> None:
        """surround: the picture before the first one is painted, of the same shape."""
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
    """Receives frames from another machine. It returns none until the offset of that machine's clock is
    known."""

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
        except OtherVersion:  # the supervisor reports it, by the statuses
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
