"""Frames through the ring, and in messages between two loopback addresses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import zmq

from realtime.link.remote_clock import RemoteClock, answer
from realtime.programme.live_feed import OTHER_SHAPE, LivePlayer
from realtime.transport.bus import NO_MEDIA, TOPICS, Bus, Link, Ticket
from realtime.transport.curve_keys import make_keys
from realtime.transport.frame_ring import FrameRing
from realtime.transport.frames import (
    FrameReader,
    FrameWriter,
    MessageReader,
    MessageWriter,
    RingReader,
    RingWriter,
)
from realtime.transport.messages import PROTOCOL
from realtime.transport.telemetry import Meter
from tests.ports import free_ports
from tests.realtime.transport.test_bus_with_link import PERFORMER, PLAYOUT

SHAPE = (48, 64, 4)
TICKET = Ticket(1, 0, 0, True, 1, 33, 1000, 2000, 3000, camera=1, media_ns=700)


@dataclass
class FixedClock:
    """Stands for a `RemoteClock`."""

    offset_ns: int | None


@pytest.fixture
def link(tmp_path: Path) -> Link:
    make_keys(tmp_path / "keys")
    return Link(
        "playout", PERFORMER, PLAYOUT, free_ports(len(TOPICS), (PERFORMER, PLAYOUT)), tmp_path / "keys"
    )


@pytest.fixture
def buses(tmp_path: Path, link: Link) -> Iterator[tuple[Bus, Bus]]:
    """The performer's and the playout's."""
    pair = Bus(tmp_path, replace(link, side="performer")), Bus(tmp_path, link)
    yield pair
    for bus in pair:
        bus.close()


def paint(writer: FrameWriter, value: int) -> Ticket:
    with writer.write() as slot:
        slot.picture[:] = value
    ticket = TICKET._replace(frame_id=value, slot=slot.index, sequence=slot.sequence)
    writer.send(ticket)
    return ticket


def arrived(writer: FrameWriter, reader: FrameReader, value: int) -> Ticket:
    """The ticket of the newest frame, while the same one is sent again and again; others may be under way."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        sent = paint(writer, value)
        time.sleep(0.02)
        ticket = reader.newest()
        if ticket is not None and ticket.sequence == sent.sequence:
            return ticket
    raise AssertionError("nothing arrived")


def test_through_the_ring(tmp_path: Path) -> None:
    bus = Bus(tmp_path)
    try:
        with FrameRing.create(48, 64, channels=4, slots=2) as ring:
            writer, reader = RingWriter(bus, "tickets", ring.spec), RingReader(bus, "tickets", ring.spec)
            ticket = arrived(writer, reader, 10)
            assert reader.read(ticket) and (reader.picture == 10).all()
            before = reader.before(ticket._replace(before_ns=900, media_ns=5000))
            assert before is not None and (before.captured_ns, before.media_ns) == (900, NO_MEDIA)
            lost = arrived(writer, reader, 20)
            for value in (30, 40):
                paint(writer, value)
            assert not reader.read(lost)
            assert (reader.picture == 10).all()
    finally:
        bus.close()


def test_in_messages_with_stamps_of_this_machine(buses: tuple[Bus, Bus]) -> None:
    clock = FixedClock(500)
    writer = MessageWriter(buses[0], "tickets", SHAPE)
    reader = MessageReader(buses[1], "tickets", SHAPE, clock)
    ticket = arrived(writer, reader, 10)
    assert (ticket.captured_ns, ticket.posed_ns, ticket.generated_ns) == (1500, 2500, 3500)
    assert (ticket.camera, ticket.media_ns) == (1, 700), "a file's time is no time of a machine"
    assert reader.read(ticket) and (reader.picture == 10).all() and reader.picture.shape == SHAPE
    later = arrived(writer, reader, 20)
    assert not reader.read(ticket)
    assert (reader.picture == 10).all(), "it changes when it is read"
    assert reader.read(later) and (reader.picture == 20).all()
    deadline = time.monotonic() + 60
    while (nobody := reader.newest()) is None or nobody.good:
        assert time.monotonic() < deadline
        writer.send(TICKET._replace(good=False))
        time.sleep(0.02)
    assert (reader.picture == 20).all()


