"""WHIP against a small endpoint written to RFC 9725, also where it refuses, fails and goes away."""

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import pytest
from aiohttp import web
from aiortc import RTCPeerConnection, RTCSessionDescription

from realtime.config.outputs import Whip
from realtime.outputs import worker
from realtime.outputs.sink import Format
from realtime.outputs.webrtc import whip
from realtime.outputs.webrtc.aiortc_patches import new_peer
from realtime.outputs.webrtc.whip import WhipSink, retry_after_s
from realtime.transport.programme_ring import ProgrammeFrame
from tests.realtime.outputs.feeding import HeldFailure, held_nobody_up, playing, wait_for_state, wait_until

SIZE = (128, 96)
FPS = Fraction(25)
TOKEN = "a secret"


def frame(tick: int) -> ProgrammeFrame:
    return ProgrammeFrame(np.full((SIZE[1], SIZE[0], 3), 40 + 4 * (tick % 40), np.uint8))


class Endpoint:
    """A WHIP server. fail: (status, Retry-After) that it answers instead, `failures` times. posted_s: when it
    was asked. greys: of the pictures it got."""

    def __init__(self) -> None:
        self.fail: tuple[int, str | None] | None = None
        self.failures = 1000
        self.requests: list[str] = []
        self.posted_s: list[float] = []
        self.greys: list[float] = []
        self.peers: dict[str, RTCPeerConnection] = {}
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._serve(), self.loop).result()

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_post("/live/whip", self._post)
        app.router.add_post("/moved", self._moved)
        app.router.add_delete("/live/session/{n}", self._delete)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def _moved(self, request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/live/whip")

    async def _post(self, request: web.Request) -> web.Response:
        self.requests.append("POST")
        self.posted_s.append(time.monotonic())
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise web.HTTPUnauthorized
        if self.fail is not None and self.failures:
            self.failures -= 1
            status, retry_after = self.fail
            return web.Response(status=status, headers={"Retry-After": retry_after} if retry_after else {})
        assert request.content_type == "application/sdp"
        offer = await request.text()
        assert "a=sendonly" in offer
        assert "H264" in offer
        assert "VP8" not in offer
        peer = new_peer(())
        peer.on("track", lambda track: asyncio.ensure_future(self._receive(track)))
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription()
        name = str(len(self.peers))
        self.peers[name] = peer
        return web.Response(
            status=201,
            text=peer.localDescription.sdp,
            content_type="application/sdp",
            headers={"Location": f"session/{name}"},
        )

    async def _receive(self, track) -> None:
        while True:
            picture = await track.recv()
            self.greys.append(picture.to_ndarray(format="bgr24").mean())

    async def _delete(self, request: web.Request) -> web.Response:
        self.requests.append("DELETE")
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        await self.peers[request.match_info["n"]].close()
        return web.Response()

    def hang_up(self) -> None:
        """Ends the media, as a server does that is stopped."""
        for peer in self.peers.values():
            asyncio.run_coroutine_threadsafe(peer.close(), self.loop).result()

    def close(self) -> None:
        self.hang_up()
        asyncio.run_coroutine_threadsafe(self.runner.cleanup(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer to connect, and to say goodbye."""
    monkeypatch.setattr(whip, "CONNECT_TIMEOUT_S", 60.0)
    monkeypatch.setattr(whip, "HTTP_TIMEOUT_S", 60.0)
    monkeypatch.setattr(whip, "GOODBYE_S", 60.0)
    monkeypatch.setattr(worker, "CLOSE_S", 60.0)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


def push(endpoint: Endpoint, path: str = "/live/whip", token: str | None = TOKEN) -> WhipSink:
    settings = Whip(kind="whip", url=endpoint.url + path + "?key=hidden", token=token)
    return WhipSink(settings, Format(SIZE, FPS))


def test_the_programme_arrives_and_the_session_is_ended_at_close(endpoint: Endpoint) -> None:
    sink = push(endpoint, "/moved")
    with playing(sink.send, frame, FPS) as took:
        wait_until(lambda: len(endpoint.greys) > 25, "25 pictures")
        assert sink.status().state == "running"
        sink.close()
    assert held_nobody_up(took)
    assert endpoint.requests == ["POST", "DELETE"]
    moved = np.diff(endpoint.greys)
    np.testing.assert_allclose(np.minimum(np.abs(moved % 4), 4 - moved % 4), 0, atol=1.5)
    assert len(set(np.round(endpoint.greys))) > 10


@pytest.mark.parametrize(
    ("path", "token", "fail", "wanted"),
    [
        ("/live/whip", "wrong", None, "answers 401 Unauthorized: the token is refused"),
        ("/live/whip", None, None, "answers 401 Unauthorized: the token is refused"),
        ("/elsewhere", TOKEN, None, "answers 404 Not Found: there is no such endpoint"),
        (
            "/live/whip",
            TOKEN,
            (500, None),
            "answers 500 Internal Server Error: the server cannot take it now",
        ),
        ("/live/whip", TOKEN, (200, None), "answers 200 OK"),
    ],
)
def test_a_refusal_is_told_in_one_line_without_secrets(
    endpoint: Endpoint, path: str, token: str | None, fail: tuple[int, None] | None, wanted: str
) -> None:
    endpoint.fail = fail
    sink = push(endpoint, path, token)
    try:
        reason = wait_for_state(sink, "failed").reason
        assert wanted in reason
        assert len(reason.splitlines()) == 1
        assert "hidden" not in str(sink.status())
        assert TOKEN not in reason
    finally:
        sink.close()
    assert "DELETE" not in endpoint.requests


def test_a_server_that_asks_for_time_gets_it(endpoint: Endpoint) -> None:
    endpoint.fail, endpoint.failures = (503, "2"), 1
    sink = push(endpoint)
    try:
        wait_for_state(sink, "running")
        assert endpoint.posted_s[1] - endpoint.posted_s[0] >= 2
        assert endpoint.requests == ["POST", "POST"]
    finally:
        sink.close()


def test_a_server_that_goes_away_is_joined_again(endpoint: Endpoint) -> None:
    sink = push(endpoint)
    try:
        with playing(sink.send, frame, FPS):
            wait_until(lambda: len(endpoint.greys) > 5, "pictures")
            failure = HeldFailure(sink)
            endpoint.hang_up()
            assert "the connection to http://127.0.0.1" in wait_for_state(sink, "failed").reason
            failure.release()
            wait_for_state(sink, "running")
            seen = len(endpoint.greys)
            wait_until(lambda: len(endpoint.greys) > seen + 5, "pictures again")
    finally:
        sink.close()


def test_no_server_at_all_is_told_and_tried_again(endpoint: Endpoint) -> None:
    sink = WhipSink(Whip(kind="whip", url="http://127.0.0.1:9/whip"), Format(SIZE, FPS))
    with playing(sink.send, frame, FPS) as took:
        reason = wait_for_state(sink, "failed").reason
        wait_until(lambda: sink.status().dropped.get("not_connected", 0) >= 1, "a picture that is lost")
    assert "whip: http://127.0.0.1:9/whip cannot be reached" in reason
    assert held_nobody_up(took)
    sink.close()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0),
        ("7", 7),
        ("100000", 600),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0),
        ("soon", 0),
        ("-3", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float) -> None:
    assert retry_after_s(value, datetime(2026, 11, 24, 12, tzinfo=UTC)) == seconds
