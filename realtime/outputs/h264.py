"""The programme's own H.264 encoder inside aiortc.

aiortc encodes every picture with x264's default preset, which shows 18 pictures a second at 720p, and it
re-creates its encoder (with a keyframe) whenever the bitrate moves by a tenth. Here NVENC encodes where a
driver offers it, else x264 ultrafast, in constrained baseline without B frames; the bitrate changes in
place, and a keyframe comes when the receiver asks for one (PLI) and once every `GOP_S` seconds.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import aiortc.codecs
import av
from aiortc.codecs.h264 import H264Encoder
from aiortc.mediastreams import VIDEO_TIME_BASE, convert_timebase
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

logger = logging.getLogger(__name__)

GOP_S = 4
BUFFERED_FRAMES = 6
"""Size of the rate control's buffer in frames: how much larger than the mean a keyframe may be."""
LOWEST_SHARE = 4
"""A receiver's feedback may lower the bitrate to 1 / LOWEST_SHARE of the configured one."""
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
        "profile": "baseline",
    },
    "libx264": {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1", "profile": "baseline"},
}
"""Encoder by FFmpeg's name, best first, with its options."""

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
    """What every viewer's encoder is made for: size (w, h) px, pictures a second, most bit/s."""

    size: tuple[int, int]
    fps: Fraction
    bitrate: int


def h264_level(settings: EncoderSettings) -> int:
    """The lowest level_idc (31 is level 3.1) whose limits hold the size, the rate and the bitrate.

    Raises ValueError if no level does.
    """
    width, height = (ceil(side / 16) for side in settings.size)
    macroblocks = width * height
    for level_idc, most_per_second, most, most_kbit in LEVELS:
        # A.3.1: neither side may exceed sqrt(8 * MaxFS).
        fits = macroblocks <= most and max(width, height) ** 2 <= 8 * most
        if fits and macroblocks * settings.fps <= most_per_second and settings.bitrate <= most_kbit * 1000:
            return level_idc
    w, h = settings.size
    raise ValueError(f"no H.264 level holds {w}x{h} at {float(settings.fps):g} fps, {settings.bitrate} bit/s")


def _open(name: str, settings: EncoderSettings) -> av.VideoCodecContext:
    codec = av.CodecContext.create(name, "w")
    codec.width, codec.height = settings.size
    codec.pix_fmt = "yuv420p"
    codec.framerate = settings.fps
    codec.time_base = 1 / settings.fps
    codec.bit_rate = settings.bitrate
    codec.gop_size = round(GOP_S * settings.fps)
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
        "level": f"{level // 10}.{level % 10}",
        "maxrate": str(settings.bitrate),
        "bufsize": str(round(settings.bitrate * BUFFERED_FRAMES / settings.fps)),
    }
    codec.open()
    return codec


@functools.cache
def nvenc_works() -> bool:
    """Whether this machine's driver and GPU offer NVENC (many datacentre GPUs do not). Asked once."""
    try:
        _open("h264_nvenc", EncoderSettings((512, 512), Fraction(30), 4_000_000))
    except av.FFmpegError as error:
        logger.debug("no NVENC: %s", error)
        return False
    return True


class ProgrammeEncoder(H264Encoder):  # type: ignore[misc]  # aiortc's types are not followed
    """One viewer's encoder; aiortc calls it from a worker thread, one picture at a time."""

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self._settings = settings
        self._target_bitrate = settings.bitrate
        self._codec: av.VideoCodecContext | None = None
        self._frames = 0

    @property
    def target_bitrate(self) -> int:
        """Wanted bitrate in bit/s. aiortc sets it from the receiver's estimate (REMB)."""
        return self._target_bitrate

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        highest = self._settings.bitrate
        self._target_bitrate = max(highest // LOWEST_SHARE, min(bitrate, highest))

    def encode(self, frame: av.VideoFrame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """Encode one yuv420p picture of the settings' size.

        Returns its RTP payloads and its timestamp at 90 kHz, and changes the frame's pts and picture type.
        """
        timestamp = convert_timebase(frame.pts, frame.time_base, VIDEO_TIME_BASE)
        return self._packetize(self._nal_units(frame, force_keyframe)), timestamp

    def _nal_units(self, frame: av.VideoFrame, force_keyframe: bool) -> Iterator[bytes]:
        if (frame.width, frame.height) != self._settings.size:
            raise ValueError(f"frame is {frame.width}x{frame.height}, not {self._settings.size}")
        if self._codec is None:
            self._codec = self._open_best()
        bit_rate = self._codec.bit_rate
        if abs(self._target_bitrate - bit_rate) > SMALLEST_CHANGE * bit_rate:
            self._codec.bit_rate = self._target_bitrate  # FFmpeg's wrappers reconfigure a running encoder
        # The rate control counts pictures: a viewer that skips some still gets whole, sharp ones.
        frame.pts = self._frames
        frame.time_base = self._codec.time_base
        frame.pict_type = PictureType.I if force_keyframe else PictureType.NONE
        self._frames += 1
        for packet in self._codec.encode(frame):
            yield from self._split_bitstream(bytes(packet))

    def _open_best(self) -> av.VideoCodecContext:
        if nvenc_works():
            try:
                return _open("h264_nvenc", self._settings)
            except av.FFmpegError as error:  # a driver allows so many sessions, then refuses
                logger.warning("NVENC refused one more viewer (%s); this one is encoded by x264", error)
        return _open("libx264", self._settings)


def use_programme_encoder(settings: EncoderSettings) -> None:
    """Make aiortc encode H.264 with `ProgrammeEncoder` and offer the level it really sends, process-wide.

    Raises ValueError if no H.264 level holds the settings.
    """
    level_idc = h264_level(settings)
    for codec in aiortc.codecs.CODECS["video"]:
        if codec.mimeType == "video/H264":
            profile = codec.parameters["profile-level-id"][:4]
            codec.parameters["profile-level-id"] = f"{profile}{level_idc:02x}"
    # `aiortc.codecs.get_encoder` looks this name up for each sender.
    aiortc.codecs.H264Encoder = functools.partial(ProgrammeEncoder, settings)
