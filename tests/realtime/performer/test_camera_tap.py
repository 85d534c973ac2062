import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from realtime.config.show import Show
from realtime.performer.camera_tap import CameraTap
from realtime.performer.capture_thread import Captured
from realtime.pictures.picture import backdrop
from realtime.transport.bus import Bus, Ticket
from realtime.transport.frame_ring import FrameRing
from realtime.transport.orders import Orders

SIZE = (128, 96)


def test_beside_the_picture_of_another_camera_nothing_is_left_of_the_one_before(tmp_path: Path) -> None:
    bus, ring = Bus(tmp_path), FrameRing.create(SIZE[1], SIZE[0])
    surround, seen = backdrop(*SIZE), np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    rig: Any = SimpleNamespace(camera_frames=ring.spec, show=Show())
    try:
        reader = bus.receiver("camera", "playout")
        tap = CameraTap(bus, rig)
        blank, orders = np.zeros_like(seen), Orders(camera_preview=True)
        deadline = time.monotonic() + 60
        while not reader.poll(20):  # until the two are connected
            assert time.monotonic() < deadline
            tap.take(Captured(1000, blank, 0), 1, orders)
        for n in range(24):
            narrow = n >= 12
            picture = np.full((SIZE[1], 32 if narrow else SIZE[0], 3), 250, np.uint8)
            ticket = None
            while ticket is None or ticket.frame_id != n:
                assert time.monotonic() < deadline
                tap.take(Captured(n, picture, n), 1, orders)
                while reader.poll(200) and (ticket is None or ticket.frame_id != n):
                    ticket = Ticket.unpack(reader.recv())
            assert ring.read(ticket.slot, ticket.sequence, seen)
            assert tap.size == (32 if narrow else SIZE[0], SIZE[1])
            assert (seen[:, SIZE[0] // 2] == 250).all()
            if narrow:
                np.testing.assert_array_equal(seen[:, :40], surround[:, :40])
    finally:
        bus.close()
        ring.close()
