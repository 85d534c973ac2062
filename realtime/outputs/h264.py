"""H.264 for every output that needs it: NVENC where a driver offers it, else x264; no picture waits inside.

There are no B frames and no lookahead: each picture comes out as soon as it went in.
"""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import av
import cv2
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from realtime.outputs.sink import OutputError
from realtime.pictures.picture import Picture

logger = logging.getLogger(__name__)

I420 = NDArray[np.uint8]
"""(H * 3 / 2, W) uint8: planes of Y, U and V below each other."""

BUFFERED_FRAMES = 6
"""Size of the rate control's buffer in frames: how much larger than the mean a keyframe may be."""
SMALLEST_CHANGE = 0.15
"""Changes of the wanted bitrate below this share are left alone."""

ENCODERS = {
    "h264_nvenc": {
        "preset": "p3",
        "tune": "ull",
        "rc": "cbr",
        "zerolatency": "1",
        "delay": "0",
        "forced-idr": "1",
    },
    "libx264": {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"},
}
"""Encoder by FFmpeg's name, best first, with its options."""

KEPT = {
    "h264_nvenc": {"preset": "p5", "profile": "high"},
    "libx264": {"preset": "veryfast", "profile": "high", "x264-params": "force-cfr=1"},
}
"""What is different for a file that is kept: editors are told that its rate is constant."""

# ITU-T H.264 Table A-1: level_idc, MaxMBPS (macroblocks/s), MaxFS (macroblocks), MaxBR (kbit/s, baseline).
LEVELS = (
    (30, 40_500, 1_620, 10_000),
    (31, 108_000, 3_600, 14_000),
    (32, 216_000, 5_120, 20_000),
    (40, 245_760, 8_192, 20_000),
    (41, 245_760, 8_192, 50_000),
    (42, 522_240, 8_704, 50_000),
    (50, 589_824, 22_080, 135_000),
    (51, 983_040, 36_864, 240_000),
    (52, 2_073_600, 36_864, 240_000),
)


@dataclass(frozen=True)
class EncoderSettings:
    """What an encoder is made for.

    size: (w, h), pixels, both even. fps: pictures a second. bitrate: bit/s, the mean and the most.
    keyframe_s: seconds between keyframes. kept: for a file (High profile, a slower preset), not for a browser
    (constrained baseline, which every WebRTC endpoint decodes).
    """

    size: tuple[int, int]
    fps: Fraction
    bitrate: int
    keyframe_s: float = 4.0
    kept: bool = False


def h264_level(settings: EncoderSettings) -> int:
    """The lowest level_idc (31 is level 3.1) whose limits hold the size, the rate and the bitrate.

    Raises OutputError if no level does, or a side is odd.
    """
    w, h = settings.size
    if w % 2 or h % 2:
        raise OutputError(f"the programme is {w}x{h}; H.264 needs even sides")
    width, height = (ceil(side / 16) for side in settings.size)
    macroblocks = width * height
    for level_idc, most_per_second, most, most_kbit in LEVELS:
        # A.3.1: neither side may exceed sqrt(8 * MaxFS).
        fits = macroblocks <= most and max(width, height) ** 2 <= 8 * most
        if fits and macroblocks * settings.fps <= most_per_second and settings.bitrate <= most_kbit * 1000:
            return level_idc
    raise OutputError(
        f"no H.264 level holds {w}x{h} at {float(settings.fps):g} fps, {settings.bitrate} bit/s: choose a "
        "smaller programme or bitrate"
    )


def configure(codec: av.VideoCodecContext, settings: EncoderSettings) -> None:
    """Sets up a codec of one of ENCODERS that is not open yet."""
    name = codec.name
    codec.width, codec.height = settings.size
    codec.pix_fmt = "yuv420p"
    codec.framerate = settings.fps
    codec.time_base = 1 / settings.fps
    codec.bit_rate = settings.bitrate
    codec.gop_size = max(1, round(settings.keyframe_s * settings.fps))
    codec.max_b_frames = 0
    codec.thread_count = 1
    # What OpenCV's BGR to I420 conversion makes.
    codec.colorspace = Colorspace.SMPTE170M
    codec.color_range = ColorRange.MPEG
    codec.color_primaries = ColorPrimaries.BT709
    codec.color_trc = ColorTrc.BT709
    level = h264_level(settings)
    codec.options = {
        **ENCODERS[name],
        **(KEPT[name] if settings.kept else {"profile": "baseline"}),
        "level": f"{level // 10}.{level % 10}",
        "maxrate": str(settings.bitrate),
        "bufsize": str(round(settings.bitrate * BUFFERED_FRAMES / settings.fps)),
    }


def _open(name: str, settings: EncoderSettings) -> av.VideoCodecContext:
    codec = av.CodecContext.create(name, "w")
    configure(codec, settings)
    codec.open()
    return codec


def _open_best(settings: EncoderSettings) -> av.VideoCodecContext:
    if nvenc_works():
        try:
            return _open("h264_nvenc", settings)
        except av.FFmpegError as error:  # a driver allows so many sessions, then refuses
            logger.warning("NVENC refused one more encoder (%s); this one is x264", error)
    return _open("libx264", settings)


@functools.cache
def nvenc_works() -> bool:
    """Whether this machine's driver and GPU offer NVENC (many datacentre GPUs do not). Asked once."""
    try:
        _open("h264_nvenc", EncoderSettings((512, 512), Fraction(30), 4_000_000))
    except av.FFmpegError as error:
        logger.debug("no NVENC: %s", error)
        return False
    return True


def encoder_for(settings: EncoderSettings) -> str:
    """The first of ENCODERS that can be opened with these settings now. It is opened, and freed again."""
    return _open_best(settings).name


def to_i420(picture: Picture) -> I420:
    """For `Encoder.encode`."""
    return cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)


class Encoder:
    """Encodes pictures one by one; opened with the first. Not for several threads at once.

    bitrate: bit/s; a change is made in place, without a keyframe. codec: the encoder of a file's stream,
    already configured; by default one of its own, with headers in every keyframe.
    """

    def __init__(self, settings: EncoderSettings, codec: av.VideoCodecContext | None = None) -> None:
        self._settings = settings
        self.bitrate = settings.bitrate
        self._codec = codec

    def encode(self, i420: I420, pts: int, *, keyframe: bool = False) -> list[av.Packet]:
        """One picture, of the settings' size, into its packets.

        pts: in 1 / fps, rising. Raises ValueError for another size, av.FFmpegError where the encoder fails.
        """
        height, width = i420.shape[0] * 2 // 3, i420.shape[1]
        if (width, height) != self._settings.size:
            raise ValueError(f"frame is {width}x{height}, not {self._settings.size}")
        if self._codec is None:
            self._codec = _open_best(self._settings)
        bit_rate = self._codec.bit_rate
        if abs(self.bitrate - bit_rate) > SMALLEST_CHANGE * bit_rate:
            self._codec.bit_rate = self.bitrate  # FFmpeg's wrappers reconfigure a running encoder
        frame = av.VideoFrame.from_numpy_buffer(i420, format="yuv420p")
        frame.pts = pts
        frame.time_base = 1 / self._settings.fps
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        return list(self._codec.encode(frame))

    def flush(self) -> list[av.Packet]:
        """What is left; no picture may follow."""
        return [] if self._codec is None else list(self._codec.encode(None))
