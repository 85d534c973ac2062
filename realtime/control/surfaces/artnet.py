"""Art-Net: a lighting desk's faders for TAKE, SLATE and the length of fades, over UDP.

Three channels of one universe. A switch that goes up does something, and so does one that goes down; where it
stands at first does nothing. So neither the start of the show, nor of the lighting desk, nor a signal that is
lost or comes back changes what is on air.

DMX knows no token and the sender's address can be forged: only the senders of the show file are heard, on
loopback unless the show file says otherwise. Nothing is ever sent back.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Iterator

from realtime.config.hosts import parsed
from realtime.config.surfaces import ArtNet
from realtime.control.actions import ACTIONS
from realtime.control.desk import AnyDesk
from realtime.control.surfaces.artnet_messages import Dmx, dmx_of
from realtime.control.surfaces.levers import Fader, Switch
from realtime.control.surfaces.mapping import Asked
from realtime.control.surfaces.surface import Asker, Ignored

LOST_S = 4.0
"""After so long without a packet the signal was lost, and where the faders stand next is where they stand at
first. Lighting desks repeat what does not change about once a second."""

FADE_S = ACTIONS["fade-length"].forms[0][0]
TAKE, SLATE, FADE = range(3)
"""Which of the three channels."""

Address = tuple[str, int]


class Levers:
    """From the universe's channels to what they ask for. Pure: time, in seconds, is an argument."""

    def __init__(self, settings: ArtNet) -> None:
        self._settings = settings
        self._take, self._slate, self._fade = Switch(None), Switch(None), Fader()
        self._from = ""
        self._sequence = 0
        self._heard_s = 0.0

    def hear(self, sender: str, dmx: Dmx, now_s: float) -> list[Asked] | None:
        """What a packet asks for at once; `fade` has the rest. None for one that is not looked at: of another
        universe, too short, overtaken by a newer one, or of a second sender."""
        shares = [dmx.level(self._settings.channel + n) for n in (TAKE, SLATE, FADE)]
        if dmx.universe != self._settings.universe or any(share is None for share in shares):
            return None
        take, slate, fade = (float(share or 0) for share in shares)
        is_first = not self._from or now_s - self._heard_s > LOST_S
        if not is_first and (sender != self._from or self._is_late(dmx.sequence)):
            return None
        self._from, self._sequence, self._heard_s = sender, dmx.sequence, now_s
        if is_first:
            self._take, self._slate = Switch(None), Switch(None)
            self._fade.settle(fade)
        self._fade.move(fade)
        return list(self._turned(take, slate))

    def _turned(self, take: float, slate: float) -> Iterator[Asked]:
        turned = self._take.turn(take)
        if turned is not None:
            yield Asked("take", (), self._settings.confirm) if turned else Asked("fallback")
        if self._slate.turn(slate):
            yield Asked("slate")

    def _is_late(self, sequence: int) -> bool:
        """Whether a packet was overtaken; a sequence of 0 is not counted."""
        return bool(sequence and self._sequence) and not 0 < (sequence - self._sequence) % 255 < 128

    def fade(self, now_s: float) -> Asked | None:
        """The length of fades to ask for now."""
        share = self._fade.take(now_s)
        if share is None:
            return None
        return Asked("fade-length", (round(FADE_S.low + share * (FADE_S.high - FADE_S.low), 2),))

    def wait_s(self, now_s: float) -> float | None:
        """In how many seconds `fade` asks for something; None: not before the next packet."""
        return self._fade.wait_s(now_s)


class ArtNetServer(asyncio.DatagramProtocol):
    """Hears ArtDmx packets. ignored: packets that were not looked at, by cause."""

    def __init__(self, desk: AnyDesk, settings: ArtNet) -> None:
        self._settings = settings
        self.asker = Asker(desk, "artnet")
        self._senders = [ipaddress.ip_network(sender) for sender in settings.senders]
        self._levers = Levers(settings)
        self._transport: asyncio.DatagramTransport | None = None
        self._later: asyncio.TimerHandle | None = None
        self._ignored = Ignored(desk, "artnet")
        self.ignored = self._ignored.counts

    async def start(self) -> None:
        """Raises OSError where the port is taken."""
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=(self._settings.host, self._settings.port)
        )

    def close(self) -> None:
        self.asker.close()
        if self._later is not None:
            self._later.cancel()
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        sender = parsed(addr[0])
        if sender is None or not any(sender in network for network in self._senders):
            self._ignored.add("of strangers", addr[0])
            return
        dmx = dmx_of(data)
        if dmx is None:
            self.ignored["no dmx"] += 1  # desks send much else, such as ArtPoll
            return
        asked = self._levers.hear(str(sender), dmx, time.monotonic())
        if asked is None:
            self.ignored["not ours"] += 1
            return
        for each in asked:
            self.asker.ask(each, f"artnet {sender}")
        self._fade(f"artnet {sender}")

    def _fade(self, who: str) -> None:
        """Now, or later where it is too early."""
        now_s = time.monotonic()
        asked = self._levers.fade(now_s)
        if asked is not None:
            self.asker.ask(asked, who)
        wait_s = self._levers.wait_s(now_s)
        if wait_s is not None and self._later is None:
            self._later = asyncio.get_running_loop().call_later(wait_s, self._again, who)

    def _again(self, who: str) -> None:
        self._later = None
        self._fade(who)
