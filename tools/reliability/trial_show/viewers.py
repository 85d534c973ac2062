"""Viewers of a show's page, all in one process: WHEP by aiortc, pictures put together, not decoded.

    python -m tools.reliability.trial_show.viewers http://127.0.0.1:8080 COUNT [CYCLE_S]

Each second it prints one line of JSON: how many watch, how many pictures came, how often a viewer had to join
again, and the longest time between two pictures of the first viewer. That one stays. With CYCLE_S the others
come one after the other in each cycle, and leave before its end; the last tenth of it belongs to the first.
A viewer without a picture for STALLED_S joins again, as the page does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import time
from fractions import Fraction
from typing import Any

import aiohttp
import aiortc.rtcrtpreceiver
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.jitterbuffer import JitterFrame
from aiortc.mediastreams import MediaStreamError
from av.video.frame import VideoFrame

from realtime.outputs.webrtc.aiortc_patches import new_peer, reach_loopback

STALLED_S, CONNECTING_S, AGAIN_S = 4.0, 8.0, 0.5


class Undecoded:
    """In a decoder's place: an empty picture for each that is complete."""

    def decode(self, encoded: JitterFrame) -> list[VideoFrame]:
        frame = VideoFrame(16, 16, "yuv420p")
        frame.pts, frame.time_base = encoded.timestamp, Fraction(1, 90000)
        return [frame]


class Crowd:
    """What its viewers saw since the last line."""

    def __init__(self) -> None:
        self.watching = self.pictures = self.rejoins = 0
        self.longest_gap_s = 0.0
        self.newest_s: float | None = None
        """When the first viewer's newest picture came."""

    def came(self, *, first: bool) -> None:
        self.pictures += 1
        if first:
            self._note_gap()
            self.newest_s = time.monotonic()

    def _note_gap(self) -> None:
        if self.newest_s is not None:
            self.longest_gap_s = max(self.longest_gap_s, time.monotonic() - self.newest_s)

    def line(self) -> str:
        self._note_gap()  # one that has not ended yet
        said = {
            "at_s": time.monotonic(),
            "watching": self.watching,
            "pictures": self.pictures,
            "rejoins": self.rejoins,
            "longest_gap_s": round(self.longest_gap_s, 3),
        }
        self.pictures = 0
        self.longest_gap_s = 0.0
        return json.dumps(said)


async def watch(http: aiohttp.ClientSession, url: str, crowd: Crowd, *, first: bool) -> None:
    """One join, until nothing comes any more or the task ends."""
    peer: RTCPeerConnection = new_peer(())
    location = None
    counted = False
    try:
        tracks: asyncio.Queue[Any] = asyncio.Queue()
        peer.addTransceiver("video", direction="recvonly")
        peer.on("track", tracks.put_nowait)
        await peer.setLocalDescription()
        offer = peer.localDescription.sdp
        async with http.post(
            f"{url}/whep/programme", data=offer, headers={"Content-Type": "application/sdp"}
        ) as answer:
            answer.raise_for_status()
            location = answer.headers["Location"]
            await peer.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))
        track = await tracks.get()
        async with asyncio.timeout(CONNECTING_S):
            await track.recv()
        crowd.watching += 1
        counted = True
        while True:
            crowd.came(first=first)
            async with asyncio.timeout(STALLED_S):
                await track.recv()
    finally:
        crowd.watching -= counted
        with contextlib.suppress(Exception):  # it leaves, and the server may be gone or hang
            if location is not None:
                async with asyncio.timeout(2), http.delete(f"{url}{location}"):
                    pass
            await peer.close()


async def stay(http: aiohttp.ClientSession, url: str, crowd: Crowd, *, first: bool) -> None:
    """Joins, and again whenever it is lost."""
    while True:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, MediaStreamError, OSError, ValueError):
            await watch(http, url, crowd, first=first)
        crowd.rejoins += 1
        await asyncio.sleep(AGAIN_S)


async def come_and_go(http: aiohttp.ClientSession, url: str, crowd: Crowd, cycle_s: float) -> None:
    """Once in each cycle."""
    while True:
        at_s = time.monotonic() % cycle_s
        joins_s = cycle_s * random.uniform(0.1, 0.5)
        if at_s > joins_s:
            await asyncio.sleep(cycle_s - at_s)
            continue
        await asyncio.sleep(joins_s - at_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(cycle_s * random.uniform(0.7, 0.9) - joins_s):
                await stay(http, url, crowd, first=False)


async def run(url: str, count: int, cycle_s: float | None) -> None:
    crowd = Crowd()
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http:
        tasks = [asyncio.create_task(stay(http, url, crowd, first=n == 0)) for n in range(count)]
        if cycle_s is not None:
            for task in tasks[1:]:
                task.cancel()
            tasks[1:] = [
                asyncio.create_task(come_and_go(http, url, crowd, cycle_s)) for _ in range(count - 1)
            ]
        while True:
            await asyncio.sleep(1)
            print(crowd.line(), flush=True)


def main(arguments: list[str]) -> int:
    url, count = arguments[0], int(arguments[1])
    aiortc.rtcrtpreceiver.get_decoder = lambda codec: Undecoded()
    reach_loopback()
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        asyncio.run(run(url, count, float(arguments[2]) if len(arguments) > 2 else None))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
