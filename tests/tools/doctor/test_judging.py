"""What each check makes of what it finds."""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engines.pack.manifest import PackManifest
from engines.pack.rights import Rights
from engines.plans.machine import Gpu
from realtime.cameras.camera_name import CaptureError
from realtime.config.outputs import Ndi, Recorder, WebRtc
from realtime.config.show import Capture, Show, TwoMachines, check_show
from realtime.config.surfaces import ArtNet
from realtime.performer.duet_pace import DuetPace
from realtime.supervise.rig import Player, rigged
from tests.realtime.control.fake_midi import FakeMidi
from tools.doctor import cameras, computing, duet, machine, network, players, v4l2
from tools.doctor.finding import Case, Finding, Level
from tools.doctor.midi import look_at_midi
from tools.doctor.venue import look_at_venue

OK, WARN, FAIL = Level.OK, Level.WARN, Level.FAIL
FORMATS = {"MJPG": (1920, 1080), "YUYV": (640, 480)}
DRIVER = v4l2.Driver("A camera", captures=True, formats=FORMATS)
SLOW = v4l2.Driver("A", captures=True, formats=FORMATS, exposure_ms=33, fixed_exposure=False, slows_down=True)
VIDEO, HD = Path("/dev/video0"), (1280, 720)
GPU = Gpu("RTX 4070", "8.9", "570.1")
GIB = 1 << 30
ROOT, SSD = Path("/"), Path("/mnt/ssd/recordings")
OWN_HOST = f"127.0.{1 + os.getpid() // 250 % 250}.{1 + os.getpid() % 250}"
"""An address of this machine on which no other program takes a port that was free a moment ago."""


