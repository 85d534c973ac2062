"""A video file with alpha, frame by frame, round and round."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import Colorspace

from engines.time_units import NS_PER_S
from realtime.pictures.alpha import Layer
from realtime.pictures.opening import VideoError, open_video

HD_LINES = 720
"""From so many lines on, a video that does not say otherwise has the colours of BT.709."""

WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Codecs whose own decoder in FFmpeg leaves alpha out → the one that does not."""


class AlphaVideo:
    """For `video_loop.Loop`. A video without alpha is opaque."""

    def __init__(self, path: Path) -> None:
        """Raises VideoError."""
        self.name = str(path)
        self._container, self._video = open_video(self.name, stream=False)
        self._decoder = self._video.codec_context
        codec = self._decoder.codec.canonical_name
        if codec in WITH_ALPHA and self._video.metadata.get("alpha_mode") == "1":
            self._decoder = av.CodecContext.create(WITH_ALPHA[codec], "r")
            self._decoder.extradata = self._video.codec_context.extradata
        self._frames = self._played()
        self._frame: av.VideoFrame | None = None

    def grab(self) -> int:
        """Goes to the next frame; its time since the first was shown, nanoseconds. Raises VideoError."""
        try:
            at_ns, self._frame = next(self._frames)
        except FFmpegError as error:
            raise VideoError(f"{self.name}: it cannot be decoded: {error.strerror}") from error
        return at_ns

    def picture(self) -> Layer:
        """The frame of the last `grab`, straight."""
        assert self._frame is not None  # noqa: S101  # grabbed before
        frame = self._frame
        space = frame.colorspace
        if space == Colorspace.ITU709 or (space == Colorspace.DEFAULT and frame.height >= HD_LINES):
            frame = frame.reformat(format="bgra", src_colorspace=Colorspace.ITU709)
        return np.asarray(frame.to_ndarray(format="bgra"), np.uint8)

    def close(self) -> None:
        self._container.close()

    def _played(self) -> Iterator[tuple[int, av.VideoFrame]]:
        rate = self._video.average_rate or 25
        period_ns = round(NS_PER_S / rate)
        next_ns = 0
        while True:
            start_ns, first = next_ns, None
            for packet in self._container.demux(self._video):
                for frame in self._decoder.decode(packet):
                    time_ns = next_ns - start_ns
                    if frame.pts is not None and frame.time_base is not None:
                        time_ns = round(frame.pts * frame.time_base * NS_PER_S)
                    first = time_ns if first is None else first
                    at_ns = max(next_ns - period_ns + 1, start_ns + time_ns - first)
                    next_ns = at_ns + period_ns
                    yield at_ns, frame
            if first is None:
                raise VideoError(f"{self.name} has no picture in it")
            self._container.seek(0)
            self._decoder.flush_buffers()
