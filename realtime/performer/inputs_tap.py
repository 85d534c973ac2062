"""Hands the camera's pictures to the recorder of inputs, in a show that has one. It waits for nobody."""

from __future__ import annotations

import json

import cv2
import numpy as np
import zmq

from engines.time_units import NS_PER_S
from realtime.performer.capture_thread import Captured
from realtime.stages.context import Rig
from realtime.transport.bus import Bus
from realtime.transport.frame_ring import FrameRing


class InputsTap:
    """For the capture thread. A picture that is larger than the ring's is made smaller."""

    def __init__(self, bus: Bus, rig: Rig) -> None:
        self._bus = bus
        self._ring = None if rig.inputs is None else FrameRing.attach(rig.inputs)
        asked = rig.show.record_inputs
        self._fps = None if asked is None else asked.fps
        self._socket: zmq.Socket[bytes] | None = None
        self._first_ns: int | None = None
        self._due = 0

    def take(self, captured: Captured, camera: int) -> None:
        """camera: the place of the camera that is on, from 0."""
        if self._ring is None or not self._is_due(captured.captured_ns):
            return
        if self._socket is None:  # in the thread that sends
            self._socket = self._bus.sender("inputs", "performer")
        spec = self._ring.spec
        height, width = captured.picture.shape[:2]
        scale = min(1.0, spec.width / width, spec.height / height)
        wide, high = max(1, int(width * scale)), max(1, int(height * scale))
        with self._ring.write() as slot:
            out = slot.picture.reshape(-1)[: high * wide * 3].reshape(high, wide, 3)
            if scale < 1:
                cv2.resize(captured.picture, (wide, high), dst=out, interpolation=cv2.INTER_AREA)
            else:
                np.copyto(out, captured.picture)
        message = [slot.index, slot.sequence, wide, high, captured.frame_id, captured.captured_ns, camera]
        self._socket.send(json.dumps(message).encode(), zmq.NOBLOCK)

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
