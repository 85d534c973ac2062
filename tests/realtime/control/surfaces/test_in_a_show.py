"""All control surfaces of a running show, each in its own process: what they send reaches the programme."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from realtime.config.control import Control
from realtime.config.outputs import WebRtc
from realtime.config.surfaces import ArtNet, Midi, OscAddress, OscFeedback
from realtime.supervise.supervisor import Supervisor
from tests.ports import free_port
from tests.realtime.control.surfaces.test_artnet import packet
from tests.realtime.fakes import Heard, fake_nets, fake_show
from tests.realtime.test_show_runs import in_background, wait_for


def osc(address: str, *values: float) -> bytes:
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build().dgram


def test_a_show_is_run_from_a_lighting_desk_and_by_osc(tmp_path: Path) -> None:
    osc_port, artnet_port = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
    while artnet_port == osc_port:
        artnet_port = free_port(socket.SOCK_DGRAM)
    controller = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    controller.bind(("127.0.0.1", 0))
    controller.settimeout(120)
    control = Control(
        token="a-token-of-a-test",
        osc_port=osc_port,
        osc_map=(OscAddress(address="/cue/7/start", action="take", confirm=True),),
        osc_feedback=OscFeedback(port=controller.getsockname()[1], every_s=1),
        artnet=ArtNet(port=artnet_port, universe=2),
        midi=Midi(port="no such controller"),
    )
    show, player = fake_show(tmp_path, webrtc=WebRtc(port=free_port()), control=control)
    heard = Heard()
    supervisor = Supervisor(show, player, fake_nets, heard)

    def send(data: bytes, port: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(data, ("127.0.0.1", port))

    def until(address: str, is_meant: Callable[[list[object]], bool]) -> None:
        """What is fed back, until it says so."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            message = OscMessage(controller.recv(65536))
            if message.address == address and is_meant(list(message)):
                return
        raise AssertionError(f"{address} never said so")

    def steps() -> None:
        until("/dancecam/on-air", lambda said: said == [1.0])
        for level in (0, 255):
            send(packet(0, level, 0, universe=2), artnet_port)
        until("/dancecam/slate/on", lambda said: said == [1.0])
        until("/dancecam/state", lambda said: said[0] == "SLATE")
        send(osc("/cue/7/start", 1.0), osc_port)
        until("/dancecam/slate/on", lambda said: said == [0.0])
        until("/dancecam/state", lambda said: said[0] == "LIVE")
        for fade in (0, 51):  # where it stands first: the signal may have been lost meanwhile
            send(packet(0, 255, fade, universe=2), artnet_port)
        until("/dancecam/fade-length", lambda said: said == [1.0])
        supervisor.act("mirror")
        until("/dancecam/mirror/on", lambda said: said == [1.0])
        wait_for(lambda: any(line.startswith("midi no such controller: midi: ") for line in heard.lines))

    with closing(controller):
        errors = in_background(supervisor, steps)
        supervisor.run()
    assert not errors, (errors, heard.lines)
    lines = "\n".join(heard.lines)
    assert "artnet 127.0.0.1: slate: done" in lines
    assert "osc 127.0.0.1: take: done" in lines
    assert "midi no such controller: midi: " in lines, "where it is missing, the rest runs"
    assert supervisor.report()["restarts"] == {}
