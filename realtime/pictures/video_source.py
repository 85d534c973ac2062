"""Whatever an operator may name as a camera (device, file, stream), opened and read frame by frame.

`performer.capture_thread` plays it for the pose, `video_loop` as a loop; `tools.record` films with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.config.redact import shown
from realtime.pictures.opening import VideoError
from realtime.pictures.playing import PlayedVideo

CAMERA_SIZE, CAMERA_FPS = (1280, 720), 30
"""What a camera is asked for; it may give something else."""


class CaptureError(RuntimeError):
    """A camera that gives no picture; the text names it and the next step."""


class Source(Protocol):
    """An opened camera, stream or recording. For one thread.

    name: what messages call it, without a password. fps: frames a second, 30 where it does not say. recorded:
    it is paced by its own time stamps and loops. damaged: so many frames were left out so far because they
    could not be decoded.
    """

    name: str
    fps: float
    recorded: bool

    @property
    def damaged(self) -> int: ...

    def grab(self) -> int:
        """Goes to the next frame; gives its time since the recording began to play (0 if not recorded).

        Raises CaptureError where no frame comes.
        """
        ...

    def picture(self) -> NDArray[np.uint8]:
        """The frame of the last `grab`, (H, W, 3) uint8 BGR, the caller's to keep. Raises CaptureError."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class CameraName:
    """What the operator's word for a camera means."""

    kind: str
    target: str | int

    @classmethod
    def parse(cls, camera: str) -> CameraName:
        """An index, URL, device or file. Raises CaptureError for a file or device that is not there."""
        if camera.isascii() and camera.isdecimal():
            camera_device = Path(f"/dev/video{int(camera)}")
            if Path("/dev").is_dir() and not camera_device.exists():
                raise CaptureError(
                    f"camera {camera}: there is no {camera_device}; {_cameras_here()}, or name a video file"
                )
            return cls("camera", int(camera))
        if "://" in camera:
            return cls("stream", camera)
        path = Path(camera)
        if camera.startswith("/dev/"):
            if not path.exists():
                raise CaptureError(f"camera {camera}: no such device; {_cameras_here()}")
            return cls("camera", camera)
        if path.is_dir():
            raise CaptureError(f"camera {camera} is a folder: name a video file in it")
        if not path.is_file():
            raise CaptureError(
                f"camera {camera}: no such file (a camera is an index, a device, a file or a URL)"
            )
        return cls("file", camera)


def _cameras_here() -> str:
    found = sorted(str(path) for path in Path("/dev").glob("video*"))
    return f"found: {', '.join(found)}" if found else "this machine has no camera"


class VideoSource:
    """What an operator's word for a camera means, opened: a device through OpenCV, a file or a stream through
    `playing`."""

    def __init__(self, camera: str, size: tuple[int, int] = CAMERA_SIZE) -> None:
        """Opens it and decodes one frame. size: (width, height) to ask a device for. Raises CaptureError."""
        self.name = shown(camera)
        named = CameraName.parse(camera)
        self._source: Device | PlayedVideo
        if named.kind == "camera":
            self._source = Device(camera, named.target, size)
        else:
            with _as_capture_error():
                self._source = PlayedVideo(camera, stream=named.kind == "stream")
        self.fps, self.recorded = self._source.fps, self._source.recorded

    @property
    def damaged(self) -> int:
        return self._source.damaged

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


class Device:
    """A camera of this machine, through OpenCV. A `Source`."""

    recorded = False
    damaged = 0

    def __init__(self, camera: str, target: str | int, size: tuple[int, int]) -> None:
        """Opens it and takes one frame. target: its index or path. size: (width, height) to ask it for.
        Raises CaptureError."""
        self.name = camera
        self._video = video = cv2.VideoCapture(target, cv2.CAP_V4L2)
        video.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        video.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
        video.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        video.set(cv2.CAP_PROP_FPS, CAMERA_FPS)
        video.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        if not video.isOpened():
            raise CaptureError(f"camera {camera}: it cannot be opened: another program may use it")
        fps = float(video.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 1 <= fps <= 1000 else 30.0
        if not video.grab():
            self.close()
            raise CaptureError(
                f"camera {camera} gives no picture: it is broken, or in use by another program"
            )
        self._first = True

    def grab(self) -> int:
        if self._first:
            self._first = False
        elif not self._video.grab():
            raise CaptureError(f"camera {self.name} gives no picture any more: check the cable")
        return 0

    def picture(self) -> NDArray[np.uint8]:
        ok, picture = self._video.retrieve()
        if not ok or picture is None:
            raise CaptureError(f"camera {self.name} gives no picture: it is broken")
        return np.asarray(picture, np.uint8)

    @property
    def pixel_format(self) -> str:
        """How the camera sends its pictures, a FOURCC such as MJPG or YUYV; "" where it does not say."""
        code = int(self._video.get(cv2.CAP_PROP_FOURCC))
        return code.to_bytes(4, "little").decode("ascii", "replace").strip("\0 ") if code > 0 else ""

    def close(self) -> None:
        self._video.release()
