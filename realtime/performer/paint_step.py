"""The generate thread's work on a frame: paints who dances, and sends the picture with its ticket."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime.performer.confidence import NEVER_FILMED, Confidence
from realtime.performer.frame_failures import FrameFailures
from realtime.performer.networks import Nets
from realtime.performer.pose_step import Posed
from realtime.pictures.alpha import draw_on
from realtime.transport.bus import NO_MEDIA, Ticket
from realtime.transport.frames import FrameWriter
from realtime.transport.telemetry import Meter


class Pace:
    """The recent interval between finished frames, averaged over about ten."""

    WEIGHT = 0.1

    def __init__(self) -> None:
        self.period_ns = 0
        self._last_ns: int | None = None

    def finished(self, now_ns: int) -> None:
        if self._last_ns is not None:
            gap_ns = now_ns - self._last_ns
            self.period_ns = round((1 - self.WEIGHT) * (self.period_ns or gap_ns) + self.WEIGHT * gap_ns)
        self._last_ns = now_ns

    def interrupted(self) -> None:
        """Nobody was there: the gap until the next frame does not count."""
        self._last_ns = None


class PaintStep:
    """Call `step` in the generate thread for each posed frame. confidence: the recent one, readable from any
    thread."""

    def __init__(
        self,
        frames: FrameWriter,
        players: Sequence[Path],
        cameras: Sequence[str],
        meter: Meter,
        *,
        least_confidence: float = 0.0,
    ) -> None:
        """players: the packs that may dance; a ticket names the player by the index here. cameras: likewise.
        least_confidence: see `Confidence`."""
        self._frames = frames
        self._cameras = {camera: place for place, camera in enumerate(cameras)}
        self._places = {folder: place for place, folder in enumerate(players)}
        self._meter = meter
        self._pace = Pace()
        self._finished = 0
        self._last: Ticket | None = None
        self._turns = [0, 0]
        self.confidence = Confidence(least_confidence)
        self.failures = FrameFailures(meter)

    def step(self, posed: Posed, camera_period_ns: int, *, skeleton: bool) -> None:
        """Paints and sends one frame. camera_period_ns: the interval of the camera's frames. A frame that
        fails is counted."""
        index = sequence = 0
        there = [dancer for dancer in posed.dancers if dancer is not None]
        if not there:
            self._meter.drop("nobody")
            self._pace.interrupted()
            self.confidence.interrupted()
        else:
            try:
                started_ns = time.monotonic_ns()
                self._meter.time("pose_to_generate", started_ns - posed.posed_ns)
                self._reset(posed)
                with self._frames.write() as slot:
                    confidence, spent = _painted(posed, slot.picture)
                    self._meter.time("generate", time.monotonic_ns() - started_ns)
                    for name, spent_ns in spent.items():
                        self._meter.time(name, spent_ns)
                    for dancer in there if skeleton else ():
                        _draw_skeleton(posed.nets, slot.picture, dancer.landmarks)
            except Exception as error:  # noqa: BLE001  # one frame must not end the show: counted, said once
                self.failures.failed("generate_failed", f"generate: {error}")
                return
            self.failures.succeeded()
            self._judge(posed, confidence)
            self._meter.count("frames.generated")
            self._finished += 1
            self._pace.finished(time.monotonic_ns())
            index, sequence = slot.index, slot.sequence
        ticket = Ticket(
            posed.captured.frame_id,
            index,
            sequence,
            bool(there),
            self._finished,
            max(camera_period_ns, self._pace.period_ns),
            posed.captured.captured_ns,
            posed.posed_ns,
            time.monotonic_ns(),
            self._places.get(posed.nets.folder, 0),
            self.confidence.trusted,
            camera=self._cameras.get(posed.captured.camera, 0),
            media_ns=NO_MEDIA if posed.captured.media_ns is None else posed.captured.media_ns,
        )
        self._frames.send(ticket._replace(before_ns=self._before_ns(ticket)))
        self._last = ticket

    def _reset(self, posed: Posed) -> None:
        """Lets nothing of the movement before be seen of dancers who are new, also where the first frames of
        theirs were overtaken or fail. Where all are new, the confidence is theirs alone."""
        new = []
        for place, (dancer, reset) in enumerate(zip(posed.dancers, posed.nets.resets, strict=True)):
            if dancer is None:
                continue
            new.append(dancer.turn != self._turns[place])
            self._turns[place] = dancer.turn
            if new[-1]:
                reset()
        if all(new):
            self.confidence.reset()

    def _before_ns(self, ticket: Ticket) -> int:
        """See `Ticket.before_ns`."""
        last = self._last
        if last is None or not (last.good and last.trusted and ticket.good):
            return 0
        follows = (last.sequence + 1, last.player) == (ticket.sequence, ticket.player)
        return last.captured_ns if follows else 0

    def _judge(self, posed: Posed, confidence: float) -> None:
        """Updates whether pictures with this confidence, 0..1, may go on air."""
        was_trusted = self.confidence.trusted
        self.confidence.step(confidence, posed.captured.captured_ns)
        if was_trusted and not self.confidence.trusted:
            self._meter.event(time.monotonic_ns(), NEVER_FILMED)


def _painted(posed: Posed, picture: NDArray[np.uint8]) -> tuple[float, Mapping[str, int]]:
    """Paints who is there into `picture`. Returns the confidence, 0..1, of two the worse one's; and what took
    how long, see `Render.spent_ns`."""
    nets, second = posed.nets, posed.nets.second
    if second is None:
        (alone,) = posed.dancers
        assert alone is not None  # noqa: S101  # else nothing is painted
        nets.render(alone.landmarks, picture)
        return alone.sure * nets.render.likeness, nets.render.spent_ns
    second.paint([None if dancer is None else dancer.landmarks for dancer in posed.dancers], picture)
    both = zip(posed.dancers, second.paint.likeness, strict=True)
    return min(dancer.sure * like for dancer, like in both if dancer is not None), second.paint.spent_ns


def _draw_skeleton(nets: Nets, picture: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> None:
    if picture.shape[2] == 4:
        draw_on(picture, lambda colours: nets.draw_skeleton(colours, landmarks))
    else:
        nets.draw_skeleton(picture, landmarks)
