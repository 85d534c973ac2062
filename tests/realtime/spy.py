"""Somebody on the link: python -m tests.realtime.spy SHOW [KEYS]

Listens for the performer's frames for three seconds, with the playout's keys of folder KEYS or without any,
and prints how many came.
"""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import zmq

import run_live
from realtime.config.show import load_show
from realtime.transport.bus import Bus, receive_newest

LISTEN_S = 3.0

if __name__ == "__main__":
    link = run_live.link_of(load_show(Path(sys.argv[1])), "playout")
    assert link is not None
    with tempfile.TemporaryDirectory() as folder, zmq.Context() as context:
        if len(sys.argv) > 2:
            bus = Bus(Path(folder), replace(link, keys=Path(sys.argv[2])))
            socket = bus.receiver("tickets", "playout")
        else:
            socket = context.socket(zmq.SUB)
            socket.subscribe(b"")
            socket.connect(f"tcp://{link.performer}:{link.port_of('tickets')}")
        frames, ends_s = 0, time.monotonic() + LISTEN_S
        while time.monotonic() < ends_s:
            if socket.poll(100):
                frames += receive_newest(socket) is not None
        socket.close(linger=0)
    print(frames)
