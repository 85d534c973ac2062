"""A recording that survives a power cut: Matroska, or MP4 in fragments, H.264, written as it comes.

A fan's picture is stored only while the operator records: the output is off until the order "start".
"""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from realtime.outputs.h264 import EncoderSettings, h264_level
from realtime.outputs.muxing import VideoFile
from realtime.outputs.settings import Recorder
from realtime.outputs.sink import Format, OutputError, Part
from realtime.outputs.worker import Tick, WorkerSink

FREE_BYTES = 256 * 1024 * 1024
"""With less free space no recording is begun: the machine needs some of it itself."""

US_PER_S, MS_PER_S = 1_000_000, 1000


class RecorderSink(WorkerSink):
    """Writes one file from each "start" to its "stop"; after a failure a new file is begun."""

    def __init__(self, settings: Recorder, programme: Format) -> None:
        """Raises OutputError where the programme cannot be encoded."""
        clean = settings.feed == "clean"
        parts = frozenset[Part]({"clean" if clean else "picture"})
        super().__init__("recorder", settings.called, programme, parts, where=str(settings.folder), on=False)
        self._settings = settings
        self._encoding = EncoderSettings(
            programme.size, programme.fps, settings.bitrate, keyframe_s=settings.fragment_s, kept=True
        )
        h264_level(self._encoding)
        self._file: VideoFile | None = None
        self._start()

    def order(self, order: str) -> None:
        """ "start" begins a recording, "stop" ends it; either may be given again. See `OutputSink.order`."""
        if order not in ("start", "stop"):
            super().order(order)
        self._switch(order == "start")

    def _open(self) -> None:
        folder = self._settings.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(folder).free
            if free < FREE_BYTES:
                raise OutputError(
                    f"{self.name}: {folder} has only {free // 2**20} MB left: make room for the recording"
                )
            path = _new_file(folder, self.name, self._settings.container)
            self._where = str(path)
            self._file = VideoFile(
                str(path),
                {"mkv": "matroska", "mp4": "mp4"}[self._settings.container],
                self._encoding,
                options=_options(self._settings),
                metadata={"creation_time": datetime.now().astimezone().isoformat()},
            )
        except OSError as error:  # PyAV's errors of files are OSErrors too
            raise OutputError(f"{self.name}: cannot record in {folder}: {error.strerror}") from error

    def _write(self, tick: Tick) -> None:
        assert self._file is not None  # noqa: S101  # opened before
        picture = tick.frame.clean if self._settings.feed == "clean" else tick.frame.picture
        if picture is None:  # this tick was made before anybody wanted the clean feed
            return
        try:
            self._file.write(picture, tick.number)
        except OSError as error:
            raise OutputError(f"{self.name}: cannot write {self._where}: {error.strerror}") from error

    def _shut(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                raise OutputError(f"{self.name}: cannot end {self._where}: {error.strerror}") from error


def _options(settings: Recorder) -> dict[str, str]:
    """What makes FFmpeg's muxer write whole pieces as it goes, each of `fragment_s`."""
    if settings.container == "mp4":
        return {
            "movflags": "empty_moov+default_base_moof",
            "frag_duration": str(round(settings.fragment_s * US_PER_S)),
        }
    return {"cluster_time_limit": str(round(settings.fragment_s * MS_PER_S))}


def _new_file(folder: Path, name: str, suffix: str) -> Path:
    """A file that is not there yet, named by the time."""
    stem = f"{name} {datetime.now():%Y-%m-%d %H.%M.%S}"
    path = folder / f"{stem}.{suffix}"
    n = 2
    while path.exists():
        path = folder / f"{stem} ({n}).{suffix}"
        n += 1
    return path
