"""What the outputs through FFmpeg share: one H.264 stream in a container, at the programme clock's times."""

from __future__ import annotations

from collections.abc import Mapping

import av

from realtime.outputs.h264 import Encoder, EncoderSettings, best_encoder, configure, to_i420
from realtime.pictures.picture import Picture


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
    ) -> None:
        """container: FFmpeg's name of it. Raises av.FFmpegError, OSError where it cannot be opened.

        PyAV holds Python's lock while FFmpeg connects, and its protocols get no options but those in the URL.
        """
        self._output = av.open(
            url,
            "w",
            format=container,
            options={"flush_packets": "1", **options},
        )
        self._output.metadata.update(metadata or {})
        self._stream = self._output.add_stream(best_encoder(), rate=settings.fps)
        configure(self._stream.codec_context, settings)
        self._encoder = Encoder(settings, self._stream.codec_context)
        self._first: int | None = None
        try:
            self._output.start_encoding()  # reaches the server, or makes the file, and writes the header
        except BaseException:
            self._output.close()
            raise

    def write(self, picture: Picture, tick: int) -> None:
        """Adds a picture, (H, W, 3) BGR, at its tick's time; missing ticks leave their time empty."""
        if self._first is None:
            self._first = tick
        for packet in self._encoder.encode(to_i420(picture), tick - self._first):
            packet.stream = self._stream
            self._output.mux(packet)

    def close(self) -> None:
        """Ends the file. Raises av.FFmpegError where its end could not be written."""
        try:
            if self._first is not None:
                for packet in self._encoder.flush():
                    packet.stream = self._stream
                    self._output.mux(packet)
        finally:
            self._output.close()
