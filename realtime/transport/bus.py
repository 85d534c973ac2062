"""The connections between a show's processes: one TABLE of topics, over ZeroMQ.

On one machine the sockets lie in a private directory. On two machines, the topics that cross go over TCP,
authenticated and encrypted (CURVE); all others stay on their machine. Every message is a single part, so that
CONFLATE (keep only the newest) works. No message holds code: tickets are packed numbers, orders and statuses
are JSON (`messages`). Messages that cross carry the protocol's version.
"""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import zmq

from realtime.transport.messages import PROTOCOL, MessageError, OtherVersion, pack, unpack
from realtime.transport.statuses import (
    Count,
    Finite,
    OutputStatus,
    PerformerStatus,
    PlayoutStatus,
    TempoStatus,
)
from realtime.transport.telemetry import Delta

if TYPE_CHECKING:
    from zmq.auth.thread import ThreadAuthenticator

Side = Literal["performer", "playout"]
"""One of the two machines of a show. Everything but the performer runs on the playout's."""

Crosses = Literal["never", "with a link", "only"]


@dataclass(frozen=True)
class Topic:
    """binds: the one process that binds the socket; the others connect. newest: only the newest message is
    kept. The last one may then wait in the socket until another follows (libzmq's CONFLATE can miss a
    wake-up), so this is for topics with a steady flow of messages.

    crosses: whether the topic goes between the machines, where there are two; "only": it exists only then.
    """

    binds: str
    sender: int
    receiver: int
    newest: bool
    help: str
    crosses: Crosses = "never"


TOPICS: Mapping[str, Topic] = {
    "tickets": Topic(
        "performer", zmq.PUB, zmq.SUB, True, "a frame of the player, in the ring or with it", "with a link"
    ),
    "camera": Topic("performer", zmq.PUB, zmq.SUB, True, "a picture of the camera, likewise", "with a link"),
    "people": Topic(
        "performer",
        zmq.PUB,
        zmq.SUB,
        True,
        "who is in the camera's picture, and the fan's pose",
        "with a link",
    ),
    "orders": Topic(
        "supervisor", zmq.PUB, zmq.SUB, True, "what the operator wants, all of it, again and again"
    ),
    "actions": Topic(
        "supervisor", zmq.PUSH, zmq.PULL, False, "keys that were pressed in a process's own window"
    ),
    "status": Topic("supervisor", zmq.PUSH, zmq.PULL, False, "heartbeats, counts and times of each process"),
    "clock": Topic("performer", zmq.REQ, zmq.REP, False, "asked for the other machine's time", "only"),
    "far_orders": Topic("link", zmq.PUB, zmq.SUB, True, "the orders, for the other machine", "only"),
    "far_status": Topic("link", zmq.PUSH, zmq.PULL, False, "the other machine's statuses", "only"),
    "ticks": Topic("playout", zmq.PUB, zmq.SUB, True, "a tick of the programme: where its pictures lie"),
    "asked": Topic("supervisor", zmq.PUSH, zmq.PULL, False, "what the web server asks the desk"),
    "told": Topic("supervisor", zmq.PUSH, zmq.PULL, False, "what the desk answers it, and what happens"),
    "markers": Topic(
        "performer", zmq.PUB, zmq.SUB, True, "a marker that the camera sees on the board", "with a link"
    ),
    "wants": Topic("playout", zmq.PUSH, zmq.PULL, False, "which parts of the programme an output can use"),
    "inputs": Topic("performer", zmq.PUB, zmq.SUB, True, "a picture of the camera that is to be recorded"),
    "shown": Topic(
        "playout", zmq.PUSH, zmq.PULL, False, "what the programme showed at a tick, to be recorded"
    ),
}
"""TABLE of the topics. Between machines, a topic's port is the link's port plus its place in this table."""


@dataclass(frozen=True)
class Link:
    """The connection of two machines. side: which of them this is. performer, playout: their addresses. port:
    the first of len(TOPICS) ports. keys: the folder of the key pairs (`realtime.transport.curve_keys`)."""

    side: Side
    performer: str
    playout: str
    port: int
    keys: Path

    @property
    def here(self) -> str:
        """Our own address."""
        return self.performer if self.side == "performer" else self.playout

    @property
    def there(self) -> str:
        """The other machine's address."""
        return self.playout if self.side == "performer" else self.performer

    def port_of(self, topic: str) -> int:
        return self.port + list(TOPICS).index(topic)

    def listens_on(self) -> list[int]:
        """The ports that this side opens."""
        return [
            self.port_of(name)
            for name, topic in TOPICS.items()
            if topic.crosses != "never" and (topic.binds == "performer") == (self.side == "performer")
        ]