@pytest.mark.parametrize(
    ("finding", "level", "words"),
    [
        (cameras.judge(VIDEO, DRIVER, 30.0, "MJPG", HD), OK, "1280x720 MJPG, 30.0 pictures a second"),
        (cameras.judge(VIDEO, DRIVER, 30.0, "MJPG", HD), OK, "offers MJPG to 1920x1080, YUYV to 640x480"),
        (cameras.judge(VIDEO, DRIVER, 15.0, "MJPG", HD), WARN, "more light"),
        (cameras.judge(VIDEO, DRIVER, 10.0, "YUYV", HD), WARN, "USB"),
        (cameras.judge(VIDEO, SLOW, 30.0, "MJPG", HD), WARN, "exposure 33 ms by itself"),
        (cameras.judge(VIDEO, SLOW, 30.0, "MJPG", HD), WARN, "in the dark it slows down"),
        (computing.judge_gpu(GPU, "auto", has_tool=True), OK, "RTX 4070, compute capability 8.9"),
        (computing.judge_gpu(None, "auto", has_tool=False), OK, "CPU cores"),
        (computing.judge_gpu(None, "auto", has_tool=True), WARN, "nvidia-smi finds no GPU"),
        (computing.judge_gpu(None, "tensorrt", has_tool=False), FAIL, "the show wants tensorrt"),
        (duet.judge_duet(DuetPace(30.0, 24.0, 30.0)), OK, "about 24 new pictures a second here, 30 with one"),
        (duet.judge_duet(DuetPace(24.0, 12.0, 30.0)), WARN, "about 12 new pictures a second, 24 with one"),
        (machine.judge_recordings(Path("r"), 100 * GIB, 12_000_000, ROOT), OK, "room for 19."),
        (machine.judge_recordings(Path("r"), 10 * GIB, 12_000_000, ROOT), WARN, "a whole evening"),
        (machine.judge_recordings(Path("r"), 1 << 28, 12_000_000, ROOT), FAIL, "no recording begins"),
        (machine.judge_recordings(SSD, 100 * GIB, 12_000_000, ROOT), WARN, "on the disk of /"),
        (machine.judge_recordings(SSD, 100 * GIB, 12_000_000, SSD.parent), OK, "room for 19."),
        (machine.judge_room("the show log", Path("l"), 1 << 20, GIB), WARN, "make room"),
        (machine.judge_room("the show log", Path("l"), 2 * GIB, GIB), OK, "2.0 GB free"),
        (machine.judge_shared_memory(64 << 20, 64 << 20, 70 << 20), FAIL, "remount"),
        (machine.judge_shared_memory(64 << 20, 64 << 20, 60 << 20), WARN, "remount"),
        (machine.judge_shared_memory(GIB, GIB, 60 << 20), OK, "the show takes 60"),
        (machine.judge_clock("NTPSynchronized=yes\nNTP=yes", ""), OK, "synchronised"),
        (machine.judge_clock("", "Leap status     : Normal"), OK, "synchronised"),
        (machine.judge_clock("NTPSynchronized=no\nNTP=no", ""), WARN, "set-ntp true"),
        (
            machine.judge_clock("NTPSynchronized=no\nNTP=yes", "Leap status : Not synchronised"),
            WARN,
            "not sync",
        ),
        (machine.judge_clock("", ""), WARN, "neither timedatectl nor chrony"),
        (machine.judge_slate(["Jones", "Zoë"]), WARN, "Zoë"),
        (machine.judge_slate(["Jones"]), OK, "every player"),
        (machine.judge_fonts("", 0), WARN, "no fonts"),
        (machine.judge_fonts("DejaVu Sans", 0), OK, "DejaVu Sans"),
        (network.judge_interfaces({"lo": ["127.0.0.1"]}, wanted=True), FAIL, "no interface"),
        (network.judge_interfaces({"lo": ["127.0.0.1"]}, wanted=False), OK, "the show needs none"),
        (network.judge_interfaces({"eth0": ["10.0.0.7"]}, wanted=True), OK, "eth0 10.0.0.7"),
        (network.judge_multicast("no route", wanted=True), WARN, "ip route add"),
        (network.judge_multicast("no route", wanted=False), OK, "the show needs none"),
        (network.judge_multicast("", wanted=True), OK, "has a route"),
        (network.judge_ndi(wanted=True, installed=False), FAIL, "pip install cyndilib"),
        (network.judge_ndi(wanted=True, installed=True), OK, "there"),
        (network.judge_page(WebRtc(port=0)), OK, "no page"),
        (network.judge_page(WebRtc()), OK, "this machine alone"),
        (network.judge_page(WebRtc(host="0.0.0.0")), WARN, "without TLS"),  # noqa: S104
        (network.judge_osc("10.0.0.7"), WARN, "knows no token"),
        (network.judge_osc("127.0.0.1"), OK, "127.0.0.1"),
        (network.judge_file(Path("s.toml"), 0o100644, secret=True), WARN, "chmod 600 s.toml"),
        (network.judge_file(Path("s.toml"), 0o100600, secret=True), OK, "this user alone"),
        (network.judge_file(Path("s.toml"), 0o100644, secret=False), OK, "holds no token"),
    ],
)
def test_findings(finding: Finding, level: Level, words: str) -> None:
    assert finding.level is level
    assert words in str(finding)
    assert "\n" not in str(finding)
    assert (finding.advice == "") == (level is OK)


@pytest.mark.parametrize(
    ("days", "allowed", "level", "words"),
    [
        (None, False, WARN, "nobody wrote down who agreed"),
        (300, False, OK, "agreed by A. Jones until"),
        (30, False, WARN, "30 days left"),
        (-1, False, FAIL, "has ended|ended with"),
        (-1, True, WARN, "ended with"),
    ],
)
def test_a_players_agreement(
    pack_folder: Path, days: int | None, allowed: bool, level: Level, words: str
) -> None:
    today = date(2026, 12, 1)
    pack = PackManifest.load(pack_folder)
    rights = None if days is None else Rights("A. Jones", "games", today + timedelta(days=days))
    pack.__dict__["rights"] = rights
    finding = players.judge_pack(pack, today, today, allow_expired=allowed)
    assert finding.level is level
    assert any(word in finding.found for word in words.split("|"))
    assert pack.digest[:12] in finding.found


