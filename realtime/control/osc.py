"""OSC: every action at /dancecam/<action>, over UDP. https://opensoundcontrol.stanford.edu/spec-1_0.html

Whoever subscribes is told what others do and what is on air; UDP has no goodbye, so a subscription ends
unless it is renewed.

It knows no token, so it is heard on loopback only, unless the show file says otherwise.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket, ParseError

from realtime.control.actions import ACTIONS
from realtime.control.arguments import forms_text
from realtime.control.desk import Desk, Event, Refused

ROOT = "/dancecam"
CONFIRM = "confirm"
"""As the last argument it confirms a risky action."""

SUBSCRIBE = "subscribe"
SUBSCRIBED_S = 60.0
MOST_SUBSCRIBERS = 16

Address = tuple[str, int]


class OscServer(asyncio.DatagramProtocol):
    """Answers each message to where it came from.

    - `/dancecam`: lists itself: a message for each address, with its arguments and its help.
    - `/dancecam/<action>`, with the action's arguments in the table's order: `/dancecam/done` with the
      action's name, or `/dancecam/refused` with the name and the reason.
    - `/dancecam/subscribe`: for SUBSCRIBED_S from now on, `/dancecam/state` with the programme's state and
      its reason, at once and whenever they change, and `/dancecam/action` with name, who, and result.
    """

    def __init__(self, desk: Desk, host: str, port: int) -> None:
        self._desk = desk
        self._address = (host, port)
        self._transport: asyncio.DatagramTransport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_listening: Callable[[], None] = lambda: None
        self._until: dict[Address, float] = {}
        self._told: tuple[str, str] = ("", "")

    async def start(self) -> None:
        """Raises OSError where the port is taken."""
        self._loop = asyncio.get_running_loop()
        self._transport, _ = await self._loop.create_datagram_endpoint(lambda: self, local_addr=self._address)
        self._stop_listening = self._desk.listen(self._happened)

    def close(self) -> None:
        self._stop_listening()
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """A packet: a message, or a bundle, whose messages are done at once whatever their time says."""
        try:
            messages = [timed.message for timed in OscPacket(data).messages]
        except ParseError as error:
            self._answer(addr, "refused", "", f"this is no OSC packet: {error}")
            return
        for message in messages:
            self._asked(addr, message.address, list(message))

    def error_received(self, exc: Exception) -> None:
        """A client has gone before its answer came: nothing is lost."""

    def _asked(self, sender: Address, address: str, given: Sequence[object]) -> None:
        if address.rstrip("/") == ROOT:
            for name, action in ACTIONS.items():
                self._answer(sender, name, forms_text(action.forms), action.help)
            return
        name = address.removeprefix(f"{ROOT}/")
        if name == SUBSCRIBE:
            self._subscribe(sender)
            return
        confirmed = bool(given) and given[-1] == CONFIRM
        try:
            self._desk.act(
                name, given[:-1] if confirmed else given, who=f"osc {sender[0]}", confirmed=confirmed
            )
        except Refused as error:
            self._answer(sender, "refused", name, str(error))
        else:
            self._answer(sender, "done", name)

    def _subscribe(self, sender: Address) -> None:
        now_s = time.monotonic()
        self._until = {address: until_s for address, until_s in self._until.items() if until_s > now_s}
        if sender not in self._until and len(self._until) >= MOST_SUBSCRIBERS:
            self._answer(sender, "refused", SUBSCRIBE, f"{MOST_SUBSCRIBERS} are subscribed already")
            return
        self._until[sender] = now_s + SUBSCRIBED_S
        self._answer(sender, "state", *_state_of(self._desk.state()))

    def _happened(self, event: Event) -> None:
        """In the thread of whoever caused it."""
        if self._loop is not None and self._until and event["type"] in ("action", "state"):
            self._loop.call_soon_threadsafe(self._tell, event)

    def _tell(self, event: Event) -> None:
        if event["type"] == "action":
            message = ["action", event["action"], event["who"], event["result"]]
        elif self._told != (told := _state_of(event)):
            self._told = told
            message = ["state", *told]
        else:
            return
        now_s = time.monotonic()
        for subscriber, until_s in self._until.items():
            if until_s > now_s:
                self._answer(subscriber, *message)

    def _answer(self, to: Address, address: str, *values: str) -> None:
        builder = OscMessageBuilder(f"{ROOT}/{address}")
        for value in values:
            builder.add_arg(value)
        if self._transport is not None:
            self._transport.sendto(builder.build().dgram, to)


def _state_of(state: Event) -> tuple[str, str]:
    return str(state["show"].get("state", "")), str(state["show"].get("reason", ""))