HEARTBEAT_MS, SILENCE_MS, CONNECT_MS = 500, 2000, 1000
"""On the link: how often each end asks for a sign of life, how long it waits for one, and how long for a
connection, before it reconnects. TCP alone retries only after as long as the interruption lasted."""

MOST_PICTURE_BYTES, MOST_MESSAGE_BYTES = 256 * 1024 * 1024, 1024 * 1024
"""A message to one of our sockets that announces more bytes than this is refused and its connection ended,
even before its keys are known. The first limit is for topics with pictures."""

STATUS_QUEUE = 1000
"""Statuses that may wait for the supervisor; beyond that, a process keeps its counts for the next one."""


class Bus:
    """The sockets of one process. A socket belongs to the thread that opened it."""

    def __init__(self, folder: Path, link: Link | None = None) -> None:
        """folder: private to the show (0700), and short: a socket's path has at most 107 bytes."""
        self._folder = folder
        self._link = link
        self._context = zmq.Context()
        self._authenticator: ThreadAuthenticator | None = None
        self._lock = threading.Lock()

    @property
    def link(self) -> Link | None:
        """None where the whole show is on this machine."""
        return self._link

    def sender(self, topic: str, process: str) -> zmq.Socket[bytes]:
        """The sending end of a topic. Send with `zmq.NOBLOCK`."""
        return self._open(topic, process, TOPICS[topic].sender)

    def receiver(self, topic: str, process: str) -> zmq.Socket[bytes]:
        """The receiving end of a topic."""
        return self._open(topic, process, TOPICS[topic].receiver)

    def _open(self, name: str, process: str, kind: int) -> zmq.Socket[bytes]:
        topic = TOPICS[name]
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        if topic.newest:
            socket.setsockopt(zmq.CONFLATE, 1)
        else:
            socket.set_hwm(STATUS_QUEUE)
        if kind == zmq.SUB:
            socket.setsockopt(zmq.SUBSCRIBE, b"")
        if kind == zmq.REQ:  # a lost answer must not keep it from asking again
            socket.setsockopt(zmq.REQ_RELAXED, 1)
            socket.setsockopt(zmq.REQ_CORRELATE, 1)
        binds = topic.binds == process
        if binds:  # a socket that connects would not reconnect after a message that is too long
            most = MOST_PICTURE_BYTES if name in ("tickets", "camera") else MOST_MESSAGE_BYTES
            socket.setsockopt(zmq.MAXMSGSIZE, most)
        endpoint = f"ipc://{self._folder / name}"
        if self._link is not None and topic.crosses != "never":
            endpoint = self._far_endpoint(self._link, name, binds, socket)
        else:
            # Else whatever bytes arrive first make their sender a peer of version 1.0 of the protocol, and a
            # PUSH socket gives it a share of the messages. There need be nobody who answers for the domain.
            socket.setsockopt(zmq.ZAP_DOMAIN, b"dancecam")
        if binds:
            socket.bind(endpoint)
        else:
            socket.setsockopt(zmq.RECONNECT_IVL, 20)
            socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
            socket.connect(endpoint)
        return socket

    def _far_endpoint(self, link: Link, name: str, binds: bool, socket: zmq.Socket[bytes]) -> str:
        """Sets the socket's keys and heartbeat. Raises KeyFileError."""
        from realtime.transport.curve_keys import (  # a show on one machine has no keys
            key_pair,
            only_known,
            public_key,
        )

        port = link.port_of(name)
        socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, SILENCE_MS)
        socket.setsockopt(zmq.HANDSHAKE_IVL, SILENCE_MS)
        socket.setsockopt(zmq.CONNECT_TIMEOUT, CONNECT_MS)
        socket.curve_publickey, socket.curve_secretkey = key_pair(link.keys, link.side)
        if binds:
            with self._lock:  # one authenticator for all sockets, which several threads open
                if self._authenticator is None:
                    self._authenticator = only_known(self._context, link.keys)
            socket.curve_server = True
            return f"tcp://{link.here}:{port}"
        socket.curve_serverkey = public_key(link.keys, "playout" if link.side == "performer" else "performer")
        return f"tcp://{link.here}:0;{link.there}:{port}"  # from our own address of the link

    def close(self) -> None:
        """Closes every socket. No thread may be using one."""
        if self._authenticator is not None:
            self._authenticator.stop()
        self._context.destroy(linger=0)


def receive_newest(socket: zmq.Socket[bytes]) -> bytes | None:
    """The newest message, or None where nothing new has arrived."""
    try:
        return socket.recv(zmq.NOBLOCK)
    except zmq.Again:
        return None


