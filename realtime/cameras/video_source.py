"""Whatever an operator may name as a camera (device, file, stream), opened and read frame by frame.

`performer.capture_thread` plays it for the pose, `video_loop` as a loop; `tools.record` films with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from realtime.cameras.camera_name import CameraName, CaptureError, Rehearsal, Replayed
from realtime.cameras.device import Device
from realtime.cameras.ndi_source import NdiSource
from realtime.cameras.rehearsal import RehearsalSource
from realtime.cameras.replay import ReplaySource
from realtime.config.redact import shown
from realtime.config.show import Capture
from realtime.pictures.opening import VideoError
from realtime.pictures.playing import PlayedVideo


class Source(Protocol):
    """An opened camera, stream or recording. For one thread.

    name: what messages call it, without a password. fps: frames a second, 30 where it does not say. gives:
    size, kind and rate of its pictures, for people; what was asked for too, where that is something else.
    recorded: it is paced by its own time stamps and loops. damaged: so many frames were left out so far
    because they could not be decoded. media_ns: where in a file the frame of the last `grab` lies, counted
    from its first frame; None for what is no file.
    """

    name: str
    fps: float
    gives: str
    recorded: bool

    @property
    def damaged(self) -> int: ...

    @property
    def media_ns(self) -> int | None: ...

    def grab(self) -> int:
        """Goes to the next frame; gives its time since the recording began to play. What is not recorded
        gives when it was taken, in monotonic nanoseconds, or 0 where that is not known; a time ahead is when
        the frame is due.

        Raises CaptureError where no frame comes.
        """
        ...

    def picture(self) -> NDArray[np.uint8]:
        """The frame of the last `grab`, (H, W, 3) uint8 BGR, the caller's to keep. Raises CaptureError."""
        ...

    def close(self) -> None: ...


class VideoSource:
    """What an operator's word for a camera means, opened: a device through OpenCV, a file or a stream
    through `playing`, an NDI source, the rehearsal's picture, or a recording of inputs."""

    def __init__(self, camera: str, ask: Capture | None = None) -> None:
        """Opens it and takes one frame. ask: what a device is to give. Raises CaptureError."""
        self.name = shown(camera)
        named = CameraName.parse(camera)
        self._source: Source
        with _as_capture_error():
            if named.kind == "camera":
                self._source = Device(camera, named.target, ask or Capture())
            elif named.kind == "ndi":
                self._source = NdiSource(camera, str(named.target))
            elif named.kind == "replay":
                self._source = ReplaySource(Replayed.parse(camera), camera)
            elif named.kind == "test":
                self._source = RehearsalSource(Rehearsal.parse(camera), camera)
            else:
                self._source = PlayedVideo(camera, stream=named.kind == "stream")
        self.fps, self.gives, self.recorded = self._source.fps, self._source.gives, self._source.recorded

    @property
    def damaged(self) -> int:
        return self._source.damaged

    @property
    def media_ns(self) -> int | None:
        return self._source.media_ns

    def grab(self) -> int:
        with _as_capture_error():
            return self._source.grab()

    def picture(self) -> NDArray[np.uint8]:
        with _as_capture_error():
            return self._source.picture()

    def close(self) -> None:
        self._source.close()


@contextmanager
def _as_capture_error() -> Iterator[None]:
    try:
        yield
    except VideoError as error:
        raise CaptureError(f"camera {error}") from None
