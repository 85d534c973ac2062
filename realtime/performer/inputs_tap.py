"""Hands the camera's pictures to the recorder of inputs, in a show that has one.

The capture thread only puts each picture where a thread of this module takes it: the newest one. That thread
copies it into shared memory, smaller if it has to be.
"""

from __future__ import annotations

import json
import threading
from typing import NamedTuple

import cv2
import numpy as np
import zmq

from engines.time_units import NS_PER_S
from realtime.performer.capture_thread import Captured
from realtime.stages.context import Rig
from realtime.transport.bus import Bus
from realtime.transport.frame_ring import FrameRing
from realtime.transport.latest import Latest

TAKE_S = 0.2

LOST = "overtaken"
"""The show has such a picture, only the recording lacks it; so it is none of `telemetry.DROPS`."""


class Tapped(NamedTuple):
    """camera: the place of the camera that took it, from 0."""

    captured: Captured
    camera: int


class InputsTap:
    """Call `take` in the capture thread. lost: pictures that were overtaken before they were copied."""

    def __init__(self, bus: Bus, rig: Rig) -> None:
        self._bus = bus
        self._ring = None if rig.inputs is None else FrameRing.attach(rig.inputs)
        asked = rig.show.record_inputs
        self._fps = None if asked is None else asked.fps
        self._first_ns: int | None = None
        self._due = 0
        self.lost = 0
        self._latest: Latest[Tapped] = Latest(self, LOST)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inputs", daemon=True)
        if self._ring is not None:
            self._thread.start()

    def take(self, captured: Captured, camera: int) -> None:
        """camera: see `Tapped`. Never waits."""
        if self._ring is not None and self._is_due(captured.captured_ns):
            self._latest.put(Tapped(captured, camera))

    def drop(self, cause: str, n: int = 1) -> None:
        """See `latest.Drops`."""
        self.lost += n

    def close(self) -> None:
        self._stop.set()
        if self._ring is not None:
            self._thread.join(1.0)

    def _run(self) -> None:
        assert self._ring is not None  # noqa: S101  # else there is no thread
        socket = self._bus.sender("inputs", "performer")
        while not self._stop.is_set():
            tapped = self._latest.take(TAKE_S)
            if tapped is not None:
                message = self._copied(tapped, self._ring)
                socket.send(json.dumps(message).encode(), zmq.NOBLOCK)

    def _copied(self, tapped: Tapped, ring: FrameRing) -> list[int]:
        """What the recorder is told: slot, sequence, width, height, frame id, stamp, camera, `lost`."""
        captured, camera = tapped
        height, width = captured.picture.shape[:2]
        scale = min(1.0, ring.spec.width / width, ring.spec.height / height)
        wide, high = max(1, int(width * scale)), max(1, int(height * scale))
        with ring.write() as slot:
            out = slot.picture.reshape(-1)[: high * wide * 3].reshape(high, wide, 3)
            if scale < 1:
                cv2.resize(captured.picture, (wide, high), dst=out, interpolation=cv2.INTER_AREA)
            else:
                np.copyto(out, captured.picture)
        return [
            slot.index,
            slot.sequence,
            wide,
            high,
            captured.frame_id,
            captured.captured_ns,
            camera,
            self.lost,
        ]

    def _is_due(self, captured_ns: int) -> bool:
        """Whether this picture is one of those that make up the rate that was asked for."""
        if self._fps is None:
            return True
        if self._first_ns is None:
            self._first_ns = captured_ns
        place = round((captured_ns - self._first_ns) * float(self._fps) / NS_PER_S)
        if place < self._due:
            return False
        self._due = place + 1
        return True
