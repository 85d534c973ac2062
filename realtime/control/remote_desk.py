"""The desk, asked from another process: the web server's.

The desk stays with the supervisor, which obeys it whatever becomes of the web server. What the desk tells and
what it answers come over one socket, in order: who has its answer has heard of all that happened before.
"""

from __future__ import annotations

import itertools
import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from queue import Empty, SimpleQueue
from typing import Any

import zmq

from realtime.control.desk import Desk, Event, Listeners, Refused
from realtime.control.keys import Keymap
from realtime.transport.bus import Bus, receive_newest
from realtime.transport.messages import MessageError
from realtime.transport.telemetry import Delta, Totals
from realtime.transport.texts import one_line, shown
from realtime.transport.wake import Wake

logger = logging.getLogger(__name__)

ANSWER_S = 5.0
"""How long an answer may take; the desk itself never takes so long."""

GREETINGS, GREET_S = 100, 0.25
"""How often the desk is greeted, until it answers, and how long each time."""

LOOK_S = 0.5
"""How often the threads look whether they should end."""

LONGEST_QUEUE = 1000
"""Events that may wait to be sent; there are as many more in the socket."""

UNAVAILABLE, FAILED = 503, 500

STATE = frozenset({"orders", "show", "confirm", "stats"})
"""What `Desk.state` has."""


ASKS: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "hello": {},
    "count": {},
    "act": {"name": str, "given": (dict, list), "who": str, "confirmed": bool},
    "note": {"who": str, "what": str, "result": str},
    "tell": {"text": str},
}
"""TABLE of what the desk can be asked, and what is given with it."""


def _question(message: bytes) -> tuple[str, int | None, dict[str, Any]]:
    """What is asked, the question's number, and what is given. Raises MessageError."""
    try:
        given = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise MessageError(f"a question is not JSON: {type(error).__name__}") from error
    if not isinstance(given, dict):
        raise MessageError("a question is no object")
    ask, number = given.pop("ask", None), given.pop("id", None)
    fields = ASKS.get(ask) if isinstance(ask, str) else None
    if fields is None or not (number is None or type(number) is int):
        raise MessageError("a question asks for nothing that there is, or its number is none")
    if given.keys() != fields.keys() or not all(isinstance(given[name], fields[name]) for name in fields):
        raise MessageError(f"a question {ask!r} has other fields")
    return ask, number, given


class DeskServer:
    """The desk's end: answers in a thread of its own, until `close`."""

    def __init__(self, desk: Desk, totals: Totals, bus: Bus) -> None:
        self._desk, self._totals, self._bus = desk, totals, bus
        self._wake = Wake()
        self._outbox: deque[Event] = deque(maxlen=LONGEST_QUEUE)
        self._ending = self._told = False
        self._stop_listening = desk.listen(self._happened)
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop_listening()
        self._ending = True
        self._wake.set()
        self._thread.join()
        self._wake.close()

    def _happened(self, event: Event) -> None:
        """In the thread of whoever caused it."""
        self._outbox.append(event)
        self._wake.set()

    def _run(self) -> None:
        with (
            closing(self._bus.receiver("asked", "supervisor")) as asked,
            closing(self._bus.sender("told", "supervisor")) as told,
        ):
            poller = zmq.Poller()
            for waited_for in (asked, self._wake.fileno()):
                poller.register(waited_for, zmq.POLLIN)
            while not self._ending:
                poller.poll(int(1000 * LOOK_S))
                self._wake.clear()
                message = receive_newest(asked)
                if message is not None:
                    self._take(message)
                    self._wake.set()  # there may be more
                while self._outbox:
                    with suppress(zmq.Again):  # nobody hears, or hangs and is started again
                        told.send(json.dumps(self._outbox.popleft()).encode(), zmq.NOBLOCK)

    def _take(self, message: bytes) -> None:
        """What is no question is told once, and has no answer."""
        try:
            ask, number, given = _question(message)
        except MessageError as error:
            if not self._told:
                logger.warning("the web server is not understood: %s", error)
            self._told = True
        else:
            self._outbox.append({"type": "answer", "id": number, **self._answer(ask, given)})

    def _answer(self, ask: str, given: dict[str, Any]) -> Event:
        try:
            return self._done(ask, given)
        except Refused as error:
            return {"status": error.status, "refused": str(error)}
        except Exception as error:  # noqa: BLE001  # one question that fails must not end the others
            logger.warning("the web server's question failed: %s", one_line(error))
            return {"status": FAILED, "refused": "this request failed"}

    def _done(self, ask: str, given: dict[str, Any]) -> Event:
        """What is asked for, done. Raises Refused."""
        if ask == "hello":
            self._desk.state(lambda state: self._outbox.append({"type": "hello", "state": state}))
            return {"choices": self._desk.choices}
        if ask == "count":
            totals = self._totals.copy()
            times = {
                name: {int(position): int(histogram[position]) for position in histogram.nonzero()[0]}
                for name, histogram in totals.histograms().items()
            }
            return {"counts": totals.counts, "restarts": totals.restarts, "times": times}
        does: dict[str, Callable[..., object]] = {
            "act": self._desk.act,
            "note": self._desk.note,
            "tell": self._desk.tell,
        }
        does[ask](**given)
        return {}


