"""A WHEP client with aiortc, and a programme for it to watch."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from fractions import Fraction

import numpy as np
from aiortc import RTCPeerConnection, RTCSessionDescription

from realtime.outputs.webrtc.aiortc_patches import new_peer
from realtime.outputs.webrtc.webrtc_sink import WebRtcSink
from realtime.transport.programme_ring import ProgrammeFrame

SIZE = (128, 96)
FPS = Fraction(30000, 1001)
SDP = {"Content_Type": "application/sdp"}


def frame(tick: int) -> ProgrammeFrame:
    """Its grey tells the tick: 40 + 4 * (tick % 40); the preview is black."""
    picture = np.full((SIZE[1], SIZE[0], 3), 40 + 4 * (tick % 40), np.uint8)
    return ProgrammeFrame(picture, preview=np.zeros_like(picture) if tick % 2 else None)


def ask(
    sink: WebRtcSink, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[int, str, dict[str, str]]:
    request = urllib.request.Request(  # noqa: S310  # our own address
        sink.where.removesuffix("/whep") + path,
        data=None if body is None else body.encode(),
        method=method,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


async def offer(kind: str = "video") -> tuple[RTCPeerConnection, str]:
    peer = new_peer(())
    peer.addTransceiver(kind, direction="recvonly")
    await peer.setLocalDescription()
    return peer, peer.localDescription.sdp


class Watcher:
    """A viewer; `async with` joins and leaves."""

    def __init__(self, sink: WebRtcSink, source: str = "programme") -> None:
        self.sink, self.source = sink, source
        self.greys: list[int] = []
        self.times: list[float] = []

    async def __aenter__(self) -> Watcher:
        self.peer, sdp = await offer()
        tracks: asyncio.Queue = asyncio.Queue()
        self.peer.on("track", tracks.put_nowait)
        status, self.answer, headers = await asyncio.to_thread(
            ask, self.sink, "POST", f"/whep/{self.source}", sdp, Content_Type="application/sdp"
        )
        assert (status, headers["Content-Type"]) == (201, "application/sdp; charset=utf-8")
        self.location = headers["Location"]
        await self.peer.setRemoteDescription(RTCSessionDescription(self.answer, "answer"))
        self.track = await tracks.get()
        return self

    async def watch(self, pictures: int) -> None:
        """Adds the mean grey of each picture, and its time in seconds."""
        for _ in range(pictures):
            picture = await asyncio.wait_for(self.track.recv(), 60)
            self.greys.append(round(picture.to_ndarray(format="bgr24").mean()))
            self.times.append(float(picture.time))

    async def __aexit__(self, *_: object) -> None:
        status, *_ = await asyncio.to_thread(ask, self.sink, "DELETE", self.location)
        assert status == 200
        await self.peer.close()


def check(watcher: Watcher) -> None:
    """The grey tells the tick; the time is the tick's own, not that of arrival."""
    steps = np.diff(watcher.times)
    ticks = np.rint(steps * float(FPS))
    assert (ticks >= 1).all()
    np.testing.assert_allclose(steps, ticks / float(FPS), atol=1e-4)
    moved = np.diff(watcher.greys) - 4 * ticks
    np.testing.assert_allclose((moved + 80) % 160 - 80, 0, atol=5)  # the grey starts again after 40 ticks
    assert len(set(watcher.greys)) > 3
