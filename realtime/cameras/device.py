"""A capture device of this machine (a webcam, a capture card), through OpenCV."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.cameras.camera_name import CaptureError
from realtime.config.show import Capture

FORMATS = {"auto": ("YUYV", "MJPG"), "mjpg": ("MJPG",), "yuyv": ("YUYV",), "nv12": ("NV12",)}
"""TABLE of the pixel formats that are tried in order, as V4L2 names them (FOURCC), by `Capture.format`."""

USUAL_FPS = 30.0
SAME_FPS = 0.5
"""Rates that differ by less are the same: 29.97 for 30."""


class Properties(Protocol):
    """Of `cv2.VideoCapture`, what its driver is asked through."""

    def set(self, propId: int, value: float) -> bool: ...  # OpenCV's name

    def get(self, propId: int) -> float: ...


class Given(NamedTuple):
    """What a driver says that it gives. size: (width, height), pixels. code: FOURCC, "" where it does not
    say. fps: 30 where it does not say."""

    size: tuple[int, int]
    code: str
    fps: float

    @classmethod
    def read(cls, video: Properties) -> Given:
        code, fps = int(video.get(cv2.CAP_PROP_FOURCC)), float(video.get(cv2.CAP_PROP_FPS))
        return cls(
            (int(video.get(cv2.CAP_PROP_FRAME_WIDTH)), int(video.get(cv2.CAP_PROP_FRAME_HEIGHT))),
            code.to_bytes(4, "little").decode("ascii", "replace").strip("\0 ") if code > 0 else "",
            fps if 1 <= fps <= 1000 else USUAL_FPS,
        )

    def lacks(self, ask: Capture) -> list[str]:
        """What was asked for and is not given: size, format, rate, for people."""
        lacking = []
        if self.size != ask.size:
            lacking.append(_size(ask.size))
        if self.code not in FORMATS[ask.format]:
            lacking.append(" or ".join(FORMATS[ask.format]))
        if self.fps < ask.fps - SAME_FPS:
            lacking.append(f"{float(ask.fps):g}")
        return lacking

    def text(self, ask: Capture) -> str:
        """Such as "1280x720 MJPG 30.0, asked for 60"."""
        given = " ".join(filter(None, (_size(self.size), self.code, f"{self.fps:.1f}")))
        lacking = self.lacks(ask)
        return f"{given}, asked for {' '.join(lacking)}" if lacking else given


def ask_for(video: Properties, ask: Capture) -> Given:
    """Asks a driver for the formats in turn, until one has the size and the rate; the last one stays."""
    for code in FORMATS[ask.format]:
        video.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*code))
        video.set(cv2.CAP_PROP_FRAME_WIDTH, ask.size[0])
        video.set(cv2.CAP_PROP_FRAME_HEIGHT, ask.size[1])
        video.set(cv2.CAP_PROP_FPS, float(ask.fps))
        given = Given.read(video)
        if not given.lacks(ask):
            break
    return given


class Device:
    """A `video_source.Source`. pixel_format: FOURCC of its pictures, "" where it does not say."""

    recorded = False
    damaged = 0
    media_ns = None

    def __init__(self, camera: str, target: str | int, ask: Capture) -> None:
        """Opens it and takes one frame. target: its index or path. ask: what it is to give. Raises
        CaptureError."""
        self.name = camera
        self._video = video = cv2.VideoCapture(target, cv2.CAP_V4L2)
        if not video.isOpened():
            raise CaptureError(f"camera {camera}: it cannot be opened: another program may use it")
        given = ask_for(video, ask)
        video.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self.fps, self.pixel_format, self.gives = given.fps, given.code, given.text(ask)
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

    def close(self) -> None:
        self._video.release()


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
