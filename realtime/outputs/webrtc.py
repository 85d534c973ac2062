"""The programme as WebRTC: WHEP for the picture, a page that plays it, and the show's state as JSON.

An aiohttp server runs in a thread of its own. Each viewer has a peer connection with an encoder and takes
the newest picture when it is ready for one; nothing is queued. With no viewer a tick costs one comparison.
WHEP: https://datatracker.ietf.org/doc/draft-ietf-wish-whep/ (one POST with the offer, DELETE to leave).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import threading
from collections.abc import Awaitable, Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import aioice.ice
import av
import cv2
import numpy as np
from aiohttp import web
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import VIDEO_TIME_BASE, MediaStreamError
from aiortc.sdp import SessionDescription
from numpy.typing import NDArray

from realtime.outputs.encoder import EncoderSettings, nvenc_works, use_programme_encoder
from realtime.outputs.sink import OutputError, OutputSink, Part, ProgrammeFrame, SinkStatus

logger = logging.getLogger(__name__)

DEFAULT_BITRATE = 4_000_000
MOST_VIEWERS = 8
CONNECT_TIMEOUT_S = 15.0
CLOSE_TIMEOUT_S = 2.0
CONSENT_INTERVAL_S = 2
CONSENT_FAILURES = 4
MOST_OFFER_BYTES = 64 * 1024
CONSOLE = Path(__file__).resolve().parent.parent / "control" / "console"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

find_host_addresses = aioice.ice.get_host_addresses


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """Addresses for ICE, with the loopback that aioice leaves out: a machine may have no other."""
    addresses: list[str] = find_host_addresses(use_ipv4, use_ipv6)
    return [*addresses, "127.0.0.1"] if use_ipv4 else addresses


class ProgrammeTrack(MediaStreamTrack):  # type: ignore[misc]  # aiortc's types are not followed
    """One viewer's track: hands over the newest picture it has not yet seen. Lives in the server's loop."""

    kind = "video"

    def __init__(self, sink: WebRtcSink) -> None:
        super().__init__()
        self._sink = sink
        self._newest: tuple[NDArray[np.uint8], int] | None = None
        self._changed = asyncio.Event()
        self.sent = 0

    def offer(self, i420: NDArray[np.uint8], pts: int) -> None:
        """Put a picture, (H * 3 / 2, W) uint8 I420 and its time at 90 kHz, in place of the one waiting."""
        self._newest = (i420, pts)
        self._changed.set()

    async def recv(self) -> av.VideoFrame:
        """The next picture, yuv420p, with the programme clock as its pts (90 kHz)."""
        self._sink.watch(self)
        while self._newest is None:
            if self.readyState != "live":
                raise MediaStreamError
            await self._changed.wait()
            self._changed.clear()
        (i420, pts), self._newest = self._newest, None
        self.sent += 1
        frame = av.VideoFrame.from_numpy_buffer(i420, format="yuv420p")
        frame.pts = pts
        frame.time_base = VIDEO_TIME_BASE
        return frame

    def stop(self) -> None:
        super().stop()
        self._sink.unwatch(self)
        self._changed.set()


class WebRtcSink(OutputSink):
    """Serves the page, WHEP and the state on one port, from a thread of its own."""

    name = kind = "webrtc"

    def __init__(
        self,
        size: tuple[int, int],
        fps: Fraction,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        bitrate: int = DEFAULT_BITRATE,
        state: Callable[[], dict[str, Any]],
    ) -> None:
        """Start serving.

        Args:
            size: (w, h) px of the programme, both even.
            fps: pictures a second of the programme.
            host: address for HTTP. Media goes peer to peer, encrypted, to whoever the page was served to.
            port: 0 takes any free one; see `url`.
            bitrate: highest for each viewer, bit/s.
            state: what GET /state answers, JSON; called in the server's thread.

        Raises:
            OutputError: the port is taken, or no H.264 stream can hold the size, rate and bitrate.
        """
        if size[0] % 2 or size[1] % 2:
            raise OutputError(f"webrtc: the programme is {size[0]}x{size[1]}; H.264 needs even sides")
        try:
            use_programme_encoder(EncoderSettings(size, fps, bitrate))
        except ValueError as error:
            raise OutputError(f"webrtc: {error}: choose a smaller programme or bitrate") from error
        # Process-wide, as aioice has no setting for them. A viewer that is gone is dropped, with its encoder,
        # after about 10 s instead of 30.
        aioice.ice.get_host_addresses = _host_addresses
        aioice.ice.CONSENT_INTERVAL = CONSENT_INTERVAL_S
        aioice.ice.CONSENT_FAILURES = CONSENT_FAILURES
        self._size = size
        self._state = state
        self._host = host
        listener = _listen(host, port)
        self.url = f"http://{host}:{listener.getsockname()[1]}/"

        self._lock = threading.Lock()
        self._newest: tuple[NDArray[np.uint8], int] | None = None  # on its way to the server's loop
        self._watching: set[ProgrammeTrack] = set()
        self._peers: dict[str, RTCPeerConnection] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._ticks = 0
        self._sent = 0

        nvenc_works()  # asked here, where a second does not matter
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="webrtc", daemon=True)
        self._thread.start()
        self._runner = asyncio.run_coroutine_threadsafe(self._serve(listener), self._loop).result()

    # The programme clock's thread.

    def wants(self) -> frozenset[Part]:
        """Nothing while nobody looks."""
        return frozenset[Part]({"picture"}) if self._watching else frozenset[Part]()

    def send(self, frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        """See `OutputSink.send`. Converts to I420 once, however many viewers there are."""
        if not self._watching:
            return
        height, width = frame.picture.shape[:2]
        if (width, height) != self._size:
            raise ValueError(f"frame is {width}x{height}, not {self._size[0]}x{self._size[1]}")
        i420 = cv2.cvtColor(frame.picture, cv2.COLOR_BGR2YUV_I420)
        self._ticks += 1
        with self._lock:
            on_its_way = self._newest is not None
            self._newest = (i420, due_ns * 9 // 100_000)  # ns to 90 kHz
        if not on_its_way:
            self._loop.call_soon_threadsafe(self._hand_out)

    def status(self) -> SinkStatus:
        """`sent` are the pictures of all viewers together."""
        watching = tuple(self._watching)
        return SinkStatus(
            name=self.name,
            kind=self.kind,
            state="running",
            where=self.url,
            sent=self._sent + sum(track.sent for track in watching),
            receivers={"programme": len(watching)},
        )

    def close(self) -> None:
        """Say goodbye to the viewers and free the port."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._shut_down(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # The server's loop.

    def watch(self, track: ProgrammeTrack) -> None:
        """A viewer's sender asks for pictures."""
        self._watching.add(track)

    def unwatch(self, track: ProgrammeTrack) -> None:
        """A viewer's track has ended."""
        if track in self._watching:
            self._watching.remove(track)
            self._sent += track.sent

    def _hand_out(self) -> None:
        with self._lock:
            newest, self._newest = self._newest, None
        if newest is not None:
            for track in self._watching:
                track.offer(*newest)

    async def _serve(self, listener: socket.socket) -> web.AppRunner:
        app = web.Application(client_max_size=MOST_OFFER_BYTES, middlewares=[self._guard])
        app.on_response_prepare.append(_add_headers)
        app.router.add_get("/", self._page)
        app.router.add_static("/console/", CONSOLE)
        app.router.add_get("/state", self._get_state)
        app.router.add_post("/whep", self._join)
        app.router.add_delete("/whep/{viewer}", self._leave)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_TIMEOUT_S)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        return runner

    async def _shut_down(self) -> None:
        for viewer in tuple(self._peers):
            self._drop_soon(viewer)
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=CLOSE_TIMEOUT_S)
        await self._runner.cleanup()
        await self._loop.shutdown_default_executor()

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """On loopback no foreign Host is served, so that no web site can rebind its name to us."""
        if self._host in LOOPBACK and request.url.host not in LOOPBACK:
            raise web.HTTPForbidden(text=f"this page is served as {self.url}\n")
        return await handler(request)

    async def _page(self, _: web.Request) -> web.FileResponse:
        return web.FileResponse(CONSOLE / "index.html")

    async def _get_state(self, _: web.Request) -> web.Response:
        return web.json_response(self._state())

    async def _join(self, request: web.Request) -> web.Response:
        if request.content_type != "application/sdp":
            raise web.HTTPUnsupportedMediaType(text="send the offer as application/sdp\n")
        if len(self._peers) >= MOST_VIEWERS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_VIEWERS} viewers are connected; close one\n")
        offer = _checked_offer(await request.text())
        viewer = secrets.token_urlsafe(16)
        peer = RTCPeerConnection()
        self._peers[viewer] = peer
        track = ProgrammeTrack(self)
        try:
            transceiver = peer.addTransceiver(track, direction="sendonly")
            codecs = RTCRtpSender.getCapabilities("video").codecs
            transceiver.setCodecPreferences([c for c in codecs if c.mimeType in ("video/H264", "video/rtx")])
            await peer.setRemoteDescription(offer)
            await peer.setLocalDescription()
        except (ValueError, InvalidAccessError, InvalidStateError, OperationError) as error:
            await self._drop(viewer)
            raise web.HTTPBadRequest(text=f"the offer cannot be answered: {error}\n") from error

        def changed() -> None:
            if peer.connectionState in ("failed", "closed"):
                self._drop_soon(viewer)

        def waited() -> None:
            if peer.connectionState != "connected":
                self._drop_soon(viewer)

        peer.on("connectionstatechange", changed)
        track.on("ended", lambda: self._drop_soon(viewer))  # its sender or its encoder failed
        self._loop.call_later(CONNECT_TIMEOUT_S, waited)
        return web.Response(
            status=201,
            text=peer.localDescription.sdp,
            content_type="application/sdp",
            headers={"Location": f"/whep/{viewer}"},
        )

    async def _leave(self, request: web.Request) -> web.Response:
        viewer = request.match_info["viewer"]
        if viewer not in self._peers:
            raise web.HTTPNotFound(text="no such viewer\n")
        await self._drop(viewer)
        return web.Response(text="closed\n")

    def _drop_soon(self, viewer: str) -> None:
        task = self._loop.create_task(self._drop(viewer))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _drop(self, viewer: str) -> None:
        peer = self._peers.pop(viewer, None)
        if peer is not None:
            for sender in peer.getSenders():
                if sender.track is not None:
                    sender.track.stop()
            await peer.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise OutputError(
            f"webrtc: cannot listen on {host}:{port} ({error.strerror}): close the program that has it, or "
            "choose another port with --port"
        ) from error


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _checked_offer(body: str) -> RTCSessionDescription:
    """The offer in a request's body.

    The browser's `.local` candidates and the end of candidates are left out: resolving them needs multicast
    DNS, and the browser reaches us at our own candidates anyway (a peer-reflexive candidate, RFC 8445).
    Raises HTTPBadRequest if it is not an SDP that asks for video.
    """
    lines = [
        line
        for line in body.splitlines()
        if line != "a=end-of-candidates" and not (line.startswith("a=candidate:") and ".local " in line)
    ]
    sdp = "\r\n".join([*lines, ""])
    try:
        media = SessionDescription.parse(sdp).media
    except (ValueError, LookupError, AssertionError, AttributeError) as error:
        raise web.HTTPBadRequest(text="the body is not a session description (SDP)\n") from error
    if not any(m.kind == "video" and m.ice.usernameFragment and m.dtls for m in media):
        raise web.HTTPBadRequest(text="the offer asks for no video over WebRTC\n")
    return RTCSessionDescription(sdp=sdp, type="offer")
