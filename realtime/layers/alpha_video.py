"""A video file with alpha, frame by frame, round and round."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from engines.time_units import NS_PER_S
from realtime.pictures.alpha import Layer
from realtime.pictures.colour import colour_of
from realtime.pictures.opening import VideoError, open_video

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
        """Goes to the next frame; its time since the first was shown, nanoseconds. A damaged frame is left
        out, and a file that breaks off is played up to there. Raises VideoError."""
        at_ns, self._frame = next(self._frames)
        return at_ns

    def picture(self) -> Layer:
        """The frame of the last `grab`, straight. Raises VideoError."""
        assert self._frame is not None  # noqa: S101  # grabbed before
        frame = self._frame
        matrix = colour_of(frame).matrix
        try:
            if matrix is not None:
                frame = frame.reformat(format="bgra", src_colorspace=matrix)
            return np.asarray(frame.to_ndarray(format="bgra"), np.uint8)
        except FFmpegError as error:
            raise VideoError(f"{self.name}: it cannot be decoded: {error.strerror}") from error

    def close(self) -> None:
        self._container.close()

    def _played(self) -> Iterator[tuple[int, av.VideoFrame]]:
        rate = self._video.average_rate or 25
        period_ns = round(NS_PER_S / rate)
        next_ns = 0
        while True:
            start_ns, first = next_ns, None
            for packet in self._packets():
                for frame in self._decoded(packet):
                    time_ns = next_ns - start_ns
                    if frame.pts is not None and frame.time_base is not None:
                        time_ns = round(frame.pts * frame.time_base * NS_PER_S)
                    first = time_ns if first is None else first
                    at_ns = max(next_ns - period_ns + 1, start_ns + time_ns - first)
                    next_ns = at_ns + period_ns
                    yield at_ns, frame
            if first is None:
                raise VideoError(f"{self.name} has no picture in it")
            try:
                self._container.seek(0)
            except FFmpegError as error:
                raise VideoError(f"{self.name} cannot be played again: {error.strerror}") from error
            self._decoder.flush_buffers()

    def _packets(self) -> Iterator[av.Packet]:
        with contextlib.suppress(FFmpegError):  # it breaks off
            yield from self._container.demux(self._video)

    def _decoded(self, packet: av.Packet) -> Sequence[av.VideoFrame]:
        try:
            return self._decoder.decode(packet)
        except FFmpegError:
            return ()
