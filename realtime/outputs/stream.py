"""The programme as a stream through FFmpeg: MPEG-TS over UDP, or RTMP to a server."""

from __future__ import annotations

from urllib.parse import urlsplit

import av

from realtime.config.outputs import Stream
from realtime.config.redact import encoding_hint, redact, shown
from realtime.outputs import synthetic
from realtime.outputs.h264 import EncoderSettings, h264_level
from realtime.outputs.sink import Format, OutputError
from realtime.outputs.video_file import VideoFile
from realtime.outputs.worker import BOARD_RETRY_S, SERVER_RETRY_S, Tick, WorkerSink
from realtime.transport.programme_ring import Part

UDP_PACKET_BYTES = 1316
"""Seven packets of MPEG-TS: the most that fits an Ethernet frame."""

CONTAINERS = {"udp": "mpegts", "rtmp": "flv", "rtmps": "flv"}
"""Scheme of the URL → FFmpeg's container."""

TAGS = {"mpegts": synthetic.SERVICE, "flv": synthetic.TAGS}
"""Container → what it says of its origin."""


class StreamSink(WorkerSink):
    """Sends while somebody takes it; a server that goes away is tried again. UDP never knows whether anybody
    listens."""

    def __init__(self, settings: Stream, programme: Format) -> None:
        """Raises OutputError where the programme cannot be encoded."""
        super().__init__(
            "stream",
            settings.called,
            programme,
            frozenset[Part]({"picture"}),
            where=shown(settings.url),
            retry_s=BOARD_RETRY_S if settings.url.startswith("udp:") else SERVER_RETRY_S,
        )
        self._url, self._audio = settings.url, settings.audio
        self._encoding = EncoderSettings(
            programme.size, programme.fps, settings.bitrate, keyframe_s=settings.keyframe_s
        )
        h264_level(self._encoding)
        self._file: VideoFile | None = None
        self._start()

    def _trouble(self) -> str:
        file = self._file
        return f"{self.name}: {file.trouble}" if file is not None and file.trouble else ""

    def _open(self) -> None:
        parts = urlsplit(self._url)
        url = self._url
        if parts.scheme == "udp":
            url += f"{'&' if parts.query else '?'}pkt_size={UDP_PACKET_BYTES}"
        try:
            container = CONTAINERS[parts.scheme]
            self._file = VideoFile(
                url,
                container,
                self._encoding,
                options={},
                metadata=TAGS[container],
                audio=self._audio,
            )
        except (OSError, av.FFmpegError) as error:
            raise self._failed("reach", error) from error

    def _write(self, tick: Tick) -> None:
        assert self._file is not None  # noqa: S101  # opened before
        try:
            frame = tick.frame
            self._file.write(frame.picture, tick.number, tick.due_ns, frame.entered, frame.media)
        except (OSError, av.FFmpegError) as error:
            raise self._failed("send to", error) from error

    def _shut(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except (OSError, av.FFmpegError) as error:
                raise self._failed("end", error) from error

    def _failed(self, what: str, error: OSError | av.FFmpegError) -> OutputError:
        why = redact(error.strerror or str(error)) + (encoding_hint(self._url) if what == "reach" else "")
        return OutputError(f"{self.name}: cannot {what} {self._where}: {why}")
