"""Reads a track of a recording: its pictures in order, from any place on, up to where it breaks off."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.error import FFmpegError

from realtime.inputs.folder import RecordingError
from realtime.inputs.lines import read_lines
from realtime.pictures.picture import Picture

Line = dict[str, Any]


class Track:
    """The lines of a track, with `video`, `n` and `pts` of each picture, in the order in which they were
    written. Lines whose picture was cut off are still there."""

    def __init__(self, folder: Path, name: str) -> None:
        """Raises RecordingError where the lines cannot be read."""
        self._folder, self._name = folder, name
        try:
            lines = list(read_lines(folder / f"{name}.jsonl"))
        except OSError as error:
            raise RecordingError(f"{folder / name}.jsonl cannot be read: {error.strerror}") from error
        self.lines = [line for line in lines if _is_whole(line)]

    def pictures(
        self, start: int = 0, wanted: Callable[[Line], bool] = lambda line: True
    ) -> Generator[tuple[int, Line, Picture]]:
        """Yields (index of the line, line, picture) from line `start` on; (H, W, 3) uint8 BGR. Pictures that
        are not wanted are decoded only, which is the quick part."""
        numbered = list(enumerate(self.lines))[start:]
        for video, group in groupby(numbered, lambda each: each[1]["video"]):
            yield from self._of_video(int(video), list(group), wanted)

    def _of_video(
        self, video: int, numbered: list[tuple[int, Line]], wanted: Callable[[Line], bool]
    ) -> Iterator[tuple[int, Line, Picture]]:
        by_pts = {line["pts"]: (index, line) for index, line in numbered}
        try:
            with av.open(str(self._folder / f"{self._name}-{video}.mkv")) as container:
                stream = container.streams.video[0]
                first = numbered[0][1]["pts"]
                if first > 0:
                    container.seek(first, stream=stream)  # to the keyframe before
                scale = 1000 * (stream.time_base or 0)
                for frame in container.decode(stream):
                    found = by_pts.get(round((frame.pts or 0) * scale))
                    if found is not None and wanted(found[1]):
                        yield *found, _bgr(frame)
        except (FFmpegError, IndexError):
            return  # it was cut off here, or before the first picture


def _is_whole(line: Line) -> bool:
    return all(isinstance(line.get(name), int) for name in ("video", "n", "pts"))


def _bgr(frame: av.VideoFrame) -> Picture:
    """The inverse of what `track_writer` does."""
    i420 = frame.to_ndarray(format="yuv420p")
    return np.asarray(cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420), np.uint8)
