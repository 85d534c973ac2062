"""A video loop that is ready at any moment, decoded one picture ahead in a thread of its own: the player's
standby loop, a background, or a layer."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.time_units import NS_PER_S
from realtime.pictures.opening import VideoError
from realtime.pictures.picture import Fit, Picture, backdrop, place
from realtime.pictures.playing import PlayedVideo

Buffer = TypeVar("Buffer")

AWAY_NS = NS_PER_S // 4
"""Whoever asks again after a longer pause has looked away: the loop stood still meanwhile."""

LATE_NS = NS_PER_S // 2
"""Where the decoder is so late, the loop waits for it; where it is less late, pictures are left out."""


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
        self._grabbed_ns = self._source.grab()
        self._fit(self._source.picture(), self._current)
        self._asked_ns: int | None = None
        self._now_ns = self._step_ns = 0
        """The loop's own time, and by how much it last went on."""
        self._next_at_ns = 0
        self._next_ready = False
        self._stop = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._decode, name="standby", daemon=True)
        self._thread.start()

    def picture(self, at_ns: int) -> Buffer:
        """The picture at this time of a clock that rises; valid until the next call. Never waits.

        A loop that was looked away from plays on from where it stands. One whose rate is above that of the
        calls leaves pictures out, and so keeps its speed.
        """
        with self._changed:
            step_ns = 0 if self._asked_ns is None else at_ns - self._asked_ns
            self._asked_ns = at_ns
            if 0 < step_ns <= AWAY_NS:
                self._now_ns += step_ns
                self._step_ns = step_ns
            if self._next_ready and self._now_ns >= self._next_at_ns:
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
                    wanted_ns, step_ns = self._now_ns + self._step_ns, self._step_ns
                at_ns = self._grab(wanted_ns, step_ns)
                self._fit(self._source.picture(), self._next)
                with self._changed:
                    if self._now_ns - at_ns > LATE_NS:
                        self._now_ns = at_ns
                    self._next_at_ns = at_ns
                    self._next_ready = True
        except (VideoError, cv2.error) as error:
            self.error = str(error)

    def _grab(self, wanted_ns: int, step_ns: int) -> int:
        """Goes to the next picture, or to a later one where that will be over by the time that is wanted. No
        more are left out than a rate above that of the calls needs: a slow decoder shows what it can."""
        before_ns, at_ns = self._grabbed_ns, self._source.grab()
        period_ns = max(1, at_ns - before_ns)
        for _ in range(math.ceil(step_ns / period_ns)):
            if at_ns + period_ns > wanted_ns:
                break
            at_ns = self._source.grab()
        self._grabbed_ns = at_ns
        return at_ns


class VideoLoop(Loop[Picture]):
    """A loop of opaque pictures."""

    def __init__(self, path: Path, size: tuple[int, int], *, fit: Fit = place) -> None:
        """size: (width, height) of its pictures, pixels. fit: how those of the video are put into them.
        Raises VideoError."""
        super().__init__(PlayedVideo(str(path)), (backdrop(*size), backdrop(*size)), fit)
