"""Measures encoders: the programme's own against aiortc's two, on the same pictures and bitrate."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Protocol

import aiortc.codecs.h264
import aiortc.codecs.vpx
import av
import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.outputs import h264
from tools.benchmarking.measuring.results import Row
from tools.benchmarking.measuring.timing import Turn, side_by_side
from tools.footage.video import VideoReader

FPS = 30
SIZES = {(512, 512): 4_000_000, (1280, 720): 8_000_000, (1920, 1080): 12_000_000}
"""TABLE of the encoded sizes: (width, height) → bit/s."""
PICTURES = 60
"""Different pictures, which are repeated."""


class Encoder(Protocol):
    """aiortc's encoder, as far as it is used here."""

    target_bitrate: int

    def encode(self, frame: av.VideoFrame, force_keyframe: bool = False) -> tuple[list[bytes], int]: ...


class Ours:
    """The programme's encoder, called like aiortc's, without cutting its packets for RTP."""

    def __init__(self, settings: h264.EncoderSettings) -> None:
        self._encoder = h264.Encoder(settings)
        self.target_bitrate = settings.bitrate

    def encode(self, frame: av.VideoFrame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        self._encoder.bitrate = self.target_bitrate
        i420 = frame.to_ndarray(format="yuv420p")
        return [bytes(packet) for packet in self._encoder.encode(i420, frame.pts, keyframe=force_keyframe)], 0


def measure(video: Path, rounds: int) -> list[Row]:
    """Time a frame, and the resulting kbit/s at 30 frames a second. Raises VideoError."""
    reader = VideoReader(video)
    pictures = [picture for _, picture in islice(reader, PICTURES)]
    reader.close()
    return [row for size, bitrate in SIZES.items() for row in _of_size(pictures, size, bitrate, rounds)]


def encoders(size: tuple[int, int], bitrate: int) -> dict[str, Encoder]:
    """Ours first. aiortc's own limit on the bitrate is removed: 3 Mb/s for H.264, 1.5 for VP8."""
    for module in (aiortc.codecs.h264, aiortc.codecs.vpx):
        module.MAX_BITRATE = max(module.MAX_BITRATE, bitrate)
    settings = h264.EncoderSettings(size, Fraction(FPS), bitrate)
    found: dict[str, Encoder] = {
        f"ours, H.264 by {'NVENC' if h264.nvenc_works() else 'x264 ultrafast'}": Ours(settings),
        "aiortc, H.264": aiortc.codecs.h264.H264Encoder(),
        "aiortc, VP8": aiortc.codecs.vpx.Vp8Encoder(),
    }
    for encoder in found.values():
        encoder.target_bitrate = bitrate
    return found


def _of_size(
    pictures: list[NDArray[np.uint8]], size: tuple[int, int], bitrate: int, rounds: int
) -> list[Row]:
    resized = [
        cv2.cvtColor(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2YUV_I420)
        for picture in pictures
    ]
    contestants = encoders(size, bitrate)
    sent = dict.fromkeys(contestants, 0)

    def encode(name: str, frame: av.VideoFrame) -> None:
        sent[name] += sum(len(payload) for payload in contestants[name].encode(frame)[0])

    def every() -> Iterator[list[Turn]]:
        for index, picture in enumerate(islice(cycle(resized), rounds)):
            yield [Turn(name, partial(encode, name, _frame(picture, index))) for name in contestants]

    figures = {name: times.figures() for name, times in side_by_side(every(), total=rounds).items()}
    ours = next(iter(figures.values()))
    return [
        Row(
            f"{name}, {size[0]}x{size[1]}",
            {
                **each,
                "times_ours": round(each["ms_p50"] / ours["ms_p50"], 3),
                "cpu_times_ours": round(each["cpu_ms_p50"] / ours["cpu_ms_p50"], 3),
                "kbit_s": round(sent[name] * 8 * FPS / rounds / 1000),
            },
        )
        for name, each in figures.items()
    ]


def _frame(picture: NDArray[Any], index: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
    frame.pts, frame.time_base = index, Fraction(1, FPS)
    return frame
