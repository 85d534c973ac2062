"""OSC: every action at /dancecam/<action>, over UDP; `osc_messages` says what is understood.

Whoever subscribes is told what others do and what is on air; UDP has no goodbye, so a subscription ends
unless it is renewed.

It knows no token, so it is heard on loopback only, unless the show file says otherwise. The sender's address
can be forged there: what is sent back is little, and what is heard is bounded.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from pythonosc.osc_message_builder import OscMessageBuilder

from realtime.config.hosts import is_loopback
from realtime.config.surfaces import OSC_ROOT as ROOT
from realtime.control.actions import ACTIONS
from realtime.control.arguments import forms_text
from realtime.control.budget import Budget, Budgets
from realtime.control.desk import AnyDesk, Event
from realtime.control.surfaces.mapping import Binding
from realtime.control.surfaces.osc_messages import MalformedError, asked, asked_by, messages
from realtime.control.surfaces.surface import Asker, Ignored
from realtime.transport.texts import LONGEST_SHOWN

SUBSCRIBE, FEEDBACK = "subscribe", "feedback"
SUBSCRIBED_S = 60.0
MOST_SUBSCRIBERS = 16

DONE, REFUSED, STATE, ACTION = "done", "refused", "state", "action"
ANSWERS = frozenset(f"{ROOT}/{name}" for name in (DONE, REFUSED, STATE, ACTION))
"""Addresses of answers. They are never answered, or two shows could answer each other for ever."""

MESSAGES, MESSAGES_PER_S = 200, 100
"""How many messages one sender may send at once, and a second."""

ALL_MESSAGES, ALL_MESSAGES_PER_S = 800, 400
"""The same for all senders beyond this machine."""

MOST_SENDERS = 64

ANSWER_BYTES, ANSWER_BYTES_PER_S = 8192, 4096
"""What is sent beyond this machine, at once and a second, to everybody together."""

Address = tuple[str, int]


class OscServer(asyncio.DatagramProtocol):
    """Answers each message to where it came from.

    - `/dancecam`: lists itself: a message for each address, with its arguments and its help; to this machine
      and to subscribers.
    - `/dancecam/<action>`, with the action's arguments in the table's order: `/dancecam/done` with the
      action's name, or `/dancecam/refused` with the name and the reason.
    - `/dancecam/subscribe`: for SUBSCRIBED_S from now on, `/dancecam/state` with the programme's state and
      its reason, at once and whenever they change, and `/dancecam/action` with name, who, and result.
    - `/dancecam/feedback`: all of `OscFeedback`, to where the show file says.
    - an address of the show file: answered like the action that it stands for.

    ignored: packets and messages that were not looked at, by cause.
    """

    def __init__(
        self,
        desk: AnyDesk,
        host: str,
        port: int,
        own: Mapping[str, Binding] = MappingProxyType({}),
        feed_back: Callable[[], None] = lambda: None,
    ) -> None:
        """own: the show file's addresses (`mapping.osc_bindings`). feed_back: called when somebody asks for
        all feedback."""
        self._desk = desk
        self._own = own
        self._feed_back = feed_back
        self._address = (host, port)
        self._transport: asyncio.DatagramTransport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_listening: Callable[[], None] = lambda: None
        self._until: dict[Address, float] = {}
        self._told: tuple[str, str] = ("", "")
        self._heard = Budgets(MESSAGES, MESSAGES_PER_S, MOST_SENDERS)
        self._all_heard = Budget(ALL_MESSAGES, ALL_MESSAGES_PER_S)
        self._answers = Budget(ANSWER_BYTES, ANSWER_BYTES_PER_S)
        self.asker = Asker(desk, "osc")
        self._ignored = Ignored(desk, "osc")
        self.ignored = self._ignored.counts

    async def start(self) -> None:
        """Raises OSError where the port is taken."""
        self._loop = asyncio.get_running_loop()
        self._transport, _ = await self._loop.create_datagram_endpoint(lambda: self, local_addr=self._address)
        self._stop_listening = self._desk.listen(self._happened)

    def close(self) -> None:
        self._stop_listening()
        self.asker.close()
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """A packet: a message, or a bundle, whose messages are done at once whatever their time says."""
        if not self._has_room(addr):
            self._ignored.add("too many", addr[0])
            return
        try:
            heard = messages(data)
        except MalformedError:
            self._ignored.add("malformed", addr[0])
            return
        for n, (address, given) in enumerate(heard):
            if n and not self._has_room(addr):
                self._ignored.add("too many", addr[0])
            elif address not in self._own and not _is_ours(address):
                self.ignored["not ours"] += 1  # a controller says much that is meant for others
            else:
                self._asked(addr, address, given)

    def _has_room(self, sender: Address) -> bool:
        now_s = time.monotonic()
        if not self._heard.of(sender[0]).take(1, now_s):
            return False
        return is_loopback(sender[0]) or self._all_heard.take(1, now_s)

    def error_received(self, exc: Exception) -> None:
        """A client has gone before its answer came: nothing is lost."""

    def _asked(self, sender: Address, address: str, given: Sequence[object]) -> None:
        if address.rstrip("/") == ROOT:
            if is_loopback(sender[0]) or self._until.get(sender, 0.0) > time.monotonic():
                for name, action in ACTIONS.items():
                    self._answer(sender, name, forms_text(action.forms), action.help)
            return
        if address == f"{ROOT}/{SUBSCRIBE}":
            self._subscribe(sender, given)
            return
        if address == f"{ROOT}/{FEEDBACK}":
            self._feed_back()
            return
        own = self._own.get(address)
        order = asked(address, given) if own is None else asked_by(own, given)
        if order is None:
            return
        if not self.asker.ask(order, f"osc {sender[0]}", partial(self._done, sender, order.name)):
            self._ignored.add("too many", sender[0])

    def _done(self, sender: Address, name: str, refused: str) -> None:
        """In the asker's thread."""
        if self._loop is None or self._loop.is_closed():
            return
        answer = (REFUSED, name[:LONGEST_SHOWN], refused) if refused else (DONE, name)
        self._loop.call_soon_threadsafe(self._answer, sender, *answer)

    def _subscribe(self, sender: Address, given: Sequence[object]) -> None:
        """A button that is let go asks for nothing."""
        if given and not given[0]:
            return
        now_s = time.monotonic()
        self._until = {address: until_s for address, until_s in self._until.items() if until_s > now_s}
        if sender not in self._until and len(self._until) >= MOST_SUBSCRIBERS:
            self._answer(sender, REFUSED, SUBSCRIBE, f"{MOST_SUBSCRIBERS} are subscribed already")
            return
        self._until[sender] = now_s + SUBSCRIBED_S
        self._answer(sender, STATE, *_state_of(self._desk.state()))

    def _happened(self, event: Event) -> None:
        """In the thread of whoever caused it."""
        if self._loop is not None and self._until and event["type"] in ("action", "state"):
            self._loop.call_soon_threadsafe(self._tell, event)

    def _tell(self, event: Event) -> None:
        if event["type"] == "action":
            message = [ACTION, event["action"], event["who"], event["result"]]
        elif self._told != (told := _state_of(event)):
            self._told = told
            message = [STATE, *told]
        else:
            return
        now_s = time.monotonic()
        for subscriber, until_s in self._until.items():
            if until_s > now_s:
                self._answer(subscriber, *message)

    def _answer(self, to: Address, address: str, *values: str) -> None:
        """Sends it, unless too much was sent beyond this machine a moment ago."""
        builder = OscMessageBuilder(f"{ROOT}/{address}")
        for value in values:
            builder.add_arg(value)
        data = builder.build().dgram
        if not is_loopback(to[0]) and not self._answers.take(len(data), time.monotonic()):
            self.ignored["not answered"] += 1
        elif self._transport is not None:
            self._transport.sendto(data, to)


def _is_ours(address: str) -> bool:
    return address not in ANSWERS and f"{address}/".startswith(f"{ROOT}/")


def _state_of(state: Event) -> tuple[str, str]:
    return str(state["show"].get("state", "")), str(state["show"].get("reason", ""))
