"""Fifty viewers at once: one encoder, no tick held up, and the slate is what each of them sees next."""

import asyncio
import contextlib
from fractions import Fraction
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from realtime.config.show import Show
from realtime.outputs.sink import Format
from realtime.transport.programme_ring import ProgrammeFrame
from tests.realtime.outputs.feeding import held_nobody_up, playing, wait_for_state
from tools.benchmarking.hosting import hosted

pytestmark = pytest.mark.soak

SIZE = (128, 96)
FPS = Fraction(5)
VIEWERS = 50
SLATE = 250
"""Grey of the slate; the show's greys are 40 + 4 * (tick % 40)."""
PAUSE_TICKS = 12
"""A busy machine may pause just then: some ticks are not encoded, and the slate is still what comes next."""


class OnAir:
    """What is on air; `slate_tick` is set by the tick at which the slate comes."""

    def __init__(self) -> None:
        self.wanted = False
        self.slate_tick: int | None = None

    def frame(self, tick: int) -> ProgrammeFrame:
        if self.wanted and self.slate_tick is None:
            self.slate_tick = tick
        grey = 40 + 4 * (tick % 40) if self.slate_tick is None else SLATE
        return ProgrammeFrame(np.full((SIZE[1], SIZE[0], 3), grey, np.uint8))


async def join(
    http: aiohttp.ClientSession, seen: list[tuple[float, float]], tasks: list[asyncio.Future]
) -> RTCPeerConnection:
    """A viewer that notes (grey, time in s) of each picture."""
    peer = RTCPeerConnection()
    peer.addTransceiver("video", direction="recvonly")

    async def watch(track) -> None:
        with contextlib.suppress(MediaStreamError):  # the end
            while True:
                picture = await track.recv()
                seen.append((float(picture.to_ndarray(format="gray").mean()), float(picture.time)))

    peer.on("track", lambda track: tasks.append(asyncio.ensure_future(watch(track))))
    await peer.setLocalDescription()
    async with http.post(
        "http://localhost/whep/programme",
        data=peer.localDescription.sdp,
        headers={"Content-Type": "application/sdp"},
    ) as answer:
        assert answer.status == 201
        await peer.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))
    return peer


async def watch(path: Path, show: OnAir) -> list[list[tuple[float, float]]]:
    seen: list[list[tuple[float, float]]] = [[] for _ in range(VIEWERS)]
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as http:
        tasks: list[asyncio.Future] = []
        peers = [await join(http, each, tasks) for each in seen]
        async with asyncio.timeout(400):
            while min(map(len, seen)) < 8:
                await asyncio.sleep(0.1)
            show.wanted = True
            while not all(each[-1][0] > 230 for each in seen):
                await asyncio.sleep(0.1)
        await asyncio.gather(*(peer.close() for peer in peers))
    return seen


def test_the_slate_is_the_next_thing_that_each_of_fifty_viewers_sees() -> None:
    show = OnAir()
    with hosted(Show(), Format(SIZE, FPS)) as output:
        wait_for_state(output, "running")
        with playing(output.send, show.frame, FPS) as took:
            seen = asyncio.run(watch(output.rig.whep, show))
        assert held_nobody_up(took)
        assert output.status().dropped.get("slow", 0) < len(took) / 10, "a pause of a busy machine at most"
    assert show.slate_tick is not None
    for viewer in seen:
        first = next(n for n, (grey, _) in enumerate(viewer) if grey > 230)
        (grey, before_s), (_, slate_s) = viewer[first - 1], viewer[first]
        last_tick_modulo = round((grey - 40) / 4)
        ticks = round((slate_s - before_s) * FPS)
        assert (last_tick_modulo + ticks - show.slate_tick) % 40 <= PAUSE_TICKS
