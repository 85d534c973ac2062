"""What the outputs through FFmpeg share: H.264, and perhaps sound, at the programme clock's times."""

from __future__ import annotations

from collections.abc import Mapping

import av

from realtime.outputs.h264 import Encoder, EncoderSettings, configure, encoder_for, to_i420
from realtime.outputs.sound import Encoded, open_sound
from realtime.pictures.picture import Picture
from realtime.transport.programme_ring import MediaTime


class VideoFile:
    """A file or stream that is being written; after `write` the operating system has the picture."""

    def __init__(
        self,
        url: str,
        container: str,
        settings: EncoderSettings,
        *,
        options: Mapping[str, str],
        metadata: Mapping[str, str] | None = None,
        audio: str = "none",
    ) -> None:
        """container: FFmpeg's name of it. audio: see `sound.open_sound`. Raises av.FFmpegError, OSError where
        it cannot be opened, OutputError where its sound cannot.

        PyAV holds Python's lock while FFmpeg connects, and its protocols get no options but those in the URL.
        """
        sound = open_sound(audio)
        self._output = av.open(
            url,
            "w",
            format=container,
            options={"flush_packets": "1", **options},
        )
        self._output.metadata.update(metadata or {})
        self._stream = self._output.add_stream(encoder_for(settings), rate=settings.fps)
        configure(self._stream.codec_context, settings)
        self._encoder = Encoder(settings, self._stream.codec_context)
        self._sound = None if sound is None else Encoded(sound, self._output, settings.fps)
        self._first: int | None = None
        try:
            self._output.start_encoding()  # reaches the server, or makes the file, and writes the header
        except BaseException:
            self._close()
            raise

    @property
    def trouble(self) -> str:
        """Why its sound is silent, for the operator, or ""; from any thread."""
        return "" if self._sound is None else self._sound.trouble

    def write(
        self,
        picture: Picture,
        tick: int,
        due_ns: int = 0,
        entered: int | None = None,
        media: MediaTime | None = None,
    ) -> None:
        """Adds a picture, (H, W, 3) BGR, at its tick's time; missing ticks leave their time empty. due_ns,
        entered, media: of the tick, for its sound (`sound.Encoded`)."""
        if self._first is None:
            self._first = tick
        for packet in self._encoder.encode(to_i420(picture), tick - self._first):
            packet.stream = self._stream
            self._output.mux(packet)
        if self._sound is not None:
            self._output.mux(self._sound.tick(tick, due_ns, entered, media))

    def close(self) -> None:
        """Ends the file. Raises av.FFmpegError where its end could not be written."""
        try:
            if self._first is not None:
                for packet in self._encoder.flush():
                    packet.stream = self._stream
                    self._output.mux(packet)
                if self._sound is not None:
                    self._output.mux(self._sound.flush())
        finally:
            self._close()

    def _close(self) -> None:
        if self._sound is not None:
            self._sound.close()
        self._output.close()
