"""The peer of the WebRTC output in measurements: aiortc's own VP8 sender, fed by the same clock.

It has a process like ours (`hosting`) and accepts offers in the same way. The difference is aiortc's encoder,
one for each viewer, fed by its usual track of pictures.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from dataclasses import dataclass

import aiortc.codecs.vpx
import av
from aiohttp import web
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import VIDEO_TIME_BASE

from realtime.outputs.h264 import I420, to_i420
from realtime.outputs.output_stage import feed
from realtime.outputs.sink import Format, OutputSink
from realtime.outputs.webrtc.aiortc_patches import reach_loopback
from realtime.outputs.webrtc.whep import checked_offer
from realtime.stages.context import StageContext
from realtime.stages.stage_link import StageLink
from realtime.transport.programme_ring import Part, ProgrammeFrame
from realtime.transport.statuses import OutputStatus


@dataclass(frozen=True)
class PlainSettings:
    """port: where offers are accepted. bitrate: bit/s."""

    port: int
    bitrate: int


def run(context: StageContext, link: StageLink) -> None:
    """Runs the process."""
    rig = context.rig
    feed(
        PlainVp8Sink(context.stage.settings, Format(rig.programme_size, rig.show.programme.fps)),
        context,
        link,
    )


class _Track(MediaStreamTrack):  # type: ignore[misc]  # aiortc's types are not followed
    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._newest: tuple[I420, int] | None = None
        self._changed = asyncio.Event()

    def offer(self, i420: I420, pts: int) -> None:
        self._newest = (i420, pts)
        self._changed.set()

    async def recv(self) -> av.VideoFrame:
        while self._newest is None:
            await self._changed.wait()
            self._changed.clear()
        (i420, pts), self._newest = self._newest, None
        frame = av.VideoFrame.from_numpy_buffer(i420, format="yuv420p")
        frame.pts, frame.time_base = pts, VIDEO_TIME_BASE
        return frame


class PlainVp8Sink(OutputSink):
    """Serves POST /whep/programme on the loopback."""

    name = kind = "plain"

    def __init__(self, settings: PlainSettings, programme: Format) -> None:
        vpx = aiortc.codecs.vpx
        vpx.DEFAULT_BITRATE = vpx.MAX_BITRATE = settings.bitrate
        vpx.MIN_BITRATE = settings.bitrate // 4
        reach_loopback()
        self._programme = programme
        self._tracks: list[_Track] = []
        self._peers: list[RTCPeerConnection] = []
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        listener = socket.create_server(("127.0.0.1", settings.port))
        asyncio.run_coroutine_threadsafe(self._serve(listener), self._loop).result()

    def wants(self) -> frozenset[Part]:
        return frozenset[Part]({"picture"}) if self._tracks else frozenset[Part]()

    def send(self, frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        i420, pts = to_i420(frame.picture), int(tick * 90_000 / self._programme.fps)
        self._loop.call_soon_threadsafe(self._hand_out, i420, pts)

    def status(self) -> OutputStatus:
        return OutputStatus(self.name, self.kind, "running")

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()

    def _hand_out(self, i420: I420, pts: int) -> None:
        for track in self._tracks:
            track.offer(i420, pts)

    async def _serve(self, listener: socket.socket) -> None:
        app = web.Application()
        app.router.add_post("/whep/programme", self._join)
        app.router.add_delete("/whep/programme", self._leave)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.SockSite(runner, listener).start()

    async def _join(self, request: web.Request) -> web.Response:
        peer, track = RTCPeerConnection(), _Track()
        transceiver = peer.addTransceiver(track, direction="sendonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([c for c in codecs if c.mimeType in ("video/VP8", "video/rtx")])
        offer = checked_offer(await request.read())
        await peer.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        await peer.setLocalDescription()
        self._peers.append(peer)
        self._tracks.append(track)
        headers = {"Location": "/whep/programme"}
        return web.Response(
            status=201, text=peer.localDescription.sdp, content_type="application/sdp", headers=headers
        )

    async def _leave(self, _: web.Request) -> web.Response:
        await self._close()
        return web.Response()

    async def _close(self) -> None:
        self._tracks.clear()
        for peer in self._peers:
            await peer.close()
        self._peers.clear()
