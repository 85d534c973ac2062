"""From a pose to the player's picture, on its way to the playout with its ticket."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime.confidence import NEVER_FILMED, Confidence
from realtime.nets import Nets
from realtime.pacing import Pace
from realtime.pictures.alpha import draw_on
from realtime.posing import Posed
from realtime.skipped import Skipped
from realtime.transport.bus import Ticket
from realtime.transport.frames import FrameWriter
from realtime.transport.telemetry import Meter


class Painting:
    """For the generate thread. confidence: of late, for any thread."""

    def __init__(
        self, frames: FrameWriter, players: Sequence[Path], meter: Meter, *, least_confidence: float = 0.0
    ) -> None:
        """players: the packs that may dance; a ticket tells who does by his place among them.
        least_confidence: see `Confidence`."""
        self._frames = frames
        self._places = {folder: place for place, folder in enumerate(players)}
        self._meter = meter
        self._pace = Pace()
        self._finished = 0
        self.confidence = Confidence(least_confidence)
        self.skipped = Skipped(meter)

    def step(self, posed: Posed, camera_period_ns: int, *, skeleton: bool) -> None:
        """camera_period_ns: how far apart the camera's frames lie. A frame that fails is counted."""
        index = sequence = 0
        if posed.landmarks is None:
            self._meter.drop("nobody")
            self._pace.interrupted()
            self.confidence.interrupted()
        else:
            try:
                started_ns = time.monotonic_ns()
                self._meter.time("pose_to_generate", started_ns - posed.posed_ns)
                if posed.new_dancer:
                    posed.nets.render.reset()
                with self._frames.write() as slot:
                    posed.nets.render(posed.landmarks, slot.picture)
                    confidence = posed.sure * posed.nets.render.likeness
                    self._meter.time("generate", time.monotonic_ns() - started_ns)
                    for name, spent_ns in posed.nets.render.spent_ns.items():
                        self._meter.time(name, spent_ns)
                    if skeleton:
                        _draw_skeleton(posed.nets, slot.picture, posed.landmarks)
            except Exception as error:  # noqa: BLE001  # one frame must not end the show: counted, said once
                self.skipped.failed("generate_failed", f"generate: {error}")
                return
            self.skipped.succeeded()
            self._judge(posed, confidence)
            self._meter.count("frames.generated")
            self._finished += 1
            self._pace.finished(time.monotonic_ns())
            index, sequence = slot.index, slot.sequence
        ticket = Ticket(
            posed.captured.frame_id,
            index,
            sequence,
            posed.landmarks is not None,
            self._finished,
            max(camera_period_ns, self._pace.period_ns),
            posed.captured.captured_ns,
            posed.posed_ns,
            time.monotonic_ns(),
            self._places.get(posed.nets.folder, 0),
            self.confidence.trusted,
        )
        self._frames.send(ticket)

    def _judge(self, posed: Posed, confidence: float) -> None:
        """Whether pictures like this one, 0..1, may go on air."""
        was_trusted = self.confidence.trusted
        if posed.new_dancer:
            self.confidence.reset()
        self.confidence.step(confidence, posed.captured.captured_ns)
        if was_trusted and not self.confidence.trusted:
            self._meter.event(time.monotonic_ns(), NEVER_FILMED)


def _draw_skeleton(nets: Nets, picture: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> None:
    if picture.shape[2] == 4:
        draw_on(picture, lambda colours: nets.draw_skeleton(colours, landmarks))
    else:
        nets.draw_skeleton(picture, landmarks)
