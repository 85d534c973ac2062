"""An output with a thread of its own: opens, writes, and opens again after a failure."""

from __future__ import annotations

import random
import threading
import time
from abc import abstractmethod
from collections import Counter, deque
from typing import NamedTuple

import cv2
import numpy as np

from realtime.config.redact import redact
from realtime.outputs.sink import Format, OutputError, OutputSink
from realtime.transport.backoff import Backoff
from realtime.transport.latest import Latest
from realtime.transport.programme_ring import Part, ProgrammeFrame
from realtime.transport.statuses import OutputState, OutputStatus, Tally
from realtime.transport.texts import one_line

TAKE_S = 0.1
"""How often a thread without pictures looks whether it should end."""

CLOSE_S = 3.0
"""How long closing waits for a thread that a driver or a server holds; it is a daemon and ends with us."""

STALLED_S = 5.0
"""A call that takes longer hangs."""

RATE_PICTURES = 60
"""How many of the newest pictures the rate is taken over."""

SILENT_S = 1.0
"""Without a picture for so long, the rate is 0."""


class Tick(NamedTuple):
    """See `OutputSink.send`."""

    frame: ProgrammeFrame
    number: int
    due_ns: int


class Counts:
    """What a sink did: pictures that went out, those that did not, by cause, and the rate of late."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._dropped: Counter[str] = Counter()
        self._times: deque[float] = deque(maxlen=RATE_PICTURES)
        self.sent = 0

    def wrote(self) -> None:
        with self._lock:
            self.sent += 1
            self._times.append(time.monotonic())

    def drop(self, cause: str, n: int = 1) -> None:
        with self._lock:
            self._dropped[cause] += n

    def dropped(self) -> dict[str, int]:
        with self._lock:
            return dict(self._dropped)

    def fps(self) -> float:
        with self._lock:
            if len(self._times) < 2 or time.monotonic() - self._times[-1] > SILENT_S:
                return 0.0
            return (len(self._times) - 1) / max(1e-9, self._times[-1] - self._times[0])


SERVER_RETRY_S, BOARD_RETRY_S = 30.0, 3.0
"""The longest wait of outputs to a server, which many may try at once, and of those to the board."""


class WorkerSink(OutputSink):
    """Takes the newest tick in a thread of its own.

    A subclass says how to open, write and shut; it calls `_start` at the end of its constructor. Whatever
    these raise is this sink's failure: it is told in `status`, and after a growing wait the sink opens again.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        programme: Format,
        parts: frozenset[Part],
        *,
        where: str,
        on: bool = True,
        retry_s: float = SERVER_RETRY_S,
    ) -> None:
        """parts: what it uses. where: the address, file or device, for the operator. on: open at once.
        retry_s: the longest wait until it opens again."""
        self.kind = kind
        self.name = name
        self.programme = programme
        self._parts = parts
        self._colours = None if programme.correction is None else programme.correction.table()
        self._for_board = np.empty((*programme.size[::-1], 3) if programme.correction else 0, np.uint8)
        self._where = where
        self._counts = Counts()
        self._latest: Latest[Tick] = Latest(self._counts, "slow")
        self._said: tuple[OutputState, str] = ("connecting" if on else "off", "")
        self._saying = threading.Lock()
        self._on = on
        self._closed = False
        self._busy_since: float | None = None
        self._wake = threading.Event()
        self._backoff = Backoff(most_s=retry_s)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @abstractmethod
    def _open(self) -> None:
        """Reach the server, device or file. May take its time."""

    @abstractmethod
    def _write(self, tick: Tick) -> None:
        """Send one tick."""

    @abstractmethod
    def _shut(self) -> None:
        """Free what `_open` took, also where it failed half way."""

    def _tally(self) -> Tally:
        return "off"

    def _trouble(self) -> str:
        """What the operator must know while it runs, or ""; from any thread."""
        return ""

    def _receivers(self) -> dict[str, int]:
        return {}

    def _start(self) -> None:
        self._thread.start()

    def wants(self) -> frozenset[Part]:
        return self._parts if self._on and not self._closed else frozenset()

    def send(self, frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        if self._said[0] == "running":
            self._latest.put(Tick(frame, tick, due_ns))
        else:
            self._counts.drop("not_connected")

    def stalled(self) -> bool:
        since = self._busy_since
        return since is not None and time.monotonic() - since > STALLED_S

    def status(self) -> OutputStatus:
        stalled = self.stalled()
        state, reason = self._said
        if stalled:
            state, reason = "failed", f"{self.name}: {self._where} takes no more pictures"
        return OutputStatus(
            name=self.name,
            kind=self.kind,
            state=state,
            reason=reason or self._trouble(),
            where=self._where,
            fps=round(self._counts.fps(), 2),
            sent=self._counts.sent,
            dropped=self._counts.dropped(),
            receivers=self._receivers(),
            tally=self._tally(),
        )

    def _say(self, state: OutputState | None = None, reason: str | None = None) -> None:
        """Sets what `status` tells, both at once; None leaves one of them as it is. From any thread."""
        with self._saying:
            before = self._said
            self._said = (state or before[0], before[1] if reason is None else reason)

    def close(self) -> None:
        self._closed = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def _switch(self, on: bool) -> None:
        """Opens or shuts, by the operator's order."""
        self._on = on
        self._wake.set()

    def _run(self) -> None:
        while not self._closed:
            if not self._on:
                self._say("off")
                self._wake.wait()
                self._wake.clear()
                continue
            self._say("connecting")
            failure, ran_s = self._session()
            if failure is None:
                continue
            self._say("failed", str(failure))
            wait_s = self._backoff.failed(ran_s, random.random(), failure.retry_after_s)
            self._wake.wait(wait_s)
            self._wake.clear()

    def _session(self) -> tuple[OutputError | None, float]:
        """From opening to shutting: what ended it (None: an order), and for how many seconds it ran."""
        failure: OutputError | None = None
        opened_s: float | None = None
        try:
            self._open()
            opened_s = time.monotonic()
            self._say("running", "")
            while self._on and not self._closed:
                tick = self._latest.take(TAKE_S)
                if tick is not None:
                    self._busy_since = time.monotonic()
                    self._write(self._corrected(tick))
                    self._busy_since = None
                    self._counts.wrote()
        except Exception as error:  # noqa: BLE001  # whatever it is, this sink fails alone
            failure = self._told(error)
            self._say("failed", str(failure))  # at once: shutting may take its time
        self._busy_since = None
        ran_s = 0.0 if opened_s is None else time.monotonic() - opened_s
        self._latest.take(0)  # too old for the next session
        try:
            self._shut()
        except Exception as error:  # noqa: BLE001  # as above
            failure = failure or self._told(error)
        return failure, ran_s

    def _corrected(self, tick: Tick) -> Tick:
        """With the colours that the board needs; valid until the next call."""
        if self._colours is None:
            return tick
        cv2.LUT(tick.frame.picture, self._colours, dst=self._for_board)
        return tick._replace(frame=tick.frame._replace(picture=self._for_board))

    def _told(self, error: Exception) -> OutputError:
        """A new one, without the traceback, which would hold what the session had: an encoder takes 70 MB."""
        if isinstance(error, OutputError):
            return OutputError(str(error), retry_after_s=error.retry_after_s)
        return OutputError(f"{self.name}: {redact(one_line(error))}")
