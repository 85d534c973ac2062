"""An output in a process of its own, where its work would hold Python's lock against the programme clock.

WebRTC handles thousands of packets a second in Python, and PyAV keeps the lock while FFmpeg connects. The
pictures lie in shared memory; a ticket says where the newest is. A process that dies or hangs is replaced.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import multiprocessing
import os
import random
import shutil
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
import setproctitle
import zmq

from realtime.outputs.sink import INSTEAD, Format, OutputSink, Part, ProgrammeFrame, SinkStatus
from realtime.transport.backoff import Backoff
from realtime.transport.frame_ring import FrameRing, RingSpec
from realtime.transport.texts import one_line

START_S, SILENT_S = 30.0, 6.0
"""How long a process may take to start, and how long it may be silent afterwards."""

STATUS_S = 0.2
"""How often it tells its status, besides when what it wants has changed."""

POLL_S = 0.02
"""How often it looks up from waiting for a picture."""

CLOSE_S = 4.0
"""How long it may take to say goodbye to its viewers or its server."""

PICTURE: frozenset[Part] = frozenset({"picture"})

MOST_KEYS = 16
"""Presses that wait to be asked for; a crowd of them is a book on the keyboard."""


@dataclass(frozen=True)
class Hosting:
    """What the process is started with.

    entry: "module:class" of the sink, called with settings and programme. rings: where each part that it may
    want lies. tickets: path of the socket.
    """

    name: str
    entry: str
    settings: Any
    programme: Format
    rings: Mapping[Part, RingSpec]
    tickets: str


class HostedSink(OutputSink):
    """The near end: hands over tickets, hears statuses, starts the process again."""

    def __init__(
        self,
        kind: str,
        name: str,
        entry: str,
        settings: Any,
        programme: Format,
        parts: frozenset[Part],
        *,
        orders: frozenset[str] = frozenset(),
        scratch: Path | None = None,
    ) -> None:
        """See `Hosting`. parts: what it may ever want. orders: those that it knows; a process that takes the
        place of another gets the last one again. scratch: of the process that this is made in."""
        self.kind = kind
        self.name = name
        width, height = programme.size
        # Short: the path of a socket has at most 107 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="o-" if scratch else "dancecam-output-", dir=scratch))
        self._rings: dict[Part, FrameRing] = {
            part: FrameRing.create(height, width, channels=4 if part == "layer" else 3, scratch=scratch)
            for part in (parts | PICTURE if parts & INSTEAD else parts)
        }
        self._context = zmq.Context()
        self._tickets = self._context.socket(zmq.PUSH)
        self._tickets.setsockopt(zmq.LINGER, 0)
        self._tickets.setsockopt(zmq.CONFLATE, 1)
        path = f"ipc://{self._folder / 'tickets'}"
        self._tickets.bind(path)
        specs: dict[Part, RingSpec] = {part: ring.spec for part, ring in self._rings.items()}
        self._hosting = Hosting(name, entry, settings, programme, specs, path)
        self._status = SinkStatus(name=name, kind=kind, state="connecting")
        self._wants: frozenset[Part] = frozenset()
        self._dropped: Counter[str] = Counter()
        self._orders = orders
        self._order: str | None = None
        self._near: Connection | None = None
        self._keys: deque[str] = deque(maxlen=MOST_KEYS)
        self._backoff = Backoff()
        self._closed = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name=f"{name}'s keeper", daemon=True)
        self._keeper.start()

    def wants(self) -> frozenset[Part]:
        return self._wants

    def send(self, frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        if self._closed.is_set():
            return
        places = {}
        missing = {part for part in self._wants & INSTEAD if getattr(frame, part) is None}
        for part in self._wants | PICTURE if missing else self._wants:
            picture = getattr(frame, part)
            if picture is not None:
                with self._rings[part].write() as slot:
                    slot.picture[:] = picture
                places[part] = (slot.index, slot.sequence)
        try:
            self._tickets.send(json.dumps([tick, due_ns, places]).encode(), zmq.NOBLOCK)
        except zmq.Again:
            self._dropped["not_connected"] += 1

    def status(self) -> SinkStatus:
        status = self._status
        return replace(status, dropped=dict(Counter(status.dropped) + self._dropped))

    def order(self, order: str) -> None:
        if order not in self._orders:
            super().order(order)
        self._order = order
        near = self._near
        if near is not None:
            with contextlib.suppress(OSError):  # its process has just ended: the next one gets it
                near.send(order)

    def pressed(self) -> list[str]:
        return [self._keys.popleft() for _ in range(len(self._keys))]

    def close(self) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        self._keeper.join(2 * CLOSE_S)
        self._context.destroy(linger=0)
        for ring in self._rings.values():
            ring.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _keep(self) -> None:
        while not self._closed.is_set():
            started = time.monotonic()
            try:
                why = self._session()
            except Exception as error:  # noqa: BLE001  # no handles, no memory, no fork: told and tried again
                why = f"{self.name}: its process cannot be started ({one_line(error)}); trying again"
            self._wants = frozenset()
            if why is not None:
                self._status = replace(self._status, state="failed", reason=why, fps=0.0)
                self._closed.wait(self._backoff.failed(time.monotonic() - started, random.random()))

    def _session(self) -> str | None:
        """One process, from its start to its end: what ended it, None if `close`."""
        near, far = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=host, args=(self._hosting, far), name=self.name, daemon=True
        )
        try:
            with far:
                process.start()
        except BaseException:
            near.close()
            raise
        heard, patience_s = time.monotonic(), START_S
        try:
            self._near = near  # first: an order that comes meanwhile is sent twice rather than lost
            if self._order is not None:
                near.send(self._order)
            while not self._closed.is_set():
                if near in wait([near, process.sentinel], STATUS_S):
                    try:
                        message = near.recv()
                    except (EOFError, ConnectionError):
                        process.join(CLOSE_S)
                        return f"{self.name}: its process ended ({process.exitcode}) and is started again"
                    if isinstance(message, str):
                        return message
                    status, wants, keys = message
                    self._status = SinkStatus(**status)
                    self._wants = frozenset(wants)
                    self._keys.extend(keys)
                    heard, patience_s = time.monotonic(), SILENT_S
                if time.monotonic() - heard > patience_s:
                    return f"{self.name}: its process was silent for {patience_s:g} s and is started again"
            return None
        finally:
            self._near = None
            near.close()  # it ends by itself
            process.join(CLOSE_S if self._closed.is_set() else 0)
            process.kill()
            process.join()


def host(hosting: Hosting, control: Connection) -> None:
    """Where the process begins; it ends when the other end of `control` is closed."""
    setproctitle.setproctitle(f"dancecam output {hosting.name}")
    try:
        module, _, name = hosting.entry.partition(":")
        sink: OutputSink = getattr(importlib.import_module(module), name)(hosting.settings, hosting.programme)
    except Exception as error:  # noqa: BLE001  # the near end tells the operator
        control.send(one_line(error))
        return
    with contextlib.suppress(EOFError, ConnectionError):
        _feed(hosting, sink, control)
    threading.Timer(CLOSE_S, os._exit, (1,)).start()
    sink.close()
    os._exit(0)  # a thread inside a driver or a library must not keep the process alive


def _feed(hosting: Hosting, sink: OutputSink, control: Connection) -> None:
    """Hands pictures to the sink and its status to the near end, until it stalls.

    Raises EOFError once the near end is closed.
    """
    context = zmq.Context()
    tickets = context.socket(zmq.PULL)
    tickets.setsockopt(zmq.CONFLATE, 1)
    tickets.connect(hosting.tickets)
    rings = {part: FrameRing.attach(spec) for part, spec in hosting.rings.items()}
    overtaken = 0
    wanted: frozenset[Part] | None = None
    next_status = 0.0
    while True:
        if tickets.poll(int(1000 * POLL_S)):
            tick, due_ns, places = json.loads(tickets.recv())
            parts = {part: _copy(rings[part], *place) for part, place in places.items()}
            if any(picture is None for picture in parts.values()):
                overtaken += 1
            elif parts:
                # Only the parts of `wants` are looked at: a sink of previews alone has no use for this one.
                parts.setdefault("picture", next(iter(parts.values())))
                sink.send(ProgrammeFrame(**parts), tick, due_ns)
        if control.poll():
            sink.order(control.recv())
        if sink.stalled():
            control.send(f"{hosting.name}: it takes no more pictures and is started again")
            return
        wants, keys = sink.wants(), sink.pressed()
        if wants != wanted or keys or time.monotonic() >= next_status:
            wanted, next_status = wants, time.monotonic() + STATUS_S
            status = asdict(sink.status())
            if overtaken:
                status["dropped"] = {**status["dropped"], "overtaken": overtaken}
            control.send((status, sorted(wants), keys))


def _copy(ring: FrameRing, slot: int, sequence: int) -> Any:
    """The picture, read-only; None where it has been overtaken."""
    out = np.empty(ring.spec.shape, np.uint8)
    if not ring.read(slot, sequence, out):
        return None
    out.setflags(write=False)
    return out
