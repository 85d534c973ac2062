"""Reading and writing video files for the tools."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray


class VideoError(ValueError):
    """A video that cannot be read or written; the text names the file."""


class VideoReader:
    """The frames of a video file in order, as BGR pictures.

    size: (width, height) pixels. fps: the average rate. frames: an estimate of how many there are, 0 if
    the file does not say.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise VideoError(f"{path}: no such file")
        try:
            self._container = av.open(str(path))
            self._stream = self._container.streams.video[0]
        except IndexError:
            raise VideoError(f"{path} has no video in it") from None
        except FFmpegError as error:
            raise VideoError(f"{path} is no video that can be read: {error.strerror}") from None
        self._stream.codec_context.thread_count = 1
        self.size = (self._stream.codec_context.width, self._stream.codec_context.height)
        self.fps = Fraction(self._stream.average_rate or self._stream.guessed_rate or 30)
        self.frames = self._stream.frames or int(
            Fraction(self._container.duration or 0, av.time_base) * self.fps
        )

    def __iter__(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yields (time since the first frame in nanoseconds, (H, W, 3) uint8 BGR).

        Raises VideoError at the place where the file breaks off.
        """
        first: float | None = None
        count = 0
        try:
            for frame in self._container.decode(self._stream):
                time = frame.time if frame.time is not None else float(count / self.fps)
                first = time if first is None else first
                count += 1
                yield round((time - first) * 1e9), frame.to_ndarray(format="bgr24")
        except FFmpegError as error:
            raise VideoError(f"{self.path} is broken after frame {count}: {error.strerror}") from None
        if count == 0:
            raise VideoError(f"{self.path} holds no frame that can be decoded")

    def close(self) -> None:
        self._container.close()
