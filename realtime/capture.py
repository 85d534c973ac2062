"""Cameras, files and streams, opened and read frame by frame; `capture_thread` plays them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.redact import encoding_hint, shown

NS_PER_S = 1_000_000_000

CAMERA_SIZE, CAMERA_FPS = (1280, 720), 30
"""What a camera is asked for; it may give something else."""

STREAM_TIMEOUT_MS = 5000
"""After this a stream that says nothing is lost."""


class CaptureError(RuntimeError):
    """A camera that gives no picture; the text names it and the next step."""


class Captured(NamedTuple):
    """One frame. picture: (H, W, 3) uint8 BGR. captured_ns: when it was due, or arrived."""

    frame_id: int
    picture: NDArray[np.uint8]
    captured_ns: int


class Source(Protocol):
    """An opened camera, stream or recording. For one thread.

    name: what messages call it, without a password. fps: frames a second, 30 where it does not say. recorded:
    it is paced by its own time stamps and loops.
    """

    name: str
    fps: float
    recorded: bool

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
    """Any of the four kinds, through OpenCV: from H.264 to BGR it takes half of PyAV's CPU time."""

    def __init__(self, camera: str, size: tuple[int, int] = CAMERA_SIZE) -> None:
        """Opens it and decodes one frame. size: (width, height) to ask a camera for. Raises CaptureError."""
        self.name = shown(camera)
        self._asked_size = size
        self._named = CameraName.parse(camera)
        self._video = self._open()
        fps = float(self._video.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 1 <= fps <= 1000 else 30.0
        self.recorded = self._named.kind != "camera" and self._video.get(cv2.CAP_PROP_FRAME_COUNT) > 0
        self._pass_ns = 0
        self._newest_ns = -1
        if not self._video.grab():
            self.close()
            raise CaptureError(
                f"camera {self.name} gives no picture: it is broken, or in use by another program"
            )
        self._first = True

    def _open(self) -> cv2.VideoCapture:
        target = self._named.target
        if self._named.kind == "camera":
            video = cv2.VideoCapture(target, cv2.CAP_V4L2)
            video.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            video.set(cv2.CAP_PROP_FRAME_WIDTH, self._asked_size[0])
            video.set(cv2.CAP_PROP_FRAME_HEIGHT, self._asked_size[1])
            video.set(cv2.CAP_PROP_FPS, CAMERA_FPS)
            video.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        else:
            timeouts = [
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
                STREAM_TIMEOUT_MS,
                cv2.CAP_PROP_READ_TIMEOUT_MSEC,
                STREAM_TIMEOUT_MS,
            ]
            video = cv2.VideoCapture(target, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1, *timeouts])
        if not video.isOpened():
            why = {
                "camera": "it cannot be opened: another program may use it",
                "stream": "nothing answers there, or it is no video: check the address"
                + encoding_hint(str(target)),
                "file": "it is not a video that can be read",
            }
            raise CaptureError(f"camera {self.name}: {why[self._named.kind]}")
        return video

    def grab(self) -> int:
        if self._first:
            self._first = False
        elif not self._video.grab():
            if not self.recorded:
                raise CaptureError(
                    f"camera {self.name} gives no picture any more: check the cable or the network"
                )
            self._rewind()
        if not self.recorded:
            return 0
        at_ns = self._pass_ns + round(self._video.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        self._newest_ns = max(at_ns, self._newest_ns + 1)  # stamps of a broken file may go back
        return self._newest_ns

    def _rewind(self) -> None:
        self._pass_ns = self._newest_ns + round(NS_PER_S / self.fps)
        self._video.set(cv2.CAP_PROP_POS_FRAMES, 0)  # half the time of opening it again
        if not self._video.grab():
            raise CaptureError(f"camera {self.name} cannot be played again from its start")

    def picture(self) -> NDArray[np.uint8]:
        ok, picture = self._video.retrieve()
        if not ok or picture is None:
            raise CaptureError(f"camera {self.name} gives no picture: it is broken")
        return np.asarray(picture, np.uint8)

    def close(self) -> None:
        self._video.release()