def test_a_pack_that_is_damaged_and_one_of_another_size(pack_folder: Path, tmp_path: Path) -> None:
    show = Show(player=pack_folder, players=(Path("players/demo").resolve(), tmp_path))
    found = list(players.look_at_packs(Case(show)))
    assert [each.level for each in found] == [WARN, WARN, FAIL, FAIL]
    assert "is no player pack" in found[2].found
    assert "Number 7 is 128x128, Number 23 is 1280x720" in found[3].found


def test_a_port_that_is_taken_and_by_whom() -> None:
    with socket.create_server((OWN_HOST, 0)) as server:
        port = server.getsockname()[1]
        taken = network.look_at_port(network.Wanted(OWN_HOST, port, socket.SOCK_STREAM, "the page"))
    assert taken.level is FAIL
    assert f"{OWN_HOST}:{port} (the page) cannot be had: Address already in use by " in taken.found
    free = network.look_at_port(network.Wanted(OWN_HOST, port, socket.SOCK_STREAM, "the page"))
    assert free.level is OK


def test_the_ports_of_a_show() -> None:
    show = check_show({"control": {"osc_port": 9000}}, "a test")
    assert [(each.port, each.what) for each in network.ports_of(show, set())] == [
        (8080, "the page"),
        (9000, "OSC"),
    ]
    link = TwoMachines(performer="10.0.0.1", playout="10.0.0.2")
    both = [show.model_copy(update={"link": link, "webrtc": WebRtc(port=0), "control": show.control})]
    for_side = {
        side: {each.port for each in network.ports_of(both[0], {address}) if each.what.startswith("the link")}
        for side, address in (("performer", "10.0.0.1"), ("playout", "10.0.0.2"))
    }
    assert for_side["performer"]
    assert for_side["playout"]
    assert not for_side["performer"] & for_side["playout"]


def test_art_net_is_a_port_and_a_way_in() -> None:
    show = check_show({"control": {"artnet": {"host": "10.0.0.5", "senders": ["10.0.0.20"]}}}, "a test")
    assert [(each.port, each.what) for each in network.ports_of(show, set())][1] == (6454, "Art-Net")
    assert show.control.artnet is not None
    wide = network.judge_artnet(show.control.artnet)
    assert wide.level is WARN
    assert "10.0.0.20/32 and knows no token" in wide.found
    assert wide.found.endswith("can TAKE, once it is armed")
    assert network.judge_artnet(ArtNet()).level is OK


def test_a_midi_controller_is_there_or_not() -> None:
    assert not list(look_at_midi(Case(Show())))
    case = Case(check_show({"control": {"midi": {"port": "Deck"}}}, "a test"))
    with FakeMidi("Deck 1", "Other").installed() as midi:
        assert [str(each) for each in look_at_midi(case)] == ["OK    midi     Deck 1 is there"]
        midi.names.remove("Deck 1")
        (missing,) = look_at_midi(case)
    assert missing.level is WARN
    assert missing.found == "no MIDI device is named 'Deck' (there are: Other)"


def test_without_the_packages_of_midi_the_show_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mido", None)
    (finding,) = look_at_midi(Case(check_show({"control": {"midi": {"port": "Deck"}}}, "a test")))
    assert finding.level is WARN
    assert "pip install mido" in finding.found


def test_what_needs_the_network() -> None:
    assert not network.needs_network(Show())
    assert network.needs_network(Show(camera="rtsp://10.0.0.7/stream"))
    ndi = Show(outputs=(Ndi(kind="ndi"),))
    assert network.needs_multicast(ndi)
    assert network.needs_network(ndi)


