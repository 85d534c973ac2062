"""Sends the camera's picture to the playout too, for as long as somebody there wants it."""

from __future__ import annotations

import time

from realtime.config.backgrounds import LiveCamera
from realtime.config.show import Show
from realtime.performer.capture_thread import Captured
from realtime.pictures.picture import backdrop, place
from realtime.stages.context import Rig
from realtime.transport.bus import Bus, Ticket
from realtime.transport.frames import open_writer
from realtime.transport.orders import Orders


class CameraTap:
    """For the capture thread. size: (width, height) of the camera's pictures; None before the first."""

    def __init__(self, bus: Bus, rig: Rig) -> None:
        spec = rig.camera_frames
        self._show = rig.show
        self._surround = backdrop(spec.width, spec.height)
        self._writer = open_writer(bus, "camera", spec, self._surround)
        self._slots = range(spec.slots)
        self._to_surround: set[int] = set()
        self.size: tuple[int, int] | None = None

    def take(self, captured: Captured, period_ns: int, orders: Orders) -> None:
        """period_ns: how far apart the camera's frames lie."""
        height, width = captured.picture.shape[:2]
        if self.size not in (None, (width, height)):  # the old picture must not show beside the new one
            self._to_surround = set(self._slots)
        self.size = width, height
        if not is_wanted(self._show, orders):
            return
        with self._writer.write() as slot:
            if slot.index in self._to_surround:
                self._to_surround.remove(slot.index)
                slot.picture[:] = self._surround
            place(captured.picture, slot.picture)
        ticket = Ticket(
            captured.frame_id,
            slot.index,
            slot.sequence,
            True,
            slot.sequence,
            period_ns,
            captured.captured_ns,
            0,
            time.monotonic_ns(),
        )
        self._writer.send(ticket)


def is_wanted(show: Show, orders: Orders) -> bool:
    """Whether the camera can be seen: as the fallback, in the preview, or behind the player."""
    cameras = [each.name for each in show.backgrounds if isinstance(each, LiveCamera)]
    return show.fallback == "camera" or orders.camera_preview or orders.background in cameras
