"""A video's frames in order, with times that rise: damaged ones left out, fields made into frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import NamedTuple

import av
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engines.time_units import NS_PER_S
from realtime.config.redact import shown
from realtime.pictures.filters import FilterChain, Format
from realtime.pictures.opening import VideoError, open_video
from realtime.pictures.stamps import Stamps

NO_TIMESTAMPS, MAY_JUMP = 0x0080, 0x0200
"""Of a format: FFmpeg's AVFMT_NOTIMESTAMPS, AVFMT_TS_DISCONT."""

USUAL_FPS = Fraction(30)
LOWEST_FPS, HIGHEST_FPS = 1, 1000
"""A rate beyond these is a mistake of the file's."""

DAMAGED_AT_MOST = 250
"""A stream of which so many frames in a row are damaged is lost."""

MICROSECONDS = Fraction(1, 1_000_000)
BOTH_FIELDS = [("bwdif", {"mode": "send_field", "parity": "auto", "deint": "interlaced"})]


class Decoded(NamedTuple):
    """t_ns: since the first frame. frame: as it is stored, which need not be upright."""

    t_ns: int
    frame: VideoFrame


class Decoder:
    """Decodes a file, or a stream it is connected to. For one thread.

    name: what messages call it. codec: what it is compressed by, such as "h264". first: its first frame,
    which is decoded at once. fps: its average rate, after deinterlacing. time_base: the unit of its stamps,
    seconds. frames: an estimate of how many there are, 0 where nobody knows. has_end: it says how long it
    is. damaged: so many of the frames read so far were left out.
    """

    def __init__(self, name: str, *, stream: bool = False) -> None:
        """name: a file's path, or a stream's URL. Raises VideoError."""
        self.name = shown(name) if stream else name
        self._address = name
        self._is_stream = stream
        self.damaged = 0
        self._container, self._video = open_video(name, stream=stream)
        self.codec = self._video.codec_context.name
        flags = int(self._container.format.flags)
        self._has_stamps, self._may_jump = not flags & NO_TIMESTAMPS, bool(flags & MAY_JUMP)
        self._rate = self._average_rate()
        self._stored_base = Fraction(self._video.time_base or 1 / self._rate)
        duration_s = self._duration_s()
        self.has_end = duration_s > 0
        try:
            self._begin()
        except VideoError:
            self.close()
            raise
        fields = 1 if self._fields is None else 2  # 25 frames of two fields each are 50 pictures a second
        self.fps, self.time_base = fields * self._rate, self._stored_base / fields
        self.frames = fields * round(duration_s * self._rate)

    def _begin(self) -> None:
        """Decodes the first frame. Raises VideoError."""
        self._stamps = Stamps(round(NS_PER_S / self._rate), may_jump=self._may_jump and self._has_stamps)
        self._whole = 0
        self._first_stamps: tuple[int | None, int | None] | None = None
        self._broken: str | None = None
        self._fields: Fields | None = None
        self._decoded = self._decode()
        first = next(self._decoded, None)
        if first is None:
            raise VideoError(f"{self.name} holds no picture that can be decoded: {self._try_next}")
        self.first = first

    def rewind(self) -> None:
        """Back to the first frame, to iterate again. What cannot be wound back exactly is opened again, which
        takes several times as long. Raises VideoError."""
        before = self._first_stamps
        if self._has_stamps and not self._may_jump and not self._is_stream:  # seeking knows no timeout
            with suppress(FFmpegError, VideoError):
                self._container.seek(self._video.start_time or 0, stream=self._video)
                self._begin()
                if self._first_stamps == before:
                    return
        self.close()
        self._container, self._video = open_video(self._address, stream=self._is_stream)
        self._begin()

    def __iter__(self) -> Iterator[Decoded]:
        """The frames from the first on: once, and once after each `rewind`. Raises VideoError where the file
        breaks off, or the stream is lost."""
        yield self.first
        yield from self._decoded

    @property
    def pixel_aspect(self) -> Fraction:
        """How much wider than high a stored pixel is to be shown."""
        video = self._video
        return Fraction(video.sample_aspect_ratio or video.codec_context.sample_aspect_ratio or 1)

    def close(self) -> None:
        self._container.close()

    @property
    def _try_next(self) -> str:
        return "check the camera" if self._is_stream else "copy it from the camera again"

    def _average_rate(self) -> Fraction:
        """Frames a second, as stored. Where a format has no stamps its codec may name a rate (H.264), which
        FFmpeg tells as its guess."""
        average, guess = self._video.average_rate, self._video.guessed_rate
        rate = (average or guess) if self._has_stamps else (guess or average)
        return Fraction(rate) if rate and LOWEST_FPS <= rate <= HIGHEST_FPS else USUAL_FPS

    def _duration_s(self) -> Fraction:
        """0 where nobody knows."""
        if self._video.duration is not None:
            return self._video.duration * self._stored_base
        return Fraction(self._container.duration or 0, av.time_base)

    def _decode(self) -> Iterator[Decoded]:
        try:
            yield from self._pictures()
        except FFmpegError as error:
            raise VideoError(
                f"{self.name} cannot be deinterlaced ({error.strerror}): convert it to H.264"
            ) from None

    def _pictures(self) -> Iterator[Decoded]:
        for frame in self._whole_frames():
            t_ns = self._stamps(self._ns(frame.pts), self._ns(frame.dts))
            if self._fields is None and not frame.interlaced_frame:
                yield Decoded(t_ns, frame)
                continue
            if self._fields is None:
                self._fields = Fields()
            yield from self._fields.push(Decoded(t_ns, frame))
        if self._fields is not None:
            yield from self._fields.rest()
        if self._broken is not None:
            raise VideoError(self._why_broken)

    def _ns(self, stamp: int | None) -> int | None:
        return None if stamp is None else round(stamp * self._stored_base * NS_PER_S)

    def _whole_frames(self) -> Iterator[VideoFrame]:
        damaged_in_a_row = 0
        for packet in self._packets():
            for frame in self._frames_of(packet):
                if frame is not None and not frame.is_corrupt:
                    damaged_in_a_row = 0
                    self._first_stamps = self._first_stamps or (frame.pts, frame.dts)
                    self._whole += 1
                    yield frame
                    continue
                self.damaged += 1
                damaged_in_a_row += 1
                if self._is_stream and damaged_in_a_row > DAMAGED_AT_MOST:
                    raise VideoError(f"{self.name} gives only damaged pictures: {self._try_next}")

    def _packets(self) -> Iterator[Packet[VideoStream] | None]:
        """None, or an empty packet, is the last: the decoder gives what it holds. Notes where it breaks."""
        is_cut = False
        try:
            for packet in self._container.demux(self._video):
                if not self._whole and packet.has_sidedata("encryption_info"):
                    raise VideoError(f"{self.name} is protected against copying: use a copy that is not")
                is_cut = packet.is_corrupt if packet.size else is_cut
                yield packet
        except FFmpegError as error:
            self._broken = error.strerror or "unknown error"
            yield None
        if is_cut and self._video.frames:  # other formats may end anywhere: they promise no number of frames
            self._broken = "it ends within a frame"

    def _frames_of(self, packet: Packet[VideoStream] | None) -> Sequence[VideoFrame | None]:
        """None for one that cannot be decoded."""
        try:
            return self._video.codec_context.decode(packet)
        except FFmpegError:
            return [None] if packet is not None and packet.size else []

    @property
    def _why_broken(self) -> str:
        if self._is_stream:
            return f"{self.name} gives no picture any more: check the cable or the network"
        return f"{self.name} is broken after frame {self._whole} ({self._broken}): {self._try_next}"


class Fields:
    """Makes two pictures of every interlaced frame (FFmpeg's bwdif), each at its own time; frames that are
    whole stay as they are."""

    def __init__(self) -> None:
        self._chain: FilterChain | None = None
        self._format: Format | None = None

    def push(self, decoded: Decoded) -> Iterator[Decoded]:
        """What is ready once this frame is there: it is one frame behind."""
        frame = decoded.frame
        takes = Format.of(frame)
        if takes != self._format or self._chain is None:
            yield from self.rest()
            self._chain, self._format = FilterChain(takes, BOTH_FIELDS, MICROSECONDS), takes
        frame.pts, frame.time_base = decoded.t_ns // 1000, MICROSECONDS
        yield from _timed(self._chain.push(frame))

    def rest(self) -> Iterator[Decoded]:
        """What is left at the end."""
        if self._chain is not None:
            yield from _timed(self._chain.push(None))
            self._chain = None


def _timed(frames: Iterator[VideoFrame]) -> Iterator[Decoded]:
    for frame in frames:
        yield Decoded(round((frame.time or 0.0) * NS_PER_S), frame)
