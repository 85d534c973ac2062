"""OSC: every action at /dancecam/<action>, over UDP. https://opensoundcontrol.stanford.edu/spec-1_0.html

It knows no token, so it is heard on loopback only, unless the show file says otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket, ParseError

from realtime.control.actions import ACTIONS
from realtime.control.arguments import forms_text
from realtime.control.desk import Desk, Refused

ROOT = "/dancecam"
CONFIRM = "confirm"
"""As the last argument it confirms a risky action."""

Address = tuple[str, int]


class OscServer(asyncio.DatagramProtocol):
    """Answers each message to where it came from.

    - `/dancecam`: lists itself: a message for each address, with its arguments and its help.
    - `/dancecam/<action>`, with the action's arguments in the table's order: `/dancecam/done` with the
      action's name, or `/dancecam/refused` with the name and the reason.
    """

    def __init__(self, desk: Desk, host: str, port: int) -> None:
        self._desk = desk
        self._address = (host, port)
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Raises OSError where the port is taken."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=self._address)

    def close(self) -> None:
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
        confirmed = bool(given) and given[-1] == CONFIRM
        try:
            self._desk.act(
                name, given[:-1] if confirmed else given, who=f"osc {sender[0]}", confirmed=confirmed
            )
        except Refused as error:
            self._answer(sender, "refused", name, str(error))
        else:
            self._answer(sender, "done", name)

    def _answer(self, to: Address, address: str, *values: str) -> None:
        builder = OscMessageBuilder(f"{ROOT}/{address}")
        for value in values:
            builder.add_arg(value)
        if self._transport is not None:
            self._transport.sendto(builder.build().dgram, to)
