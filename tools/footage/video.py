"""Writes video files, in several formats. The reader that all tools share is passed on from
`realtime.pictures`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.error import FFmpegError
from av.stream import Discard
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from engines.time_units import NS_PER_S
from realtime.outputs import synthetic
from realtime.pictures.decoding import MAY_JUMP
from realtime.pictures.opening import VideoError, open_video
from realtime.pictures.reader import VideoReader
from realtime.pictures.stamps import Stamps

__all__ = ["FORMATS", "Format", "VideoError", "VideoReader", "VideoWriter", "format_of"]

USUAL_SOUND_NS = round(1024 / 48000 * NS_PER_S)
"""The usual length of a packet of sound."""

_CONTAINER_OPTIONS = {ending: {"movflags": "+faststart"} for ending in (".mp4", ".mov")}


@dataclass(frozen=True)
class Format:
    """A codec as it is used here.

    opaque, alpha: its pixel formats without and with transparency, None where it has none. crf: its best,
    worst and default quality, None where there is no choice. sound: the encoder and sample rate for a
    source's sound that cannot be copied. options: of the video encoder.
    """

    title: str
    encoder: str
    opaque: str
    alpha: str | None
    crf: tuple[int, int, int] | None
    sound: tuple[str, int]
    options: dict[str, str]

    def encoder_options(self, crf: int | None = None) -> dict[str, str]:
        """The video encoder's options. crf: None for the default. Raises ValueError where the codec does not
        accept it."""
        if self.crf is None:
            if crf is not None:
                raise ValueError(f"{self.title} has no quality to choose: leave --crf out")
            return self.options
        best, worst, default = self.crf
        value = default if crf is None else crf
        if not best <= value <= worst:
            raise ValueError(f"--crf {value}: {self.title} takes {best} (best) to {worst}")
        return {**self.options, "crf": str(value)}


_H264 = Format("H.264", "libx264", "yuv420p", None, (0, 51, 18), ("aac", 48_000), {})
FORMATS = {
    ".mp4": _H264,
    ".mkv": _H264,
    ".mov": Format(
        "ProRes 4444", "prores_ks", "yuv444p10le", "yuva444p10le", None, ("pcm_s16le", 48_000),
        {"profile": "4444", "vendor": "apl0", "alpha_bits": "16"},
    ),
    ".webm": Format(
        "VP9", "libvpx-vp9", "yuv420p", "yuva420p", (0, 63, 20), ("libopus", 48_000),
        {"b": "0", "auto-alt-ref": "0", "row-mt": "1", "deadline": "good", "cpu-used": "4"},
    ),
}  # fmt: skip
"""TABLE of the formats by a file's ending. VP9 has alternative reference frames off: its alpha layer does not
support them."""


def format_of(path: Path) -> Format:
    """The format for a path's ending. Raises ValueError that names the known endings."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise ValueError(
            f"{path}: no video is written with the ending {path.suffix!r}; use {', '.join(FORMATS)}"
        ) from None


