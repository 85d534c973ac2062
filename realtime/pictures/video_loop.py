"""A video loop that is ready at any moment, decoded one picture ahead in a thread of its own: the player's
standby loop, a background, or a layer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.pictures.opening import VideoError
from realtime.pictures.picture import Fit, Picture, backdrop, place
from realtime.pictures.playing import PlayedVideo

Buffer = TypeVar("Buffer")


class Pictures(Protocol):
    """What a loop plays; see `cameras.video_source.Source`."""

    def grab(self) -> int: ...

    def picture(self) -> NDArray[np.uint8]: ...

    def close(self) -> None: ...


class Loop(Generic[Buffer]):
    """Plays a video round and round, at its own rate, for as long as somebody looks.

    error: why it can play no further, once it cannot.
    """

    def __init__(
        self,
        source: Pictures,
        buffers: tuple[Buffer, Buffer],
        fit: Callable[[NDArray[np.uint8], Buffer], None],
    ) -> None:
        """buffers: the picture that is seen and the next one. fit: fills one of them. Raises VideoError."""
        self._fit = fit
        self._source = source
        self.error: str | None = None
        self._current, self._next = buffers
        self._source.grab()
        self._fit(self._source.picture(), self._current)
        self._next_at_ns = 0
        self._next_ready = False
        self._stop = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._decode, name="standby", daemon=True)
        self._thread.start()

    def picture(self, at_ns: int) -> Buffer:
        """The picture at this time since the loop was first shown; valid until the next call. Never waits.

        Each call goes at most one picture on: a loop that was looked away from, or whose decoder is late,
        plays on from where it stands.
        """
        with self._changed:
            if self._next_ready and at_ns >= self._next_at_ns:
                self._current, self._next = self._next, self._current
                self._next_ready = False
                self._changed.notify()
            return self._current

    def close(self) -> None:
        with self._changed:
            self._stop = True
            self._changed.notify()
        self._thread.join()
        self._source.close()

    def _decode(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._stop or not self._next_ready)
                    if self._stop:
                        return
                at_ns = self._source.grab()
                self._fit(self._source.picture(), self._next)
                with self._changed:
                    self._next_at_ns = at_ns
                    self._next_ready = True
        except (VideoError, cv2.error) as error:
            self.error = str(error)


class VideoLoop(Loop[Picture]):
    """A loop of opaque pictures."""

    def __init__(self, path: Path, size: tuple[int, int], *, fit: Fit = place) -> None:
        """size: (width, height) of its pictures, pixels. fit: how those of the video are put into them.
        Raises VideoError."""
        super().__init__(PlayedVideo(str(path)), (backdrop(*size), backdrop(*size)), fit)