class RemoteDesk:
    """The other end: a `desk.AnyDesk`, and the show's counts. Any thread may ask."""

    def __init__(self, bus: Bus, process: str, keymap: Keymap) -> None:
        """process: that this is. keymap: of the show. Raises Refused where the desk does not answer."""
        self.keymap = keymap
        self._bus, self._process = bus, process
        self._asked = bus.sender("asked", process)
        self._asking = threading.Lock()
        self._numbers = itertools.count()
        self._answers: dict[int, SimpleQueue[dict[str, Any]]] = {}
        self._listeners = Listeners()
        self._ending = False
        self._state: dict[str, Any] = {}
        self._thread = threading.Thread(target=self._hear, name="desk", daemon=True)
        self._thread.start()
        try:
            self.choices: Mapping[str, Mapping[str, str]] = self._greet()["choices"]
        except Refused:
            self.close()
            raise

    def close(self) -> None:
        self._ending = True
        self._thread.join()
        self._asked.close()

    def state(self) -> dict[str, Any]:
        """See `Desk.state`."""
        return dict(self._state)

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """See `Desk.listen`; it is called in a thread of ours."""
        return self._listeners.add(listener)

    def act(
        self,
        name: str,
        given: Mapping[str, object] | Sequence[object] = (),
        *,
        who: str,
        confirmed: bool = False,
    ) -> None:
        """See `Desk.act`. Raises Refused, also where the desk does not answer."""
        plain = (
            {key: _plain(value) for key, value in given.items()}
            if isinstance(given, Mapping)
            else [_plain(value) for value in given]
        )
        self._ask("act", name=name, given=plain, who=who, confirmed=confirmed)

    def note(self, who: str, what: str, result: str) -> None:
        """See `Desk.note`."""
        with suppress(Refused):
            self._send("note", who=who, what=what, result=result)

    def tell(self, text: str) -> None:
        """See `Desk.tell`."""
        with suppress(Refused):
            self._send("tell", text=text)

    def copy(self) -> Totals:
        """The show's counts now; see `Totals.copy`. Raises Refused where the desk does not answer."""
        found = self._ask("count")
        totals = Totals()
        times = {
            name: {int(position): n for position, n in bins.items()} for name, bins in found["times"].items()
        }
        totals.add(Delta(found["counts"], times))
        totals.restarts.update(found["restarts"])
        return totals

    def _greet(self) -> dict[str, Any]:
        """Again and again, until the sockets have found each other."""
        for _ in range(GREETINGS - 1):
            with suppress(Refused):
                return self._ask("hello", GREET_S)
        return self._ask("hello", GREET_S)

    def _ask(self, ask: str, answer_s: float = ANSWER_S, **fields: Any) -> dict[str, Any]:
        answers: SimpleQueue[dict[str, Any]] = SimpleQueue()
        number = next(self._numbers)
        self._answers[number] = answers
        try:
            self._send(ask, number, **fields)
            answer = answers.get(timeout=answer_s)
        except Empty:
            raise Refused(UNAVAILABLE, "the show does not answer") from None
        finally:
            del self._answers[number]
        if "refused" in answer:
            raise Refused(answer["status"], answer["refused"])
        return answer

    def _send(self, ask: str, number: int | None = None, **fields: Any) -> None:
        question = json.dumps({"ask": ask, "id": number, **fields}).encode()
        with self._asking:
            try:
                self._asked.send(question, zmq.NOBLOCK)
            except zmq.Again:
                raise Refused(UNAVAILABLE, "the show does not answer") from None

    def _hear(self) -> None:
        with closing(self._bus.receiver("told", self._process)) as told:
            while not self._ending:
                if told.poll(int(1000 * LOOK_S)):
                    self._take(json.loads(told.recv()))

    def _take(self, event: dict[str, Any]) -> None:
        if event["type"] == "answer":
            answers = self._answers.get(event["id"])
            if answers is not None:
                answers.put(event)
        elif event["type"] == "hello":
            self._state = event["state"]
        else:
            if event["type"] in ("state", "stats"):
                news = {name: value for name, value in event.items() if name in STATE}
                self._state = {**self._state, **news}
            self._listeners.tell(event)


def _plain(value: object) -> object:
    """A value as it can be sent: no argument is more than a number, a text or a flag."""
    return value if value is None or isinstance(value, bool | int | float | str) else shown(value)
