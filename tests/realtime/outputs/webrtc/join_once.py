"""One viewer of one sink, in this process: prints how many seconds the join took and how many pictures came.

Run by a test in a network of its own, without internet.
"""

from __future__ import annotations

import asyncio
import time

from realtime.config.outputs import WebRtc, WebRtcServing
from realtime.outputs.sink import Format
from realtime.outputs.webrtc import aiortc_patches
from realtime.outputs.webrtc.webrtc_sink import WebRtcSink
from realtime.transport.programme_ring import ProgrammeFrame
from tests.realtime.outputs.feeding import playing
from tests.realtime.outputs.webrtc.whep_client import FPS, SIZE, Watcher, check, frame

PICTURES = 20
LONG_GATHER_S = 30.0
"""In place of GATHER_S, so that waiting for a server that never answers is not taken for a busy machine."""


async def watch(sink: WebRtcSink) -> float:
    start = time.monotonic()
    async with Watcher(sink) as watcher:
        took = time.monotonic() - start
        await watcher.watch(PICTURES)
    check(watcher)
    return took


def main() -> None:
    aiortc_patches.GATHER_S = LONG_GATHER_S
    sink = WebRtcSink(WebRtcServing(WebRtc(port=0)), Format(SIZE, FPS))

    def send(frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        if sink.wants():
            sink.send(frame, tick, due_ns)

    with playing(send, frame, FPS):
        print(f"{asyncio.run(watch(sink)):.3f} {PICTURES}")
    sink.close()


if __name__ == "__main__":
    main()
