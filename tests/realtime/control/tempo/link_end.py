"""One end of Ableton Link, for `test_link_tempo`: the music's program, or the show.

    python -m tests.realtime.control.tempo.link_end music 97    sets each tempo that comes as a line
    python -m tests.realtime.control.tempo.link_end show

Each prints what it knows as JSON, five times a second.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict

from realtime.control.tempo.link_tempo import LinkTempo


def say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


async def music(bpm: float) -> None:
    from aalink import Link

    link = Link(bpm)
    link.enabled = True
    os.set_blocking(sys.stdin.fileno(), False)
    while True:
        await asyncio.sleep(0.2)
        line = sys.stdin.readline()
        if line:
            link.tempo = float(line)
        say(bpm=round(link.tempo, 2), peers=link.num_peers)


def show() -> None:
    tempo = LinkTempo()
    while True:
        time.sleep(0.2)
        say(**asdict(tempo.status()))


if __name__ == "__main__":
    if sys.argv[1] == "show":
        show()
    else:
        asyncio.run(music(float(sys.argv[2])))
