"""What the processes of a show tell each other: one TABLE of topics, over ZeroMQ in a private directory.

Every message is a single part, so that CONFLATE (keep only the newest) works, and holds no code: tickets are
packed numbers, orders and statuses are JSON.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import zmq

from realtime.telemetry import Delta


@dataclass(frozen=True)
class Topic:
    """binds: the process that has it once; the others connect. newest: only the newest message is kept."""

    binds: str
    sender: int
    receiver: int
    newest: bool
    help: str


TOPICS: Mapping[str, Topic] = {
    "tickets": Topic("performer", zmq.PUB, zmq.SUB, True, "a frame of the player lies in the ring"),
    "camera": Topic("performer", zmq.PUB, zmq.SUB, True, "a picture of the camera lies in the other ring"),
    "orders": Topic(
        "supervisor", zmq.PUB, zmq.SUB, True, "what the operator wants, all of it, again and again"
    ),
    "actions": Topic(
        "supervisor", zmq.PUSH, zmq.PULL, False, "keys that were pressed in a process's own window"
    ),
    "status": Topic("supervisor", zmq.PUSH, zmq.PULL, False, "heartbeats, counts and times of each process"),
}

STATUS_QUEUE = 1000
"""Statuses that may wait for the supervisor; beyond it a process keeps its counts for the next one."""


class Bus:
    """The sockets of one process. A socket belongs to the thread that opened it."""

    def __init__(self, folder: Path) -> None:
        """folder: of the show's own, private (0700), and short: a socket's path has at most 107 bytes."""
        self._folder = folder
        self._context = zmq.Context()

    def sender(self, topic: str, process: str) -> zmq.Socket[bytes]:
        """The sending end. Its sends are meant for `zmq.NOBLOCK`."""
        return self._open(topic, process, TOPICS[topic].sender)

    def receiver(self, topic: str, process: str) -> zmq.Socket[bytes]:
        """The receiving end."""
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
        endpoint = f"ipc://{self._folder / name}"
        if topic.binds == process:
            socket.bind(endpoint)
        else:
            socket.setsockopt(zmq.RECONNECT_IVL, 20)
            socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
            socket.connect(endpoint)
        return socket

    def close(self) -> None:
        """Closes every socket. No thread may be using one."""
        self._context.destroy(linger=0)


def receive_newest(socket: zmq.Socket[bytes]) -> bytes | None:
    """The newest message if there is one that has not been read."""
    try:
        return socket.recv(zmq.NOBLOCK)
    except zmq.Again:
        return None


class Ticket(NamedTuple):
    """One frame in a ring, or the word that a frame had nobody in it.

    frame_id: counts on over restarts of the performer. slot, sequence: where it lies (`FrameRing.read`).
    good: False where nobody was there; then no slot is meant. finished: good frames of this performer so far,
    this one included, by which a reader knows how many it has not seen. period_ns: how far apart frames lie
    of late, the camera's or the performer's, whichever is longer. Stamps: monotonic nanoseconds.
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

    def pack(self) -> bytes:
        return _TICKET.pack(*self)

    @classmethod
    def unpack(cls, data: bytes) -> Ticket:
        return cls._make(_TICKET.unpack(data))


_TICKET = struct.Struct("<QIQ?QQQQQ")


class Press(NamedTuple):
    """A key that was pressed in a window. key: the character. who: which window."""

    key: str
    who: str

    def pack(self) -> bytes:
        return json.dumps(self).encode()

    @classmethod
    def unpack(cls, data: bytes) -> Press:
        return cls(*json.loads(data))


@dataclass(frozen=True)
class Status:
    """A stage's word to the supervisor.

    alive_ns: when its slowest thread last moved. ready: it does its work. info: facts for the operator, and
    `died`: the one line that says what ended it.
    """

    stage: str
    attempt: int
    alive_ns: int
    ready: bool
    delta: Delta
    info: Mapping[str, Any]

    def pack(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpack(cls, data: bytes) -> Status:
        fields = json.loads(data)
        return cls(**{**fields, "delta": Delta.from_json(fields["delta"])})
