"""Art-Net: which packets are looked at, and what a lighting desk's faders ask for."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.config.control import Control, ControlError
from realtime.config.surfaces import ArtNet
from realtime.control.desk import Desk, Event
from realtime.control.keys import Keymap
from realtime.control.network.metrics import metrics_text
from realtime.control.surfaces.artnet import LOST_S, ArtNetServer, Levers
from realtime.control.surfaces.artnet_messages import Dmx, dmx_of
from realtime.control.surfaces.levers import EVERY_S
from realtime.control.surfaces.mapping import Asked
from realtime.control.surfaces.surfaces import Surfaces
from realtime.transport.orders import Orders
from realtime.transport.telemetry import Totals
from tests.mutations import damaged
from tests.ports import free_port

US = "127.0.0.1"


def packet(*channels: int, universe: int = 0, sequence: int = 0) -> bytes:
    """ArtDmx: the operation's low byte comes first, that of version and length last."""
    head = b"Art-Net\0" + b"\x00\x50" + b"\x00\x0e" + bytes((sequence, 0, universe & 255, universe >> 8))
    return head + len(channels).to_bytes(2, "big") + bytes(channels)


def test_a_packet_is_read() -> None:
    assert dmx_of(packet(1, 2, 255, universe=0x123, sequence=7)) == Dmx(0x123, 7, bytes((1, 2, 255)))
    dmx = dmx_of(packet(0, 51))
    assert dmx is not None
    assert (dmx.level(1), dmx.level(2), dmx.level(3)) == (0.0, 0.2, None)


RIGHT = packet(1, 2, 3, 4)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        RIGHT[:17],
        RIGHT[:-1],
        b"Art-Net\0\x00\x20\x00\x0e\x02\x00",  # ArtPoll
        RIGHT.replace(b"Art", b"Arf"),
        RIGHT[:11] + b"\x0d" + RIGHT[12:],
        RIGHT[:16] + b"\x00\x00" + RIGHT[18:],
        RIGHT[:16] + b"\xff\xff" + RIGHT[18:],
    ],
)
def test_other_packets_are_none(data: bytes) -> None:
    assert dmx_of(data) is None


@given(draw=st.data())
def test_damaged_packets_are_none_or_within_bounds(draw: st.DataObject) -> None:
    dmx = dmx_of(damaged(RIGHT, draw) if draw.draw(st.booleans()) else draw.draw(st.binary(max_size=600)))
    if dmx is not None:
        assert 0 <= dmx.universe <= 32767
        assert 1 <= len(dmx.channels) <= 512


def levers(**settings: object) -> Levers:
    return Levers(ArtNet.model_validate(settings))


def dmx(*channels: int, universe: int = 0, sequence: int = 0) -> Dmx:
    return Dmx(universe, sequence, bytes(channels))


def test_switches_ask_as_they_go_up_and_down() -> None:
    desk = levers(confirm=True)
    asked = [desk.hear(US, dmx(*each, 0), 0.0) for each in ((0, 0), (255, 0), (140, 0), (130, 0), (0, 0))]
    assert asked == [[], [Asked("take", (), True)], [], [], [Asked("fallback")]]
    assert [desk.hear(US, dmx(0, each, 0), 0.0) for each in (120, 160, 255, 0)] == [
        [],
        [Asked("slate")],
        [],
        [],
    ], "what goes down does not take the slate away"
    assert levers().hear(US, dmx(0, 0, 0), 0.0) == []


def test_take_is_not_confirmed_unless_the_show_file_says_so() -> None:
    desk = levers()
    desk.hear(US, dmx(0, 0, 0), 0.0)
    assert desk.hear(US, dmx(255, 0, 0), 0.0) == [Asked("take", (), False)]


def test_where_faders_stand_at_first_or_after_a_lost_signal_asks_for_nothing() -> None:
    desk = levers()
    assert desk.hear(US, dmx(255, 255, 255), 0.0) == []
    assert desk.fade(0.0) is None
    assert desk.hear(US, dmx(0, 255, 255), 1.0) == [Asked("fallback")]
    later_s = 1.0 + LOST_S + 0.1
    assert desk.hear(US, dmx(255, 0, 0), later_s) == [], "the signal was lost in between"
    assert desk.fade(later_s) is None
    assert desk.hear(US, dmx(0, 0, 0), later_s + 1) == [Asked("fallback")]


