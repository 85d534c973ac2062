"""One end of the link, in a process of its own, for `tools.benchmarking.link`.

python -m tools.benchmarking.link_end performer LINK STREAMS FPS: sends until it is killed.
python -m tools.benchmarking.link_end playout LINK STREAMS SECONDS: a line at the first frame, then JSON: the
player's frames a second, and the age of each in ms, from the moment when it was painted.

LINK: addresses, port and keys, as JSON. STREAMS: topic → (height, width, channels).
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from engines.time_units import NS_PER_MS
from realtime.link.remote_clock import RemoteClock, answer
from realtime.transport.bus import Bus, Link, Side, Ticket
from realtime.transport.frame_ring import RingSpec
from realtime.transport.frames import open_reader, open_writer

POLL_S = 0.001
FIRST_FRAME_S = 30.0


def perform(bus: Bus, streams: dict[str, RingSpec], fps: float) -> None:
    """Sends every stream at `fps`."""
    threading.Thread(target=answer, args=(bus, threading.Event()), daemon=True).start()
    writers = [open_writer(bus, topic, spec) for topic, spec in streams.items()]
    start, frame = time.monotonic(), 0
    while True:
        frame += 1
        time.sleep(max(0, start + frame / fps - time.monotonic()))
        for writer in writers:
            with writer.write() as slot:
                slot.picture[:] = frame % 256
            now_ns = time.monotonic_ns()
            writer.send(Ticket(frame, slot.index, slot.sequence, True, frame, 0, now_ns, now_ns, now_ns))


def play_out(bus: Bus, streams: dict[str, RingSpec], seconds: float) -> None:
    """Receives for `seconds` after the first frame, which must come within FIRST_FRAME_S."""
    clock = RemoteClock(bus)
    player, *others = (open_reader(bus, topic, spec, clock) for topic, spec in streams.items())
    ages: list[float] = []
    ends_s = time.monotonic() + FIRST_FRAME_S
    while time.monotonic() < ends_s:
        ticket = player.newest()
        if ticket is not None and player.read(ticket):
            if not ages:
                ends_s = time.monotonic() + seconds
                print("first frame", flush=True)
            ages.append((time.monotonic_ns() - ticket.generated_ns) / NS_PER_MS)
        for other in others:
            other.newest()
        time.sleep(POLL_S)
    clock.close()
    print(json.dumps({"ages_ms": ages, "fps": round(len(ages) / seconds, 2)}))


def main(side: Side, link: dict[str, Any], shapes: dict[str, list[int]], number: float) -> None:
    keys = Path(link.pop("keys"))
    streams = {topic: RingSpec("", *shape) for topic, shape in shapes.items()}
    with tempfile.TemporaryDirectory() as folder:
        bus = Bus(Path(folder), Link(side, **link, keys=keys))
        (perform if side == "performer" else play_out)(bus, streams, number)
        bus.close()


if __name__ == "__main__":
    main("performer" if sys.argv[1] == "performer" else "playout", *map(json.loads, sys.argv[2:]))