NO_MEDIA = -1
"""A ticket's `media_ns` where the camera is no file."""


class Ticket(NamedTuple):
    """One frame in a ring, or the message that nobody was in a frame.

    frame_id: continues over restarts of the performer. slot, sequence: where the picture lies
    (`FrameRing.read`). good: False where nobody was in the frame; then there is no picture. finished: the
    number of good frames of this performer so far, including this one, so that a reader can count those it
    missed. period_ns: the recent interval between frames, the camera's or the performer's, whichever is
    longer. Stamps are monotonic nanoseconds. player: the painted player's index in `Show.everyone`. trusted:
    False where the show file's `least_confidence` keeps the picture off the air. before_ns: when the frame of
    the previous sequence was captured; 0 if that one must not be shown. camera: which one took the frame, by
    its index in `Show.every_camera`. media_ns: where in that camera's file the frame lies, from the file's
    first frame; NO_MEDIA where it is no file, or that is not known.
    """

    frame_id: int
    slot: int
    sequence: int
    good: bool
    finished: int
    period_ns: int
    captured_ns: int
    posed_ns: int
    generated_ns: int
    player: int = 0
    trusted: bool = True
    before_ns: int = 0
    camera: int = 0
    media_ns: int = NO_MEDIA

    def pack(self) -> bytes:
        return _TICKET.pack(PROTOCOL, *self)

    @classmethod
    def unpack(cls, data: bytes | memoryview) -> Ticket:
        """Raises MessageError, OtherVersion."""
        if not data:
            raise MessageError("a ticket is empty")
        if data[0] != PROTOCOL:
            raise OtherVersion(data[0])
        try:
            return cls._make(_TICKET.unpack(data)[1:])
        except struct.error as error:
            raise MessageError(f"a ticket has {len(data)} bytes instead of {TICKET_BYTES}") from error

    def shifted(self, offset_ns: int) -> Ticket:
        """The ticket with its stamps converted from a clock that is ahead by `offset_ns`."""
        return self._replace(
            captured_ns=self.captured_ns + offset_ns,
            posed_ns=self.posed_ns + offset_ns,
            generated_ns=self.generated_ns + offset_ns,
            before_ns=self.before_ns and self.before_ns + offset_ns,
        )


_TICKET = struct.Struct("<BQIQ?QQqqqH?qBq")
TICKET_BYTES = _TICKET.size


class MarkerReading(NamedTuple):
    """A marker that the performer read in the camera's picture. number: of the tick that drew it
    (`calibration.marker`). captured_ns: when the picture was captured, by the performer's clock."""

    number: int
    captured_ns: int

    def pack(self) -> bytes:
        return _READING.pack(PROTOCOL, *self)

    @classmethod
    def unpack(cls, data: bytes) -> MarkerReading:
        """Raises MessageError."""
        if len(data) != _READING.size or data[0] != PROTOCOL:
            raise MessageError("what the camera read is not understood")
        return cls._make(_READING.unpack(data)[1:])


_READING = struct.Struct("<BHq")


class Press(NamedTuple):
    """A key pressed in a window. key: the character. who: the window."""

    key: str
    who: str

    def pack(self) -> bytes:
        return json.dumps(self).encode()

    @classmethod
    def unpack(cls, data: bytes) -> Press:
        """Raises MessageError."""
        try:
            key, who = json.loads(data)
        except (ValueError, TypeError, RecursionError) as error:
            raise MessageError("a key that was pressed is not understood") from error
        if not isinstance(key, str) or not isinstance(who, str):
            raise MessageError("a key that was pressed is no text")
        return cls(key, who)


@dataclass(frozen=True)
class Status:
    """A stage's message to the supervisor.

    alive_ns: when the stage's slowest thread last moved. ready: it is at work. doing: what it is loading
    until then; doing_s: for how long already; part, parts: in which of how many parts, from 1. died: in its
    last status, the one line that says what ended it. playout, performer, output, tempo: the state of that
    kind of stage, once it is ready.
    """

    stage: str
    attempt: int
    alive_ns: int
    ready: bool
    delta: Delta = field(default_factory=Delta)
    doing: str = ""
    died: str = ""
    playout: PlayoutStatus | None = None
    performer: PerformerStatus | None = None
    output: OutputStatus | None = None
    tempo: TempoStatus | None = None
    doing_s: Finite = 0.0
    part: Count = 0
    parts: Count = 0

    def pack(self) -> bytes:
        return pack(self)

    @classmethod
    def unpack(cls, data: bytes) -> Status:
        """Raises MessageError, OtherVersion."""
        return unpack(cls, data)