def answering(answer: Callable[[bytes], bytes]) -> tuple[socket.socket, int]:
    """A UDP server that answers one packet."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve() -> None:
        data, who = server.recvfrom(2048)
        server.sendto(answer(data), who)

    threading.Thread(target=serve, daemon=True).start()
    return server, server.getsockname()[1]


def test_a_stun_server_that_answers_and_one_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "STUN_S", 60.0)
    server, port = answering(lambda data: b"\x01\x01\x00\x00" + data[4:20])
    with closing(server):
        assert network.look_at_server(f"stun:127.0.0.1:{port}").level is OK
    server, port = answering(lambda data: b"hello")
    with closing(server):
        assert network.look_at_server(f"stun:127.0.0.1:{port}").level is WARN
    monkeypatch.setattr(network, "STUN_S", 0.3)
    silent = network.look_at_server(f"stun:127.0.0.1:{port}")
    assert silent.level is WARN
    assert "does not answer" in silent.found


def test_only_the_servers_of_the_show_file_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(network, "look_at_server", asked.append)
    list(network.look_at_stun(Case(Show())))
    assert asked == []
    list(network.look_at_stun(Case(check_show({"webrtc": {"ice_servers": ["stun:a.example"]}}, "a test"))))
    assert asked == ["stun:a.example"]


def test_a_stream_that_nobody_sends_names_no_password() -> None:
    with socket.create_server((OWN_HOST, 0)) as server:
        url = f"rtsp://operator:secret@{OWN_HOST}:{server.getsockname()[1]}/live"
        there = cameras.look_at_stream(url)
    gone = cameras.look_at_stream(url)
    assert (there.level, gone.level) == (OK, FAIL)
    assert "secret" not in str(there) + str(gone)


def test_an_ndi_source_is_looked_for_and_a_rehearsal_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cyndilib", reason="cyndilib is not installed")
    monkeypatch.setattr(cameras, "ndi_sources", lambda seconds: ["STUDIO (Cam 1)"])
    show = Show(camera="test://", cameras=("test://", "ndi://Cam 1", "ndi://Cam 2"))
    rehearsal, there, absent = cameras.look_at_cameras(Case(show))
    assert (rehearsal.level, there.level, absent.level) == (OK, OK, WARN)
    assert "found: STUDIO (Cam 1)" in absent.found


def test_a_camera_that_is_not_there() -> None:
    (finding,) = cameras.look_at_cameras(Case(Show(camera="/dev/video99")))
    assert finding.level is FAIL
    assert "/dev/video99" in finding.found


class FakeDevice:
    """A camera of 50 pictures a second, which ends after some. now_s: what the clock says."""

    pixel_format = "MJPG"
    left = 1000
    closed = 0
    now_s = 0.0

    def __init__(self, name: str, target: str, wanted: Capture) -> None:
        assert (name, target, wanted) == (str(VIDEO), str(VIDEO), Capture(fps=50))

    def grab(self) -> int:
        FakeDevice.now_s += 0.02
        FakeDevice.left -= 1
        if FakeDevice.left < 0:
            raise CaptureError(f"camera {VIDEO} gives no picture any more: check the cable")
        return 0

    def picture(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        return np.zeros((720, 1280, 3), np.uint8)

    def close(self) -> None:
        FakeDevice.closed += 1


@pytest.mark.parametrize(
    ("left", "level", "words"),
    [(1000, OK, "1280x720 MJPG, 50.0 pictures a second"), (3, FAIL, "check the cable")],
)
def test_a_camera_is_measured_and_closed(
    monkeypatch: pytest.MonkeyPatch, left: int, level: Level, words: str
) -> None:
    monkeypatch.setattr(cameras, "ask", lambda path: DRIVER)
    monkeypatch.setattr(cameras, "Device", FakeDevice)
    monkeypatch.setattr(cameras, "time", SimpleNamespace(monotonic=lambda: FakeDevice.now_s))
    monkeypatch.setattr(FakeDevice, "left", left)
    monkeypatch.setattr(FakeDevice, "closed", 0)
    monkeypatch.setattr(FakeDevice, "now_s", 0.0)
    finding = cameras.look_at_device(VIDEO, Capture(fps=50), measured=True)
    assert finding.level is level
    assert words in finding.found
    assert FakeDevice.closed == 1


def test_a_camera_of_a_show_that_runs_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "ask", lambda path: DRIVER)
    monkeypatch.setattr(cameras, "Device", lambda *_: pytest.fail("it was opened"))
    finding = cameras.look_at_device(VIDEO, Capture(), measured=False)
    assert finding.level is OK
    assert "was not measured" in finding.found


def test_what_a_driver_says() -> None:
    """As linux/videodev2.h lays it out: two formats, one with two sizes and one with sizes in steps."""
    formats = [b"MJPG", b"YUYV"]
    sizes = {b"MJPG": [(1, 640, 480), (1, 1920, 1080)], b"YUYV": [(3, 160, 1280, 8, 120, 720, 8)]}
    controls = {v4l2.EXPOSURE_AUTO: 3, v4l2.EXPOSURE_ABSOLUTE: 156}

    def ioctl(request: int, data: bytearray) -> None:
        index = struct.unpack_from("<I", data)[0]
        if request == v4l2.QUERYCAP:
            assert len(data) == 104
            data[16:24] = b"A camera"
            struct.pack_into("<II", data, 84, v4l2.DEVICE_CAPS, v4l2.CAPTURE)
        elif request == v4l2.ENUM_FMT and index < len(formats):
            data[44:48] = formats[index]
        elif request == v4l2.ENUM_FRAMESIZES and index < len(sizes[bytes(data[4:8])]):
            kind, *values = sizes[bytes(data[4:8])][index]
            struct.pack_into(f"<I{len(values)}I", data, 8, kind, *values)
        elif request == v4l2.G_CTRL and index in controls:
            struct.pack_into("<i", data, 4, controls[index])
        else:
            raise OSError("there is no more")

    driver = v4l2.read_driver(ioctl)
    assert driver == v4l2.Driver(
        "A camera",
        captures=True,
        formats={"MJPG": (1920, 1080), "YUYV": (1280, 720)},
        exposure_ms=15.6,
        fixed_exposure=False,
    )
    assert v4l2.QUERYCAP == 0x80685600, "VIDIOC_QUERYCAP of linux/videodev2.h"
    assert v4l2.ENUM_FMT == 0xC0405602
    assert v4l2.ENUM_FRAMESIZES == 0xC02C564A
    assert v4l2.G_CTRL == 0xC008561B


def test_the_rings_are_those_of_the_show(pack_folder: Path, tmp_path: Path) -> None:
    """As `rigged` makes them."""
    pack = PackManifest.load(pack_folder)
    for outputs in ((), (Ndi(kind="ndi", alpha=True), Recorder(kind="recorder", feed="clean"))):
        show = Show(player=pack_folder, outputs=outputs)
        with rigged(
            show, Player(pack.name, pack.size, pack.standby), lambda show: None, tmp_path, None
        ) as rig:
            specs = [rig.frames, rig.camera_frames, *rig.programme.values()]
            assert len(specs) == 4 + 2 * bool(outputs)
            expected = sum(spec.slots * spec.slot_bytes for spec in specs)
        assert machine.ring_bytes(show, pack.size) == expected


def test_the_venue_is_named_with_its_dates_and_with_what_it_does_not_know() -> None:
    assert [each.level for each in look_at_venue(Case(Show()))] == [OK]
    known = {"name": "0", "mark": (0.5, 0.8), "measured": "2026-11-29"}
    show = Show.model_validate({"cameras": ("0", "1"), "venue": {"name": "arena", "cameras": [known]}})
    found = list(look_at_venue(Case(show)))
    assert [each.level for each in found] == [OK, WARN]
    assert found[0].found == "arena: camera 0 has mark of 2026-11-29"
    assert found[1].found == "arena does not know camera 1" and "tools.camera" in found[1].advice


def test_the_boards_colours_are_told_and_who_uses_them() -> None:
    board = {"gain": (1, 0.9, 0.8), "gamma": (1, 1, 1), "measured": "2026-11-29"}
    show = {"venue": {"name": "arena", "board": board}}
    outputs = ({}, {"outputs": [{"kind": "window", "board_colour": True}]})
    told = [next(look_at_venue(Case(Show.model_validate(show | more)))).found for more in outputs]
    assert told == [
        "arena: the board's colours of 2026-11-29; no output uses them (board_colour = true)",
        "arena: the board's colours of 2026-11-29; used by window",
    ]
