"""The rehearsal's picture, `test://1280x720@30`: the bundled fan dances, with the time in the picture.

So a show can be rehearsed without a camera, and wherever the picture is seen, how old it is can be read: the
time is drawn as a `timecode`, for programs, and below as a clock with the number of the picture, for people.
"""

from __future__ import annotations

import time
from datetime import datetime

import cv2

from engines.time_units import NS_PER_MS, NS_PER_S
from realtime.cameras.camera_name import Rehearsal
from realtime.config.show import BUNDLED_CLIP
from realtime.pictures import timecode
from realtime.pictures.picture import INK, Picture, backdrop, place
from realtime.pictures.playing import PlayedVideo


class RehearsalSource:
    """A `video_source.Source` that comes at its own rate, as a camera does. A picture whose time has passed
    is left out, but counted in its number."""

    recorded = False
    media_ns = None

    def __init__(self, asked: Rehearsal, camera: str) -> None:
        """Raises VideoError."""
        self.name = camera
        self.fps = asked.fps
        self.gives = f"{asked.size[0]}x{asked.size[1]} test {asked.fps:.1f}"
        self._size = asked.size
        self._clip = PlayedVideo(str(BUNDLED_CLIP))
        self._next_clip_ns = self._clip.grab()
        self._fan = self._surround = backdrop(*asked.size)
        self._start_ns = time.monotonic_ns()
        self._number = -1

    @property
    def damaged(self) -> int:
        return self._clip.damaged

    def grab(self) -> int:
        """Waits until the next picture is due; gives that time, monotonic nanoseconds. Raises VideoError."""
        period_ns = NS_PER_S / self.fps
        now_ns = time.monotonic_ns()
        self._number = max(self._number + 1, int((now_ns - self._start_ns) / period_ns))
        since_start_ns = round(self._number * period_ns)
        self._dance_to(since_start_ns)
        time.sleep(max(0.0, (self._start_ns + since_start_ns - time.monotonic_ns()) / NS_PER_S))
        return self._start_ns + since_start_ns

    def picture(self) -> Picture:
        """(H, W, 3) uint8 BGR, with the time that it is now."""
        picture = self._fan.copy()
        now_ns = time.time_ns()
        timecode.draw(picture, now_ns // NS_PER_MS)
        clock = datetime.fromtimestamp(now_ns / NS_PER_S).strftime("%H:%M:%S.%f")[:-3]
        scale = self._size[1] / 720
        place_at = (round(24 * scale), self._size[1] - round(24 * scale))
        cv2.putText(
            picture, f"{self._number:06d}  {clock}", place_at, cv2.FONT_HERSHEY_SIMPLEX, scale, INK,
            max(1, round(2 * scale)), cv2.LINE_AA,
        )  # fmt: skip
        return picture

    def close(self) -> None:
        self._clip.close()

    def _dance_to(self, since_start_ns: int) -> None:
        """The clip's picture of this time, as large as fits."""
        if self._next_clip_ns > since_start_ns:
            return
        while self._next_clip_ns <= since_start_ns:
            decoded = self._clip.picture()
            self._next_clip_ns = self._clip.grab()
        self._fan = self._surround.copy()
        place(decoded, self._fan)
