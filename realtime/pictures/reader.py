"""Every frame of a video file, for the tools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from realtime.pictures.conversion import Converter
from realtime.pictures.decoding import Decoder
from realtime.pictures.picture import Picture


class VideoReader:
    """The pictures of a video file in order, as they are to be shown. A context manager; it is read once.

    size: (width, height) pixels. fps: the average rate. time_base: the unit of its time stamps, seconds.
    frames: an estimate of how many there are, 0 if the file does not say. damaged: so many of the frames
    that were read so far could not be decoded, and were left out.
    """

    def __init__(self, path: Path) -> None:
        """Decodes the first frame. Raises VideoError."""
        self.path = path
        self._decoder = Decoder(str(path))
        self._convert = Converter(self._decoder.name, self._decoder.first.frame, self._decoder.pixel_aspect)
        self.size = self._convert.size
        self.fps, self.time_base = self._decoder.fps, self._decoder.time_base
        self.frames = self._decoder.frames

    @property
    def damaged(self) -> int:
        return self._decoder.damaged

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[int, Picture]]:
        """Yields (time since the first frame in nanoseconds, rising; (H, W, 3) uint8 BGR).

        Raises VideoError at the place where the file breaks off.
        """
        for _, t_ns, picture in self.read():
            yield t_ns, picture

    def read(self, start: int = 0) -> Iterator[tuple[int, int, Picture]]:
        """As iterating, from the frame at position `start` on, each with its position in the file.

        Damaged frames count. Frames before `start` are decoded only, which is the quick part. Raises
        VideoError.
        """
        for count, (t_ns, frame) in enumerate(self._decoder):
            position = count + self._decoder.damaged
            if position >= start:
                yield position, t_ns, self._convert(frame)

    def close(self) -> None:
        self._decoder.close()
