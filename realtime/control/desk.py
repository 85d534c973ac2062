"""The desk: every control asks here, and every client hears from here what was done and what has changed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Protocol

from engines.time_units import NS_PER_S
from realtime.control.action import Unconfirmed
from realtime.control.actions import ACTIONS
from realtime.control.arguments import ArgumentError, Arguments, check_in_order, check_named
from realtime.control.hints import alarm_in, hint
from realtime.control.keys import CONFIRM_KEY, CONFIRM_WITHIN_NS, Keymap, Unanswered
from realtime.control.show_log import ShowLog
from realtime.control.show_state import ShowFacts, ShowFigures
from realtime.transport.orders import Orders
from realtime.transport.texts import shown

logger = logging.getLogger(__name__)

Event = Mapping[str, Any]
"""One thing that happened, as data for JSON. `type` is a key of EVENTS."""

EVENTS: Mapping[str, str] = {
    "action": "somebody asked for an action: who, action, arguments, result ('done' or why not)",
    "state": "something has changed: orders, show, and which actions to confirm, all whole",
    "stats": "the newest figures, about twice a second: see the fields of `stats`",
    "message": "the show has something to say: text; of an alarm hint, too: name, means, press",
}
"""TABLE of what is pushed to every client. All but `stats` is in the show log, and has `at` (ISO 8601)."""

NOT_FOUND, CONFLICT, UNPROCESSABLE = 404, 409, 422


class Refused(RuntimeError):
    """An action that is not done. status: as in HTTP; the text is one line for who asked."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Listeners:
    """Who is told of each event. For one thread at a time, but for `add`."""

    def __init__(self) -> None:
        self._listeners: tuple[Callable[[Event], None], ...] = ()
        self._lock = threading.Lock()

    def add(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """The function that is returned ends it."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def stop() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not listener)

        return stop

    def tell(self, event: Event) -> None:
        """One that fails does not keep the others from hearing."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001  # an order must not fail because one client cannot hear of it
                logger.warning("a client of the desk cannot be told: %s: %s", type(error).__name__, error)


class AnyDesk(Protocol):
    """What a control needs of the desk: a `Desk`, or a `remote_desk.RemoteDesk` in another process."""

    keymap: Keymap
    choices: Mapping[str, Mapping[str, str]]

    def state(self) -> dict[str, Any]: ...

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]: ...

    def act(
        self,
        name: str,
        given: Mapping[str, object] | Sequence[object] = (),
        *,
        who: str,
        confirmed: bool = False,
    ) -> object: ...

    def note(self, who: str, what: str, result: str) -> None: ...

    def tell(self, text: str) -> None: ...


