"""A video file or a stream, as the live show reads it."""

from __future__ import annotations

from av.video.frame import VideoFrame

from engines.time_units import NS_PER_S
from realtime.pictures.conversion import Converter
from realtime.pictures.decoding import Decoded, Decoder
from realtime.pictures.opening import VideoError
from realtime.pictures.picture import Picture


class PlayedVideo:
    """Plays a recording round and round, or a stream as it comes. For one thread. It is a
    `video_source.Source` whose errors are VideoErrors.

    fps: frames a second. gives: size, codec and rate. recorded: it is paced by its own time stamps and
    loops. damaged: so many frames were left out so far. media_ns: where in the file the frame of the last
    `grab` lies, counted from its first frame; None for a stream without an end. Its pictures are of one size
    as long as it is open.
    """

    def __init__(self, name: str, *, stream: bool = False) -> None:
        """Opens it and decodes one frame. name: a file's path, or a stream's URL. Raises VideoError."""
        self._decoder = Decoder(name, stream=stream)
        self.name = self._decoder.name
        self._frames = iter(self._decoder)
        self._convert = Converter(self._decoder.name, self._decoder.first.frame, self._decoder.pixel_aspect)
        self.fps = float(self._decoder.fps)
        self.gives = f"{'{}x{}'.format(*self._convert.size)} {self._decoder.codec} {self.fps:.1f}"
        self.recorded = not stream or self._decoder.has_end
        self._pass_ns = 0
        self._newest_ns = -1
        self.media_ns: int | None = None
        self._frame: VideoFrame = self._decoder.first.frame

    @property
    def damaged(self) -> int:
        return self._decoder.damaged

    def grab(self) -> int:
        """Goes to the next frame; gives its time since the recording began to play, rising (0 for a stream).

        A file that is broken is played up to there. Raises VideoError.
        """
        decoded = self._next()
        if decoded is None:
            self._rewind()
            decoded = self._next()
        if decoded is None:
            raise VideoError(f"{self.name} cannot be played again from its start")
        self._frame = decoded.frame
        if not self.recorded:
            return 0
        self.media_ns = decoded.t_ns
        self._newest_ns = self._pass_ns + decoded.t_ns
        return self._newest_ns

    def _next(self) -> Decoded | None:
        """None at the end of a recording."""
        try:
            decoded = next(self._frames, None)
        except VideoError:
            if not self.recorded:
                raise
            return None
        if decoded is None and not self.recorded:
            raise VideoError(f"{self.name} gives no picture any more: check the cable or the network")
        return decoded

    def _rewind(self) -> None:
        self._pass_ns = self._newest_ns + round(NS_PER_S / self.fps)
        self._decoder.rewind()
        self._frames = iter(self._decoder)

    def picture(self) -> Picture:
        """The frame of the last `grab`, (H, W, 3) uint8 BGR, the caller's to keep. Raises VideoError."""
        return self._convert(self._frame)

    def close(self) -> None:
        self._decoder.close()
