"""Reads a camera, file or stream in a thread of its own, and hands on each frame with its time; and tells a
camera that hangs.

The performer's; `tools.record` films with it too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.time_units import NS_PER_MS, NS_PER_S
from realtime.cameras.camera_name import CaptureError
from realtime.cameras.video_source import Source, VideoSource
from realtime.config.redact import redact, shown
from realtime.transport.backoff import Backoff
from realtime.transport.telemetry import Meter

BEHIND_NS = 500 * NS_PER_MS
"""A recording that is later than this has stood still: it plays on from where it is, at its own rate."""

RETRY_FIRST_S, RETRY_LONGEST_S, STEADY_S = 0.25, 4.0, 1.0
"""See `Backoff`: a camera that drops out is opened again so soon."""

USUAL_FPS = 30
"""Of a camera that was never open."""


class Captured(NamedTuple):
    """One frame. picture: (H, W, 3) uint8 BGR. captured_ns: when it was taken, or due, or arrived: what is
    known. switches: how often the camera was switched before; frames of two cameras differ in it. camera: the
    show's word for it. media_ns: where in the camera's file it lies; see `Source`."""

    frame_id: int
    picture: NDArray[np.uint8]
    captured_ns: int
    switches: int = 0
    camera: str = ""
    media_ns: int | None = None


class CaptureThread:
    """Reads a source and hands each frame to `deliver`, in its own thread.

    A recording plays at its own rate: a frame is decoded ahead, handed over when it is due, and skipped
    and counted where its time has passed. A source that drops out is opened again, with growing pauses, for
    as long as the show lasts. One that hangs in its driver can only be left to itself: see `replace`.

    `switch` opens another camera in another thread. Until it gives a picture the one before goes on, so that
    nobody sees a gap; then that one is closed.
    """

    def __init__(
        self,
        camera: str,
        deliver: Callable[[Captured], None],
        meter: Meter,
        *,
        first_frame_id: int = 0,
        open_source: Callable[[str], Source] = VideoSource,
    ) -> None:
        self._camera = camera
        self._deliver = deliver
        self._meter = meter
        self._frame_id = first_frame_id
        self._open_source = open_source
        self._switches = self._captured_ns = 0
        self._reader = _Reader(self._run, camera)
        self._next: _Reader | None = None
        self._delivering = threading.Lock()

    def start(self, *, must_open: bool) -> None:
        """must_open: raise CaptureError where the camera is not there, rather than keep trying."""
        if must_open:
            self._reader.use(self._open_source(self._camera))
        self._reader.thread.start()

    @property
    def running(self) -> bool:
        """False once the thread has ended."""
        return self._reader.thread.is_alive()

    @property
    def camera(self) -> str:
        """The camera whose frames are delivered."""
        return self._reader.camera

    @property
    def name(self) -> str:
        """It, as people may read it."""
        return self._reader.name

    @property
    def gives(self) -> str:
        """What it gives: `Source.gives`; "" before it was ever open."""
        return self._reader.gives

    @property
    def period_ns(self) -> int:
        """How far its frames lie apart."""
        return self._reader.period_ns

    @property
    def trouble(self) -> str:
        """Why the camera that is wanted gives no picture, "" where it does."""
        wanted = self._next or self._reader
        if self._next is None or wanted.trouble:
            return wanted.trouble
        return f"camera {wanted.name} has given no picture yet"

    @property
    def frames(self) -> int:
        """Rises with each frame."""
        return self._frame_id

    @property
    def in_driver_since_ns(self) -> int | None:
        """Since when the thread has been in one call of the camera's driver; None where it is not in one."""
        return self._reader.in_driver_since_ns

    def switch(self, camera: str) -> None:
        """Goes over to another camera as soon as it gives a picture. From one thread."""
        if camera == self._camera:
            return
        self._camera = camera
        with self._delivering:
            if self._next is not None:
                self._next.stop.set()
            self._next = None if camera == self._reader.camera else _Reader(self._run, camera)
            begun = self._next
        if begun is not None:
            begun.thread.start()

    def replace(self) -> None:
        """Leaves the thread that hangs to itself, and opens the camera in another one. Nothing that the old
        one may still bring is delivered."""
        with self._delivering:
            self._reader.stop.set()
            self._reader = reader = _Reader(self._run, self._reader.camera)
        reader.thread.start()

    def stop(self) -> None:
        """Ends the threads, unless one is stuck in a camera's driver: then it ends with the process."""
        for reader in (self._next, self._reader):
            if reader is not None and reader.thread.ident is not None:
                reader.stop.set()
                reader.thread.join(1.0)

    def _run(self, reader: _Reader) -> None:
        backoff = Backoff(RETRY_FIRST_S, RETRY_LONGEST_S, steady_s=STEADY_S)
        lost = False
        while not reader.stop.is_set():
            before, opened_s = reader.frames, time.monotonic()
            try:
                if reader.source is None:
                    with reader.in_driver():
                        source = self._open_source(reader.camera)
                    reader.use(source)
                if lost:
                    self._meter.event(time.monotonic_ns(), f"camera {reader.name} is back")
                    lost = False
                reader.trouble = ""
                self._play(reader)
            except (CaptureError, cv2.error) as error:
                if reader.stop.is_set():
                    return
                reader.trouble = redact(str(error))
                if not lost or reader.frames > before:
                    self._meter.event(time.monotonic_ns(), f"{reader.trouble}; trying again")
                    self._meter.count("frames.camera_lost")
                lost = True
            finally:
                if reader.source is not None:
                    with reader.in_driver():
                        reader.source.close()
                    reader.source = None
            took_s = time.monotonic() - opened_s
            if reader.frames > before:
                reader.stop.wait(backoff.failed(took_s))
            else:  # it has been tried for so long already
                reader.stop.wait(max(0.0, backoff.failed(0.0) - took_s))

    def _play(self, reader: _Reader) -> None:
        """Until told to stop. Raises CaptureError when the source fails."""
        source = reader.source
        assert source is not None  # noqa: S101  # opened by the caller
        start_ns: int | None = None
        damaged = 0
        while not reader.stop.is_set():
            with reader.in_driver():
                at_ns = source.grab()
            if reader.stop.is_set():
                return
            if source.damaged > damaged:
                self._meter.count("frames.damaged", source.damaged - damaged)
                damaged = source.damaged
            now_ns = time.monotonic_ns()
            captured_ns = at_ns or now_ns
            if source.recorded:
                if start_ns is None or now_ns - (start_ns + at_ns) > BEHIND_NS:
                    start_ns = now_ns - at_ns
                captured_ns = start_ns + at_ns
                if now_ns - captured_ns > reader.period_ns:
                    self._hand_on(reader, None, captured_ns)
                    continue
            with reader.in_driver():
                picture = source.picture()
            wait_ns = captured_ns - time.monotonic_ns()
            if wait_ns > 0 and reader.stop.wait(wait_ns / NS_PER_S):
                return
            self._hand_on(reader, picture, captured_ns, source.media_ns)

    def _hand_on(
        self,
        reader: _Reader,
        picture: NDArray[np.uint8] | None,
        captured_ns: int,
        media_ns: int | None = None,
    ) -> None:
        """Delivers a frame, if its camera is on. The first one of a camera that is waited for switches it on.
        picture: None where its time has passed."""
        with self._delivering:
            if reader is self._next and picture is not None:
                self._reader.stop.set()
                self._reader, self._next = reader, None
                self._switches += 1
                self._meter.event(time.monotonic_ns(), f"camera {reader.name} is on")
            if reader is not self._reader:
                return
            if reader.gives != reader.told:
                reader.told = reader.gives
                self._meter.event(time.monotonic_ns(), f"camera {reader.name} gives {reader.gives}")
            reader.frames += 1
            self._meter.count("frames.captured")
            if picture is None:
                self._meter.drop("late_from_source")
            else:
                # The first frame of another camera may be older than the last of the one before.
                self._captured_ns = max(captured_ns, self._captured_ns)
                self._deliver(
                    Captured(
                        self._frame_id, picture, self._captured_ns, self._switches, reader.camera, media_ns
                    )
                )
            self._frame_id += 1