class VideoWriter:
    """Writes a video beside `path`, and moves it there once it is complete. A context manager: if the block
    ends with an exception, Ctrl-C included, the partial file is removed. The path's ending decides the format
    (`FORMATS`); colours are BT.709, and marked so.

    size: (width, height), pixels, even. alpha: with transparency. crf: the quality, None for the format's
    default. fps: the average rate. time_base: the unit of the time stamps, the source's, so that they are
    kept exactly. sound: a file whose sound is added, from the time of its first picture on; packets are
    copied where `path`'s format can hold them, else converted to AAC. made: it says of
    itself that a machine made it (`realtime.outputs.synthetic`). Raises VideoError.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        *,
        fps: Fraction,
        time_base: Fraction,
        sound: Path | None = None,
        alpha: bool = False,
        crf: int | None = None,
        made: bool = False,
    ) -> None:
        self.path, self._made = path, made
        if path.is_dir():
            raise VideoError(
                f"{path} cannot be written: it is a folder; name a file, such as {path / 'out.mp4'}"
            )
        try:
            kind = format_of(path)
            options = kind.encoder_options(crf)
        except ValueError as error:
            raise VideoError(str(error)) from None
        pix_fmt = kind.alpha if alpha else kind.opaque
        if pix_fmt is None:
            raise VideoError(f"{path}: {kind.title} holds no transparency; use .mov or .webm")
        self._pix_fmt, self._layout = pix_fmt, "bgra" if alpha else "bgr24"
        self._part = path.with_name(f".{path.stem}.part{path.suffix}")
        if not path.resolve().parent.is_dir():
            raise VideoError(f"{path} cannot be written: there is no folder {path.resolve().parent}")
        if not os.access(path.resolve().parent, os.W_OK):  # the file itself is opened at the first picture
            raise VideoError(f"{path} cannot be written: {path.resolve().parent} may not be written to")
        try:
            options_of_format = _CONTAINER_OPTIONS.get(path.suffix, {})
            # without "file:" a name with a colon would be taken for a URL
            self._container = av.open(f"file:{self._part}", "w", options=options_of_format)
        except FFmpegError as error:
            raise VideoError(f"{path} cannot be written: {error.strerror}") from None
        if made:
            self._container.metadata.update(synthetic.TAGS)
        self._stream = self._container.add_stream(kind.encoder, rate=fps, options=options)
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = pix_fmt
        context = self._stream.codec_context
        context.time_base = time_base
        context.colorspace = context.color_primaries = context.color_trc = Colorspace.ITU709
        context.color_range = ColorRange.MPEG
        self._time_base = time_base
        self._pts = -1
        try:
            self._sound = _Sound(sound, self._container, *kind.sound) if sound is not None else None
        except BaseException:
            self._discard()
            raise

    def write(self, t_ns: int, picture: NDArray[np.uint8]) -> None:
        """Writes a picture: (H, W, 3) uint8 BGR, or with alpha (H, W, 4) BGRA, straight. t_ns: since the
        first picture, ascending; a time that does not ascend, in a broken source, is moved on by one unit.
        Raises VideoError."""
        self._pts = max(self._pts + 1, round(t_ns / (NS_PER_S * self._time_base)))
        frame = av.VideoFrame.from_ndarray(picture, format=self._layout)
        frame = frame.reformat(format=self._pix_fmt, dst_colorspace=Colorspace.ITU709)
        frame.pts, frame.time_base = self._pts, self._time_base
        self._mux(frame, t_ns / NS_PER_S)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._discard()
            return
        try:
            self._mux(None, float("inf"))
            self._container.close()
            if self._made and self.path.suffix.lower() == ".mp4":
                synthetic.append_xmp(self._part)
            self._part.replace(self.path)
        except FFmpegError as failure:
            self._discard()
            raise VideoError(f"{self.path} cannot be written: {failure.strerror}") from None
        except BaseException:
            self._discard()
            raise
        if self._sound is not None:
            self._sound.close()

    def _mux(self, frame: av.VideoFrame | None, until_s: float) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
            if self._sound is not None:
                for packet in self._sound.until(until_s):
                    self._container.mux(packet)
        except FFmpegError as error:
            raise VideoError(f"{self.path} cannot be written: {error.strerror}") from None

    def _discard(self) -> None:
        with contextlib.suppress(FFmpegError):  # it is thrown away anyway
            self._container.close()
        self._part.unlink(missing_ok=True)


class _Sound:
    """The packets of a file's first sound track for `output`, timed from the file's first picture on."""

    def __init__(self, path: Path, output: av.container.OutputContainer, encoder: str, rate: int) -> None:
        """encoder, rate: for sound that cannot be copied."""
        self._path = path
        self._container, video = open_video(str(path), stream=False)
        streams = self._container.streams
        self._next: tuple[float, av.Packet] | None = None
        known = [stream for stream in streams.audio if stream.codec_context is not None]
        if not known:  # no sound, or none that FFmpeg knows
            return
        self._input = known[0]
        self._input.discard = Discard.default
        start, unit = video.start_time, video.time_base
        self._start_ns = round(start * unit * NS_PER_S) if start is not None and unit is not None else 0
        self._stamps = Stamps(USUAL_SOUND_NS, may_jump=bool(int(self._container.format.flags) & MAY_JUMP))
        self._first_ns: int | None = None
        context = self._input.codec_context
        if context.codec.canonical_name in output.supported_codecs:
            self._output = output.add_stream_from_template(self._input)
            self._packets = self._copied()
        else:
            rates = av.Codec(encoder, "w").audio_rates
            self._output = output.add_stream(
                encoder,
                rate=context.rate if rates is None or context.rate in rates else rate,
                layout="mono" if context.layout.nb_channels == 1 else "stereo",
            )
            self._packets = self._encoded()
        self._next = self._read()

    def until(self, time_s: float) -> Iterator[av.Packet]:
        """The packets from the end of the last call up to `time_s`. Raises VideoError."""
        while self._next is not None and self._next[0] <= time_s:
            yield self._next[1]
            self._next = self._read()

    def close(self) -> None:
        self._container.close()

    def _read(self) -> tuple[float, av.Packet] | None:
        try:
            return next(self._packets, None)
        except FFmpegError as error:
            raise VideoError(f"{self._path}: its sound is broken: {error.strerror}") from None

    def _risen(self, stamp: int, unit: Fraction) -> int:
        """A stamp of the file, in units of `unit` seconds, as one since the first picture. It rises as the
        picture's do, also where the file's clock was set back or jumps."""
        stamp_ns = round(stamp * unit * NS_PER_S)
        if self._first_ns is None:
            self._first_ns = stamp_ns - self._start_ns
        return round((self._first_ns + self._stamps(stamp_ns, None)) / (NS_PER_S * unit))

    def _copied(self) -> Iterator[tuple[float, av.Packet]]:
        for packet in self._container.demux(self._input):
            if packet.dts is None or packet.pts is None:  # the end
                continue
            ahead = packet.pts - packet.dts
            packet.dts = self._risen(packet.dts, packet.time_base)
            packet.pts = packet.dts + ahead
            packet.stream = self._output
            yield float(packet.pts * packet.time_base), packet

    def _encoded(self) -> Iterator[tuple[float, av.Packet]]:
        time_s = 0.0
        for frame in self._decoded():
            if frame.pts is not None and frame.time_base is not None:
                frame.pts = self._risen(frame.pts, frame.time_base)
                time_s = float(frame.pts * frame.time_base)
            for packet in self._output.encode(frame):
                yield time_s, packet
        for packet in self._output.encode(None):
            yield time_s, packet

    def _decoded(self) -> Iterator[av.AudioFrame]:
        """What cannot be decoded is left out."""
        for packet in self._container.demux(self._input):
            try:
                frames = packet.decode()
            except FFmpegError:
                continue
            yield from frames
