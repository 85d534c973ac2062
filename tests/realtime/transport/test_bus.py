import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from realtime.transport.bus import MOST_MESSAGE_BYTES, TOPICS, Bus, Press, Status, Ticket, receive_newest
from realtime.transport.orders import Orders
from realtime.transport.telemetry import Delta, Meter

TICKET = Ticket((3 << 32) + 5, 2, 77, True, 70, 41_666_667, 10**15, 10**15 + 1, 10**15 + 2, 3)


@pytest.fixture
def bus() -> Iterator[Bus]:
    with tempfile.TemporaryDirectory() as folder:
        bus = Bus(Path(folder))
        yield bus
        bus.close()


def test_messages_survive_the_way() -> None:
    assert Ticket.unpack(TICKET.pack()) == TICKET
    orders = Orders(armed=True, skeleton=True)
    assert Orders.unpack(orders.pack()) == orders
    meter = Meter()
    meter.count("frames.captured", 3)
    meter.time("pose", 12_300_000)
    meter.event(5, "LIVE")
    status = Status("performer", 1, 99, True, meter.take(), doing="loading")
    assert Status.unpack(status.pack()) == status
    assert status.delta.times == {"pose": {49: 1}}
    assert meter.take() == Delta()


def test_only_the_newest_ticket_is_kept(bus: Bus) -> None:
    sender, receiver = bus.sender("tickets", "performer"), bus.receiver("tickets", "playout")
    while receive_newest(receiver) is None:  # until they have found each other
        sender.send(TICKET._replace(frame_id=0).pack(), zmq.NOBLOCK)
        time.sleep(0.01)
    for n in range(100):
        sender.send(TICKET._replace(frame_id=n).pack(), zmq.NOBLOCK)
    seen = [0]
    deadline = time.monotonic() + 60
    while seen[-1] < 100:  # what comes last may wait in the socket for what follows, see `Topic.newest`
        assert time.monotonic() < deadline
        n += 1
        sender.send(TICKET._replace(frame_id=n).pack(), zmq.NOBLOCK)
        if receiver.poll(10):
            seen.append(Ticket.unpack(receiver.recv()).frame_id)
    assert seen == sorted(seen)
    assert len(seen) < 50  # of the hundred that came at once most were passed over


def test_every_status_is_kept(bus: Bus) -> None:
    receiver, sender = bus.receiver("status", "supervisor"), bus.sender("status", "performer")
    for n in range(50):
        sender.send(Status("performer", 0, n, True, Delta()).pack(), zmq.NOBLOCK)
    for n in range(50):
        assert receiver.poll(60_000)
        assert Status.unpack(receiver.recv()).alive_ns == n


def test_keys_of_a_window_reach_the_supervisor(bus: Bus) -> None:
    receiver, sender = bus.receiver("actions", "supervisor"), bus.sender("actions", "playout")
    for key in ("space", "ü"):
        sender.send(Press(key, "playout window").pack())
    heard = [Press.unpack(receiver.recv()) for _ in range(2)]
    assert heard == [Press("space", "playout window"), Press("ü", "playout window")]


def test_a_sender_that_comes_back_is_heard_again(bus: Bus) -> None:
    receiver = bus.receiver("tickets", "playout")
    for n in range(3):
        sender = bus.sender("tickets", "performer")  # takes the place of a socket file that a dead one left
        deadline = time.monotonic() + 60
        while (message := receive_newest(receiver)) is None or Ticket.unpack(message).frame_id != n:
            assert time.monotonic() < deadline
            sender.send(TICKET._replace(frame_id=n).pack(), zmq.NOBLOCK)
            time.sleep(0.01)
        sender.close()


def test_the_sockets_lie_in_the_private_folder(bus: Bus) -> None:
    for name, topic in TOPICS.items():
        open_it = bus.sender if topic.sender == zmq.PUB else bus.receiver
        open_it(name, topic.binds)
    assert {path.name for path in bus._folder.iterdir()} == set(TOPICS)


def test_a_message_that_is_too_long_never_arrives_and_others_do(bus: Bus) -> None:
    receiver, sender = bus.receiver("status", "supervisor"), bus.sender("status", "performer")
    stranger = bus.sender("status", "stranger")
    stranger.send(bytes(MOST_MESSAGE_BYTES + 1))
    stranger.send(b"another")
    sender.send(b"status")
    arrived: list[bytes] = []
    while receiver.poll(500 if b"status" in arrived else 60_000):
        arrived.append(receiver.recv())
    assert b"status" in arrived
    assert max(map(len, arrived)) < 10


def test_bytes_that_are_no_zeromq_take_no_message_from_who_hears(bus: Bus, tmp_path: Path) -> None:
    """A peer of ZMTP 1.0 says no more than its identity, and could be anything."""
    sender, receiver = bus.sender("told", "supervisor"), bus.receiver("told", "web server")
    sender.send(b"first")
    assert receiver.poll(60_000) and receiver.recv() == b"first"
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(bus._folder / "told"))
        stranger.sendall(b"\x01\x00")
        time.sleep(0.3)
        for n in range(20):
            sender.send(b"%d" % n)
        heard: list[bytes] = []
        while len(heard) < 20 and receiver.poll(20_000):
            heard.append(receiver.recv())
    assert heard == [b"%d" % n for n in range(20)]
