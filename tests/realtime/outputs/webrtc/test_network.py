"""WebRTC without the internet: nothing is asked that the show file does not name, and nothing hangs."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from aioice import stun
from aiortc.rtcicetransport import RTCIceGatherer, parse_stun_turn_uri
from pydantic import ValidationError

from realtime.config.outputs import ICE_URL, IceServer, WebRtc, WebRtcServing, Whip
from realtime.outputs.sink import Format
from realtime.outputs.webrtc import aiortc_patches, webrtc_sink
from realtime.outputs.webrtc.aiortc_patches import new_peer
from realtime.outputs.webrtc.webrtc_sink import WebRtcSink
from realtime.outputs.webrtc.whip import WhipSink
from realtime.transport.programme_ring import ProgrammeFrame
from tests.realtime.outputs.feeding import playing, wait_until
from tests.realtime.outputs.webrtc.join_once import LONG_GATHER_S
from tests.realtime.outputs.webrtc.whep_client import FPS, SIZE, Watcher, ask, check, frame

ROOT = Path(__file__).resolve().parents[4]
DEAD = "192.0.2.1"
"""TEST-NET-1 (RFC 5737): no packet to it is ever answered."""

SEEN_FROM = ("198.51.100.7", 4000)

TURN = {"urls": "turn:turn.example:3478", "username": "court", "credential": "secret"}


@contextmanager
def served(**settings: object) -> Iterator[WebRtcSink]:
    """A sink, fed by a clock."""
    sink = WebRtcSink(WebRtcServing(WebRtc(port=0, **settings)), Format(SIZE, FPS))

    def send(frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        if sink.wants():
            sink.send(frame, tick, due_ns)

    try:
        with playing(send, frame, FPS):
            yield sink
    finally:
        sink.close()


async def watch(sink: WebRtcSink) -> tuple[Watcher, float]:
    """A viewer of 20 pictures, and how many seconds its join took."""
    start = time.monotonic()
    async with Watcher(sink) as watcher:
        took = time.monotonic() - start
        await watcher.watch(20)
    return watcher, took


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names that were looked up. All of them lead nowhere."""
    names: list[str] = []
    real = socket.getaddrinfo

    def gethostbyname(name: str) -> str:
        names.append(name)
        return DEAD

    def getaddrinfo(host: str | bytes | None, *rest: object, **more: object) -> list:
        if host in (None, "127.0.0.1", "localhost", "0.0.0.0", "", "::1"):  # noqa: S104
            return real(host, *rest, **more)
        names.append(str(host))
        return real(DEAD, *rest, **more)

    monkeypatch.setattr(socket, "gethostbyname", gethostbyname)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


def test_by_default_no_server_is_asked(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiortc_patches, "GATHER_S", LONG_GATHER_S)
    with served() as sink:
        watcher, took = asyncio.run(watch(sink))
    check(watcher)
    assert asked == []
    assert " typ host" in watcher.answer
    assert " typ srflx" not in watcher.answer
    assert took < LONG_GATHER_S / 2


def test_whip_asks_no_server_by_default(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    posted: list[str] = []

    async def post(_: WhipSink, offer: str) -> str:
        posted.append(offer)
        raise OSError("enough")

    monkeypatch.setattr(WhipSink, "_post", post)
    sink = WhipSink(Whip(kind="whip", url="http://127.0.0.1:9/whip"), Format(SIZE, FPS))
    wait_until(lambda: bool(posted), "an offer")
    sink.close()
    assert asked == []
    assert " typ host" in posted[0]


def test_servers_that_are_dead_cost_a_viewer_little_and_leave_nothing_behind(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes as long as aioice by itself has no answer: see ANSWER_TIMEOUT_S."""
    monkeypatch.setattr(aiortc_patches, "GATHER_S", 1.0)
    sockets = psutil.Process().num_fds
    with served(ice_servers=["stun:stun.example:3478", TURN]) as sink:
        before = sockets()
        watcher, took = asyncio.run(watch(sink))
        wait_until(lambda: sockets() <= before, "the sockets are closed")
    check(watcher)
    assert {"turn.example"} <= set(asked) <= {"stun.example", "turn.example"}
    assert 1.0 <= took < 15


def test_pictures_flow_while_name_servers_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    looked_up: list[str] = []
    real = socket.getaddrinfo

    def hang(host: str, *rest: object, **more: object) -> list:
        if host != "turn.example":
            return real(host, *rest, **more)
        looked_up.append(host)
        answered.wait(180)
        return real(DEAD, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(aiortc_patches, "GATHER_S", 0.2)
    try:
        with served(ice_servers=[TURN]) as sink:

            async def watched() -> list[Watcher]:
                """One after the other, so that look-ups pile up."""
                return [(await watch(sink))[0] for _ in range(6)]

            for watcher in asyncio.run(watched()):
                check(watcher)
            assert not sink.stalled()
            start = time.monotonic()
        assert time.monotonic() - start < 30, "the end does not wait for name servers"
    finally:
        answered.set()
    assert looked_up


class StunServer(asyncio.DatagramProtocol):
    """Tells everybody that he comes from `SEEN_FROM`."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        answer = stun.Message(
            stun.Method.BINDING, stun.Class.RESPONSE, transaction_id=stun.parse_message(data).transaction_id
        )
        answer.attributes["XOR-MAPPED-ADDRESS"] = SEEN_FROM
        self.transport.sendto(bytes(answer), address)


def test_the_address_that_a_stun_server_tells_is_given_to_viewers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiortc_patches, "GATHER_S", LONG_GATHER_S)
    monkeypatch.setattr(webrtc_sink, "ANSWER_TIMEOUT_S", 2 * LONG_GATHER_S)

    async def watched() -> Watcher:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(StunServer, local_addr=("127.0.0.1", 0))
        port = transport.get_extra_info("sockname")[1]
        with served(ice_servers=[f"stun:127.0.0.1:{port}"]) as sink:
            watcher, _ = await watch(sink)
        transport.close()
        return watcher

    watcher = asyncio.run(watched())
    check(watcher)
    assert f"{SEEN_FROM[0]} {SEEN_FROM[1]} typ srflx" in watcher.answer


