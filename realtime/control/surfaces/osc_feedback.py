"""OSC feedback: the show's state, sent to where a controller listens.

Controllers such as TouchOSC, QLab and Companion listen on a port of their own, whoever they send to. So the
show file names one. What is sent: everything at first, what changes at once, and everything again now and
then, since UDP may lose it, and when somebody asks for it (`/dancecam/feedback`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pythonosc.osc_message_builder import OscMessageBuilder

from realtime.config.hosts import is_loopback
from realtime.config.surfaces import OSC_ROOT as ROOT
from realtime.config.surfaces import OscFeedback
from realtime.control.desk import AnyDesk, Event
from realtime.control.surfaces.lamps import lamps

AGAIN_S = 1.0
"""All is sent so often at most, however often it is asked for: who asks is not who is sent to."""

Message = tuple[str, tuple[str | float, ...]]
"""An address below ROOT, and its arguments."""


def fed_back(state: Mapping[str, Any]) -> Iterator[Message]:
    """Everything that is sent. state: as `Desk.state` has it. Flags are 1.0 and 0.0, as controllers send
    them."""
    orders, show, stats = state["orders"], state["show"], state["stats"]
    yield "state", (str(show.get("state", "")), str(show.get("reason", "")))
    yield "on-air", (float(bool(show.get("on_air"))),)
    for name, is_on in lamps(orders).items():
        yield f"{name}/on", (float(is_on),)
    for name, is_on in orders["layers"].items():
        yield "layer/on", (str(name), float(is_on))
    yield "fade-length", (float(orders["fade_s"]),)
    yield "delay", (float(orders["delay_s"]),)
    yield "fan-name", (str(orders["fan_name"]),)
    for address, fact in (
        ("player", "player"),
        ("dances", "dances"),
        ("fan", "fan"),
        ("camera", "camera_name"),
        ("background", "background"),
        ("dancer-rule", "dancer_rule"),
    ):
        yield address, (str(show.get(fact, "")),)
    for address, figure in (("latency", "latency_ms"), ("fps", "fps")):
        if stats.get(figure) is not None:
            yield address, (float(stats[figure]),)


def packet(message: Message) -> bytes:
    """A message as bytes; numbers are floats of 32 bits."""
    builder = OscMessageBuilder(f"{ROOT}/{message[0]}")
    for value in message[1]:
        builder.add_arg(value)
    return builder.build().dgram


class FeedbackSender(asyncio.DatagramProtocol):
    """Sends it. `ask` may be called in the loop's thread alone."""

    def __init__(self, desk: AnyDesk, settings: OscFeedback) -> None:
        self._desk, self._to, self._every_s = desk, (settings.host, settings.port), settings.every_s
        self._transport: asyncio.DatagramTransport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stop_listening: Callable[[], None] = lambda: None
        self._is_due = False
        self._sent: dict[Message, None] = {}
        self._all_s = float("-inf")

    async def start(self) -> None:
        """Raises OSError where there is no socket to send from."""
        self._loop = asyncio.get_running_loop()
        is_ipv6 = ":" in self._to[0]
        nearby, anywhere = ("::1", "::") if is_ipv6 else ("127.0.0.1", "0.0.0.0")  # noqa: S104  # nothing is heard
        local = nearby if is_loopback(self._to[0]) else anywhere
        self._transport, _ = await self._loop.create_datagram_endpoint(lambda: self, local_addr=(local, 0))
        self._stop_listening = self._desk.listen(self._happened)
        self._repeat()

    def close(self) -> None:
        self._stop_listening()
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()

    def ask(self) -> None:
        """Sends all, unless it was a moment ago."""
        now_s = time.monotonic()
        if now_s - self._all_s >= AGAIN_S:
            self._all_s = now_s
            self._sent = {}
            self._send()

    def error_received(self, exc: Exception) -> None:
        """Nobody listens, or the network is gone: it is sent again soon."""

    def _repeat(self) -> None:
        self.ask()
        if self._loop is not None:
            self._timer = self._loop.call_later(self._every_s, self._repeat)

    def _happened(self, event: Event) -> None:
        """In the thread of whoever caused it. A change that comes before the last one was sent is sent with
        it."""
        if event["type"] in ("state", "stats") and self._loop is not None and not self._is_due:
            self._is_due = True
            self._loop.call_soon_threadsafe(self._send)

    def _send(self) -> None:
        """Sends what was not sent as it is."""
        self._is_due = False
        messages = dict.fromkeys(fed_back(self._desk.state()))
        for message in messages:
            if message not in self._sent and self._transport is not None:
                self._transport.sendto(packet(message), self._to)
        self._sent = messages