def test_the_third_channel_is_how_long_fades_take() -> None:
    desk = levers(channel=10)
    desk.hear(US, dmx(*[0] * 12), 0.0)
    desk.hear(US, dmx(*[0] * 11, 51), 1.0)
    assert desk.fade(1.0) == Asked("fade-length", (1.0,))
    desk.hear(US, dmx(*[0] * 11, 52), 2.0)
    assert desk.fade(2.0) is None, "it trembles"
    desk.hear(US, dmx(*[0] * 11, 255), 2.0)
    assert desk.fade(2.0) == Asked("fade-length", (5.0,))


def test_what_is_not_looked_at() -> None:
    desk = levers(universe=1)
    assert desk.hear(US, dmx(0, 0, 0, universe=0), 0.0) is None, "another universe"
    assert desk.hear(US, dmx(0, 0, universe=1), 0.0) is None, "too short"
    assert desk.hear(US, dmx(0, 0, 0, universe=1, sequence=250), 0.0) == []
    assert desk.hear("10.0.0.2", dmx(255, 0, 0, universe=1), 0.0) is None, "a second sender"
    assert desk.hear(US, dmx(255, 0, 0, universe=1, sequence=249), 0.0) is None, "overtaken"
    assert desk.hear(US, dmx(255, 0, 0, universe=1, sequence=3), 0.0) == [Asked("take")]
    assert desk.hear("10.0.0.2", dmx(0, 0, 0, universe=1), LOST_S + 1) == [], "the first one is gone"


def test_only_the_senders_of_the_show_file_are_heard() -> None:
    desk = Desk(Orders(), Keymap(), {})
    events: list[Event] = []
    desk.listen(events.append)
    server = ArtNetServer(desk, ArtNet(senders=("10.0.0.0/24",)))
    for sender in ("127.0.0.1", "10.0.1.1", "::1", "nowhere"):
        for level in (0, 255):
            server.datagram_received(packet(0, level, 0), (sender, 6454))
    assert not desk.orders.slate
    assert server.ignored == {"of strangers": 8}
    assert [event["result"] for event in events] == ["ignored so far: 1 of strangers"], "not a line for each"
    for level in (0, 255):
        server.datagram_received(packet(0, level, 0), ("10.0.0.200", 6454))
    server.asker.wait()
    assert desk.orders.slate
    assert events[1]["who"] == "artnet 10.0.0.200"


def test_what_was_ignored_is_a_metric() -> None:
    desk = Desk(Orders(), Keymap(), {})
    text = metrics_text(Totals(), desk.state(), {"artnet": {"of strangers": 8}, "osc": {"malformed": 1}})
    assert b'dancecam_artnet_ignored_total{reason="of strangers"} 8.0' in text
    assert b'dancecam_osc_ignored_total{reason="malformed"} 1.0' in text


def test_an_art_net_port_that_is_taken_is_one_line() -> None:
    desk = Desk(Orders(), Keymap(), {})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        surfaces = Surfaces(desk, Control(artnet=ArtNet(port=port)))
        with pytest.raises(ControlError, match=f"Art-Net .*127.0.0.1:{port} .*in use.*control.artnet.port"):
            asyncio.run(surfaces.start())
        surfaces.close()


def test_a_lighting_desk_over_the_network() -> None:
    """A fader that moves all the time is asked for now and then, and where it stands at last."""
    desk = Desk(Orders(), Keymap(), {})
    fades: list[float] = []
    desk.listen(lambda event: fades.append(event["orders"]["fade_s"]) if event["type"] == "state" else None)
    port = free_port(socket.SOCK_DGRAM)

    async def show() -> None:
        server = ArtNetServer(desk, ArtNet(port=port, confirm=True))
        await server.start()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for n in range(101):
                out.sendto(packet(255 * (n > 50), 0, 2 * n, sequence=n + 1), ("127.0.0.1", port))
                await asyncio.sleep(0.002)
            deadline = time.monotonic() + 60
            while desk.orders.fade_s != round(5 * 200 / 255, 2):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
        server.close()

    started_s = time.monotonic()
    asyncio.run(show())
    took_s = time.monotonic() - started_s
    assert desk.orders.taken
    assert len(fades) <= 2 + took_s / EVERY_S, "the first one, one each EVERY_S, and what TAKE has changed"