def test_only_the_newest_frame_is_kept_on_the_wire(buses: tuple[Bus, Bus]) -> None:
    shape = (720, 1280, 3)
    writer = MessageWriter(buses[0], "tickets", shape)
    reader = MessageReader(buses[1], "tickets", shape, FixedClock(0))
    arrived(writer, reader, 1)
    for value in range(2, 60):
        paint(writer, value)
    seen = []
    deadline = time.monotonic() + 60
    while not seen or seen[-1] != 59:
        assert time.monotonic() < deadline
        ticket = reader.newest()
        if ticket is None:
            time.sleep(0.1)
            paint(writer, 59)  # the last one may wait in the socket for what follows, see `Topic.newest`
        else:
            assert reader.read(ticket) and (reader.picture == ticket.frame_id).all()
            seen.append(ticket.frame_id)
    assert len(seen) < 40 and seen == sorted(seen)


def test_without_a_clock_there_are_no_frames(buses: tuple[Bus, Bus]) -> None:
    clock = FixedClock(None)
    writer = MessageWriter(buses[0], "tickets", SHAPE)
    reader = MessageReader(buses[1], "tickets", SHAPE, clock)
    for _ in range(20):
        paint(writer, 1)
        time.sleep(0.02)
        assert reader.newest() is None
    clock.offset_ns = 0
    arrived(writer, reader, 1)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        bytes([PROTOCOL]),
        TICKET.pack(),
        TICKET._replace(good=False).pack() + bytes(10),
        TICKET.pack() + b"p",
    ],
)
def test_a_message_of_another_shape_is_refused(buses: tuple[Bus, Bus], message: bytes) -> None:
    socket = buses[0].sender("tickets", "performer")
    reader = MessageReader(buses[1], "tickets", SHAPE, FixedClock(0))
    deadline = time.monotonic() + 60
    while not reader.refused:
        assert time.monotonic() < deadline
        socket.send(message, zmq.NOBLOCK)
        time.sleep(0.02)
        assert reader.newest() is None


def test_frames_of_another_shape_are_told_once(buses: tuple[Bus, Bus]) -> None:
    writer = MessageWriter(buses[0], "tickets", (48, 64, 3))
    reader = MessageReader(buses[1], "tickets", SHAPE, FixedClock(0))
    meter = Meter()
    player = LivePlayer(reader, SHAPE[1::-1], meter, layered=False)
    deadline = time.monotonic() + 60
    while reader.refused < 3:
        assert time.monotonic() < deadline
        paint(writer, 1)
        time.sleep(0.02)
        assert player.hear() == (None, 0)
    assert [text for _, text in meter.take().events] == [OTHER_SHAPE]


def test_the_remote_clock_is_found_and_lost(buses: tuple[Bus, Bus], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ASK_EVERY_S", 0.01), ("ANSWER_WITHIN_S", 1.0), ("LOST_AFTER", 4)):
        monkeypatch.setattr(f"realtime.link.remote_clock.{name}", value)
    stop = threading.Event()
    answering = threading.Thread(target=answer, args=(buses[0], stop))
    answering.start()
    clock = RemoteClock(buses[1])
    try:
        deadline = time.monotonic() + 60
        while clock.offset_ns is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        stop.set()
        answering.join()  # from now on the two belong together
        error_ns, offset_ns = clock.error_ns, clock.offset_ns
        assert error_ns is not None and offset_ns is not None
        assert abs(offset_ns) <= error_ns, "both have the same clock here"
        while clock.offset_ns is not None:
            assert time.monotonic() < deadline + 60
            time.sleep(0.01)
    finally:
        stop.set()
        answering.join()
        clock.close()


def test_a_slot_whose_painting_failed_is_not_counted(buses: tuple[Bus, Bus]) -> None:
    writer = MessageWriter(buses[0], "tickets", SHAPE)
    with pytest.raises(ZeroDivisionError), writer.write() as slot:
        _ = 1 / 0
    with writer.write() as after:
        pass
    assert after.sequence == slot.sequence
    assert after.picture.dtype == np.uint8