def test_viewers_are_told_the_stun_server_and_no_login() -> None:
    link = '<stun:127.0.0.1:9>; rel="ice-server"'
    with served(ice_servers=[TURN, "stun:127.0.0.1:9"]) as sink:
        status, _, headers = ask(sink, "OPTIONS", "/whep/programme")
        assert (status, headers["Link"]) == (204, link)
    with served() as sink:
        assert "Link" not in ask(sink, "OPTIONS", "/whep/programme")[2]


def test_nobody_waits_for_a_stun_server_that_the_loopback_cannot_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a machine whose other addresses are answered at once; here it has none."""
    monkeypatch.setattr(aiortc_patches, "find_host_addresses", lambda *_: [])
    monkeypatch.setattr(aiortc_patches, "GATHER_S", LONG_GATHER_S)
    with served(ice_servers=[f"stun:{DEAD}:3478"]) as sink:
        watcher, took = asyncio.run(watch(sink))
    check(watcher)
    assert took < LONG_GATHER_S / 2


def test_only_what_the_show_file_names_is_given_to_aiortc(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    init = RTCIceGatherer.__init__

    def noted(self: RTCIceGatherer, *args: object, **more: object) -> None:
        given.append(more.get("iceServers", args[0] if args else None))
        init(self, *args, **more)

    monkeypatch.setattr(RTCIceGatherer, "__init__", noted)

    async def made(*servers: object) -> None:
        peer = new_peer([IceServer.model_validate(each) for each in servers])
        peer.addTransceiver("video")
        await peer.close()

    asyncio.run(made())
    assert given == [[]]
    asyncio.run(made("stun:stun.example:3478", TURN))
    stun, turn = given[1]
    assert (stun.urls, stun.username, stun.credential) == (["stun:stun.example:3478"], None, None)
    assert (turn.urls, turn.username, turn.credential) == (["turn:turn.example:3478"], "court", "secret")


@pytest.mark.parametrize(
    "url",
    [
        "stun:stun.example",
        "stun:10.0.0.7:3478",
        "turn:turn.example",
        "turn:turn.example:443?transport=tcp",
        "turns:turn.example?transport=tcp",
        "turns:turn.example:443",
    ],
)
def test_what_is_accepted_aiortc_understands(url: str) -> None:
    assert ICE_URL.fullmatch(url)
    login = {"username": "court", "credential": "secret"} if url.startswith("turn") else {}
    assert IceServer(urls=url, **login).urls == (url,)
    assert parse_stun_turn_uri(url)["scheme"] == url.partition(":")[0]


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("stuns:stun.example", "write stun:HOST:PORT"),
        ("stun:[::1]:3478", "write stun:HOST:PORT"),
        ("stun:stun.example?transport=udp", "write stun:HOST:PORT"),
        ("stun://stun.example", "write stun:HOST:PORT"),
        ("http://stun.example", "write stun:HOST:PORT"),
        ("turn:turn.example", "turn:turn.example needs username and credential"),
        ({**TURN, "urls": "turns:turn.example?transport=udp"}, "write stun:HOST:PORT"),
        ({**TURN, "urls": "stun:stun.example"}, "takes no username"),
        ({**TURN, "urls": []}, "at least 1"),
        ({**TURN, "user": "court"}, "unknown key"),
    ],
)
def test_what_is_not_understood_is_refused(server: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words.replace("?", ".")):
        WebRtc(ice_servers=[server])


def test_more_servers_than_are_used_are_refused() -> None:
    with pytest.raises(ValidationError, match="one STUN and one TURN URL"):
        WebRtc(ice_servers=["stun:one.example", "stun:two.example"])
    with pytest.raises(ValidationError, match="one STUN and one TURN URL"):
        Whip(kind="whip", url="http://host/whip", ice_servers=[TURN, {**TURN, "urls": "turns:turn.example"}])


NO_NETWORK = 77
"""Exit status where this machine lets nobody make a network."""


def run_without_internet(command: str, folder: Path, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Runs the command in a network of its own: aiortc's public STUN server has the address DEAD there, and
    no packet to the outside arrives. Skips the test where this user may make no network."""
    if shutil.which("unshare") is None:
        pytest.skip("needs Linux's unshare")
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{DEAD} stun.l.google.com\n", encoding="utf-8")
    script = f"""
        (ip link set lo up && ip link add venue type bridge && ip addr add 10.77.0.2/24 dev venue &&
            ip link set venue up && ip route add default via 10.77.0.1 &&
            mount --bind {hosts} /etc/hosts) || exit {NO_NETWORK}
        exec {command}
    """
    done = subprocess.run(
        ["unshare", "-Urnm", "sh", "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=timeout_s,
        check=False,
    )
    if done.returncode == NO_NETWORK or "unshare" in done.stderr:
        pytest.skip(f"this user may make no network: {done.stderr.strip()}")
    return done


def test_a_viewer_joins_in_a_venue_without_internet(tmp_path: Path) -> None:
    done = run_without_internet(f"{sys.executable} -m tests.realtime.outputs.webrtc.join_once", tmp_path, 240)
    assert done.returncode == 0, done.stderr
    took_s, pictures = done.stdout.split()
    assert int(pictures) == 20
    assert float(took_s) < LONG_GATHER_S / 2