class _Reader:
    """One thread's own. frames: so many of its frames were delivered. told: what the operator knows that it
    gives: of a recording that is known anyway."""

    def __init__(self, run: Callable[[_Reader], None], camera: str) -> None:
        self.camera = camera
        self.name = shown(camera)
        self.source: Source | None = None
        self.gives = self.told = self.trouble = ""
        self.period_ns = round(NS_PER_S / USUAL_FPS)
        self.frames = 0
        self.stop = threading.Event()
        self.in_driver_since_ns: int | None = None
        self.thread = threading.Thread(target=run, args=(self,), name="capture", daemon=True)

    def use(self, source: Source) -> None:
        self.source = source
        self.gives, self.period_ns = source.gives, round(NS_PER_S / source.fps)
        if source.recorded:
            self.told = self.gives

    @contextmanager
    def in_driver(self) -> Iterator[None]:
        self.in_driver_since_ns = time.monotonic_ns()
        try:
            yield
        finally:
            self.in_driver_since_ns = None


class CameraState(Enum):
    """What a watch says of a camera."""

    WELL = auto()
    SILENT = auto()
    """It hangs in its driver; the operator is told."""
    HUNG = auto()
    """For so long that its thread is to be replaced, now."""
    HOPELESS = auto()
    """That has not helped: only another process can."""


class CameraWatch:
    """Tells a camera that hangs in its driver. Pure: time is an argument.

    A camera that drops out, so that its driver says so, does not hang.
    """

    SILENT_NS = 4 * NS_PER_S
    HUNG_NS = 12 * NS_PER_S
    """Longer than it takes to open a stream that does not answer, and OpenCV to give up a camera's next
    picture (10 s each)."""
    HOPELESS_NS = 12 * NS_PER_S
    """After the thread was replaced, without a picture."""

    def __init__(self) -> None:
        self._frames = -1
        self._replaced_ns: int | None = None

    def step(self, now_ns: int, in_driver_since_ns: int | None, frames: int) -> CameraState:
        """See `CaptureThread`. HUNG is said once for each thread."""
        if frames != self._frames:
            self._frames, self._replaced_ns = frames, None
        in_driver_ns = 0 if in_driver_since_ns is None else now_ns - in_driver_since_ns
        if self._replaced_ns is not None:
            over = now_ns - self._replaced_ns >= self.HOPELESS_NS
            return CameraState.HOPELESS if over else CameraState.SILENT
        if in_driver_ns >= self.HUNG_NS:
            self._replaced_ns = now_ns
            return CameraState.HUNG
        return CameraState.SILENT if in_driver_ns >= self.SILENT_NS else CameraState.WELL
