"""Writes a track of a recording: pictures as H.264 in Matroska, and a line of JSON for each.

The stamps in the lines are exact; the video's own are whole milliseconds, for players.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from engines.time_units import NS_PER_MS
from realtime.inputs.lines import JsonLines
from realtime.pictures.picture import Picture

MILLISECONDS = Fraction(1, 1000)
OPTIONS = {"preset": "ultrafast", "tune": "zerolatency", "crf": "14"}
"""Nearly lossless: the pose that is found in such a picture is off by a fraction of a pixel."""
KEYFRAME_FRAMES = 30
CLUSTER_MS = 500
"""What a kill may cost of the video."""


class TrackWriter:
    """For one thread. A video begins with the first picture, and another one where the size changes."""

    def __init__(self, folder: Path, name: str) -> None:
        """name: of the track. A writer goes on behind one that was killed. Raises OSError."""
        self._folder, self._name = folder, name
        self._lines = JsonLines(folder / f"{name}.jsonl", f"the recording of inputs in {folder}:")
        self._video = sum(1 for _ in folder.glob(f"{name}-*.mkv")) - 1
        self._output: av.container.OutputContainer | None = None
        self._stream: Any = None
        self._size = (0, 0)
        self._frames = 0
        self._first_ns = self._pts = 0

    def write(self, picture: Picture, at_ns: int, line: Mapping[str, Any]) -> None:
        """Adds a picture, (H, W, 3) BGR; an odd side loses a row or column. at_ns: its time, rising. Raises
        OSError, also PyAV's."""
        height, width = picture.shape[0] & ~1, picture.shape[1] & ~1
        if self._output is None or (width, height) != self._size:
            self._begin((width, height), at_ns)
        i420 = cv2.cvtColor(picture[:height, :width], cv2.COLOR_BGR2YUV_I420)
        frame = av.VideoFrame.from_numpy_buffer(i420, format="yuv420p")
        self._pts = max(self._pts + 1, (at_ns - self._first_ns) // NS_PER_MS)
        frame.pts, frame.time_base = self._pts, MILLISECONDS
        self._mux(self._stream.encode(frame))
        self._lines.append({"video": self._video, "n": self._frames, "pts": self._pts, **line})
        self._frames += 1
        self.check()

    def check(self) -> None:
        """Raises OSError where the lines could not be written."""
        error = self._lines.take_error()
        if error is not None:
            raise OSError(error)

    def close(self) -> None:
        """Ends the track. Raises OSError where its end could not be written."""
        try:
            self._end()
        finally:
            self._lines.close()

    def _begin(self, size: tuple[int, int], at_ns: int) -> None:
        self._end()
        self._video += 1
        self._size, self._frames = size, 0
        self._first_ns, self._pts = at_ns, -1
        path = self._folder / f"{self._name}-{self._video}.mkv"
        options = {"flush_packets": "1", "cluster_time_limit": str(CLUSTER_MS)}
        self._output = av.open(str(path), "w", format="matroska", options=options)
        self._stream = stream = self._output.add_stream("libx264", rate=30)
        codec = stream.codec_context
        codec.width, codec.height = size
        codec.pix_fmt = "yuv420p"
        codec.time_base = MILLISECONDS
        codec.gop_size, codec.max_b_frames, codec.thread_count = KEYFRAME_FRAMES, 0, 1
        codec.colorspace, codec.color_range = Colorspace.SMPTE170M, ColorRange.MPEG  # as OpenCV converts
        codec.color_primaries, codec.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        codec.options = OPTIONS

    def _mux(self, packets: list[av.Packet]) -> None:
        assert self._output is not None  # noqa: S101  # begun before
        for packet in packets:
            packet.stream = self._stream
            self._output.mux(packet)

    def _end(self) -> None:
        output, self._output = self._output, None
        if output is None:
            return
        try:
            for packet in self._stream.encode(None):
                packet.stream = self._stream
                output.mux(packet)
        finally:
            output.close()
