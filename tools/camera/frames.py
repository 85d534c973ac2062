"""Pictures of a camera, for the commands that look at it for a while."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.time_units import NS_PER_S
from realtime.cameras.camera_name import CaptureError
from realtime.cameras.video_source import VideoSource

Picture = NDArray[np.uint8]

STILLS = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}
WARM_UP_S = 1.0
"""Automatic exposure needs so long."""


def frames(source: VideoSource, seconds: float) -> Iterator[tuple[int, Picture]]:
    """(time in nanoseconds, picture) for so many seconds of the camera, or of the video: a file is read as
    fast as it can be. Raises CaptureError."""
    first_ns: int | None = None
    while True:
        at_ns = source.grab()
        t_ns = at_ns if source.recorded or at_ns else time.monotonic_ns()
        first_ns = t_ns if first_ns is None else first_ns
        if t_ns - first_ns >= seconds * NS_PER_S:
            return
        yield t_ns, source.picture()


def still(camera: str) -> Picture:
    """One picture: of a still file, or of a camera after it has settled. Raises CaptureError."""
    if Path(camera).suffix.lower() in STILLS:
        picture = cv2.imread(camera, cv2.IMREAD_COLOR)
        if picture is None:
            raise CaptureError(f"camera {camera}: it is no picture that can be read")
        return np.asarray(picture, np.uint8)
    source = VideoSource(camera)
    try:
        picture = None
        for _, seen in frames(source, WARM_UP_S):
            picture = seen
    finally:
        source.close()
    if picture is None:
        raise CaptureError(f"camera {camera} gives no picture: check the cable")
    return picture