class Desk:
    """Holds the orders in force. Any thread may ask and tell; one at a time is heard."""

    def __init__(
        self,
        orders: Orders,
        keymap: Keymap,
        choices: Mapping[str, Mapping[str, str]],
        log: ShowLog | None = None,
        *,
        lacking: Mapping[str, str] | None = None,
        barred: Callable[[str, str], str] = lambda action, name: "",
    ) -> None:
        """choices: action → the names that the show has for its argument `name`, each with what it is in the
        orders. Without an entry any name will do, and is itself. An argument `place` counts them from 1.
        lacking: action → why the show has it not. barred: (action, name) → why this choice may not be taken
        now, "" where it may; it must be quick.
        """
        self.keymap = keymap
        self.choices = choices
        self._lacking = lacking or {}
        self._barred = barred
        self._log = log
        self._lock = threading.Lock()
        self._orders = orders
        self._show: ShowFacts = {}
        self._stats: ShowFigures = {}
        self._unanswered = Unanswered()
        self._listeners = Listeners()

    @property
    def orders(self) -> Orders:
        return self._orders

    def state(self, hear: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
        """Orders, show, `confirm` and stats, whole: what a client needs to know that was not there before.

        hear: is given it too, before anything else happens; like a listener.
        """
        with self._lock:
            state = {**self._state(), "stats": self._stats}
            if hear is not None:
                hear(state)
            return state

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Tells a listener of each event, in order, until the function that is returned is called.

        It is called in the thread of whoever caused the event; it must be quick and may not ask the desk.
        """
        with self._lock:
            return self._listeners.add(listener)

    def act(
        self,
        name: str,
        given: Mapping[str, object] | Sequence[object] = (),
        *,
        who: str,
        confirmed: bool = False,
    ) -> Orders:
        """Does an action. given: its arguments by name, or in the table's order. Raises Refused."""
        with self._lock:
            arguments: Arguments = {}
            try:
                arguments = self._checked(name, given)
                orders = ACTIONS[name].order(
                    self._orders, self._resolved(name, arguments), confirmed=confirmed
                )
            except (Refused, Unconfirmed, ArgumentError) as error:
                refused = _as_refused(error)
                action = name if name in ACTIONS else shown(name)
                self._happened("action", who=who, action=action, arguments=arguments, result=str(refused))
                raise refused from error
            changed, self._orders = orders != self._orders, orders
            self._happened("action", who=who, action=name, arguments=arguments, result="done")
            if changed:
                self._happened("state", **self._state())
            return orders

    def press(self, name: str, *, who: str, now_ns: int) -> str:
        """Does an action, or asks to confirm it by CONFIRM_KEY. What to tell who pressed, or ""."""
        self._unanswered.forget(who)
        try:
            self.act(name, who=who)
        except Refused as error:
            if error.status != CONFLICT:
                return f"{name}: {error}"
            self._unanswered.ask(who, name, now_ns)
            seconds = CONFIRM_WITHIN_NS // NS_PER_S
            return f"{name.upper()} ({ACTIONS[name].help})? Press {CONFIRM_KEY} within {seconds} seconds"
        return self.keymap.help_text() if name == "help" else ""

    def note(self, who: str, what: str, result: str) -> None:
        """Somebody asked for something that is no action, such as to log in with a wrong token."""
        with self._lock:
            self._happened("action", who=who, action=what, arguments={}, result=result)

    def key(self, character: str, *, who: str, now_ns: int) -> str:
        """Does an action by its key, or confirms the one before. What to tell who pressed, or ""."""
        if character.lower() == CONFIRM_KEY:
            name = self._unanswered.confirm(who, now_ns)
            if name is None:
                return ""
            try:
                self.act(name, who=who, confirmed=True)
            except Refused as error:
                return f"{name}: {error}"
            return ""
        action = self.keymap.action_for(character)
        if action is None:
            self._unanswered.forget(who)
            return ""
        return self.press(action, who=who, now_ns=now_ns)

    def tell(self, text: str) -> None:
        """The show has something to say to its operators. Of an alarm they hear what to press, too."""
        alarm = alarm_in(text)
        more = {} if alarm is None else {"hint": hint(alarm, self.keymap.of)}
        with self._lock:
            self._happened("message", text=text, **more)

    def report(self, show: ShowFacts) -> None:
        """What the show is now; told to everybody where it has changed."""
        with self._lock:
            if show != self._show:
                self._show = show
                self._happened("state", **self._state())

    def measure(self, stats: ShowFigures) -> None:
        """The newest figures."""
        with self._lock:
            self._stats = stats
            self._listeners.tell({"type": "stats", "stats": stats})

    def _state(self) -> dict[str, Any]:
        """confirm: the actions that must be confirmed while this state lasts."""
        confirm = [name for name, action in ACTIONS.items() if action.needs_confirmation(self._orders)]
        return {"orders": asdict(self._orders), "show": self._show, "confirm": confirm}

    def _checked(self, name: str, given: Mapping[str, object] | Sequence[object]) -> Arguments:
        action = ACTIONS.get(name)
        if action is None:
            raise Refused(NOT_FOUND, f"there is no action {shown(name)}; there are: {', '.join(ACTIONS)}")
        if name in self._lacking:
            raise Refused(UNPROCESSABLE, self._lacking[name])
        if isinstance(given, Mapping):
            arguments = check_named(action.forms, given)
        else:
            arguments = check_in_order(action.forms, given)
        known = self.choices.get(name)
        if known is not None and "name" in arguments and arguments["name"] not in known:
            raise ArgumentError(
                f"there is no {name} {shown(arguments['name'])}; there are: {', '.join(known)}"
            )
        if known is not None and "name" in arguments and (why := self._barred(name, str(arguments["name"]))):
            raise Refused(UNPROCESSABLE, why)
        if known is not None and float(arguments.get("place", 1)) > len(known):
            raise ArgumentError(f"the show has {len(known)}: {', '.join(known)}")
        return arguments

    def _resolved(self, action: str, arguments: Arguments) -> Arguments:
        if ACTIONS[action].timed:
            arguments = {**arguments, "at_ns": time.monotonic_ns()}
        known = self.choices.get(action)
        if known is None or "name" not in arguments:
            return arguments
        return {**arguments, "name": known[str(arguments["name"])]}

    def _happened(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, "at": datetime.now(UTC).isoformat(timespec="milliseconds"), **fields}
        if self._log is not None:
            self._log.append(event)
        self._listeners.tell(event)


def action_line(event: Event) -> str:
    """An event of type `action`, for people."""
    given = "".join(f" {name}={value}" for name, value in event["arguments"].items())
    return f"{event['who']}: {event['action']}{given}: {event['result']}"


def _as_refused(error: Exception) -> Refused:
    if isinstance(error, Refused):
        return error
    return Refused(CONFLICT if isinstance(error, Unconfirmed) else UNPROCESSABLE, str(error))
