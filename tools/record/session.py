"""A run of the recorder: the camera, the takes, what is learned from the newest frame, and the screen.

Frames go from the camera's thread to the encoder's. They are not examined while the encoder is behind.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engines.pose.tracking.tracker import PoseTracker
from engines.time_units import NS_PER_S
from realtime.cameras.video_source import VideoSource
from realtime.config.show import Capture
from realtime.performer.capture_thread import Captured, CaptureThread
from realtime.transport.telemetry import Meter
from tools.coverage.meter import Coverage
from tools.record.checks import Check, Sharpness, StillCamera, alone, exposure, framing
from tools.record.prompts import Cue, Prompter
from tools.record.screen import View
from tools.record.state import Recording
from tools.record.surfaces import Surface
from tools.record.takes import TakeWriter

SAVE_NS = 2 * NS_PER_S
"""The meter is saved this often: a kill loses no more."""


class Newest:
    """Holds the newest frame. Whoever takes it waits for the next."""

    def __init__(self) -> None:
        self._frame: Captured | None = None
        self._ready = threading.Condition()

    def put(self, frame: Captured) -> None:
        with self._ready:
            self._frame = frame
            self._ready.notify()

    def take(self, timeout_s: float) -> Captured | None:
        """The newest frame; None if no new one came in time."""
        with self._ready:
            self._ready.wait_for(lambda: self._frame is not None, timeout_s)
            frame, self._frame = self._frame, None
            return frame


@dataclass
class Judge:
    """Examines frames: the meter, the checks, the next prompt."""

    coverage: Coverage
    tracker: PoseTracker
    prompter: Prompter = field(default_factory=Prompter)
    sharp: Sharpness = field(default_factory=Sharpness)
    still: StillCamera = field(default_factory=StillCamera)
    landmarks: NDArray[np.float32] | None = None

    def restart(self) -> None:
        """Another take begins, with a new prompt; the camera may have been moved."""
        self.coverage.end_take()
        self.prompter.skip()
        self.still = StillCamera()

    def look(self, frame: Captured, filming: bool) -> tuple[Cue | None, list[Check]]:
        """Examines a frame. filming: whether it counts. The cue is None while paused."""
        picture, t_ns = frame.picture, frame.captured_ns
        size = (picture.shape[1], picture.shape[0])
        pose = self.tracker(picture, t_ns)
        self.landmarks = pose.landmarks if pose is not None else None
        checks = [framing(self.landmarks, size), exposure(picture, self.landmarks)]
        if self.landmarks is not None:
            checks += self.sharp.add(picture, self.landmarks, t_ns)
        checks += [alone(len(self.tracker.people)), self.still.add(picture, self.landmarks)]
        if not filming:
            return None, checks
        self.coverage.add(self.landmarks, size, t_ns)
        return self.prompter.cue(self.coverage, t_ns), checks


class Session:
    """camera: as `realtime.cameras.video_source` takes it. size: (width, height) to request from it."""

    def __init__(self, recording: Recording, camera: str, size: tuple[int, int]) -> None:
        self._recording = recording
        self._meter = Meter()
        self._newest = Newest()
        self._writer = TakeWriter(recording.folder)
        self._capture = CaptureThread(
            camera, self._deliver, self._meter, open_source=lambda name: VideoSource(name, Capture(size=size))
        )
        self._lock = threading.Lock()
        self._filming = False
        self._note = ""
        self._skipped = 0

    def run(self, surface: Surface, stop: threading.Event, *, seconds: float | None, backend: str) -> None:
        """Films until told to finish, or for `seconds`.

        Raises CaptureError, EngineError, TakeError, OSError; the take is then closed, and the meter saved.
        """
        self._capture.start(must_open=True)
        try:
            judge = Judge(self._recording.coverage, PoseTracker(backend=backend, smoothing=None))
            self._writer.start(NS_PER_S / self._capture.period_ns)
            self._filming = True
            with surface:
                self._loop(surface, judge, stop, seconds)
        finally:
            self._capture.stop()
            self._writer.close()
            self._recording.save()
        if self._writer.error is not None:
            raise self._writer.error

    def _loop(self, surface: Surface, judge: Judge, stop: threading.Event, seconds: float | None) -> None:
        started_ns = saved_ns = time.monotonic_ns()
        while not stop.is_set() and self._writer.error is None:
            now_ns = time.monotonic_ns()
            if seconds is not None and now_ns - started_ns >= seconds * NS_PER_S:
                return
            self._hear()
            frame = self._newest.take(0.1)
            if frame is not None and not self._writer.behind:
                cue, checks = judge.look(frame, self._filming)
                surface.show(frame.picture, judge.landmarks, self._view(cue, checks))
            for action in surface.actions():
                if action == "finish":
                    return
                if action == "next":
                    judge.prompter.skip()
                elif action == "pause":
                    self._pause()
                    judge.restart()
            if now_ns - saved_ns >= SAVE_NS:
                self._recording.save()
                saved_ns = now_ns

    def _deliver(self, frame: Captured) -> None:
        """Runs in the camera's thread."""
        with self._lock:
            if self._filming:
                self._writer.put(frame.captured_ns, frame.picture)
        self._newest.put(frame)

    def _pause(self) -> None:
        """Pauses; or continues, in another take."""
        with self._lock:
            self._filming = not self._filming
            if not self._filming:
                self._writer.end_take()

    def _hear(self) -> None:
        """Handles what the camera's thread reports."""
        delta = self._meter.take()
        self._skipped += delta.counts.get("dropped.late_from_source", 0)
        if delta.events:
            self._note = delta.events[-1][1]

    def _view(self, cue: Cue | None, checks: list[Check]) -> View:
        return View(
            cue=cue,
            checks=checks,
            coverage=self._recording.coverage,
            take=self._writer.name,
            seconds=self._writer.frames * self._capture.period_ns / NS_PER_S,
            left_s=self._writer.seconds_left(),
            dropped=self._writer.dropped + self._skipped,
            note=self._note,
        )
