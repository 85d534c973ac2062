"""A recording that survives a power cut: Matroska, or MP4 in fragments, H.264, written as it comes.

An MP4 that is ended in order is whole, without fragments, as editors like it.

A fan's picture is stored only while the operator records: the output is off until the order "start".
"""

from __future__ import annotations

import re
import time
from datetime import datetime
from pathlib import Path

from realtime.config.outputs import Recorder
from realtime.outputs import synthetic
from realtime.outputs.disk import FREE_BYTES, LOOK_S, Synchronizer, free_bytes
from realtime.outputs.h264 import EncoderSettings, h264_level
from realtime.outputs.sink import Format, OutputError
from realtime.outputs.sound import decode_ahead
from realtime.outputs.video_file import VideoFile
from realtime.outputs.worker import Tick, WorkerSink
from realtime.transport.programme_ring import Part

END_S, BEGIN_S = 4, 30
"""A recording is ended while there is room for so many seconds of it beside FREE_BYTES; none is begun with
room for less than so many."""

US_PER_S, MS_PER_S = 1_000_000, 1000

STAMP = r" \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d( \(\d+\))?( \(whole\))?"
"""What follows an output's name in the names of its files, before the ending: a regular expression.
`tools.repair` adds the last part."""


class RecorderSink(WorkerSink):
    """Writes one file from each "start" to its "stop"; after a failure a new file is begun.

    Where the disk gets full, the file is ended while the machine has room left, and a new one is begun once
    there is room again.
    """

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
        self._disk: Synchronizer | None = None
        self._next_look_s = 0.0
        decode_ahead(settings.audio, self._cannot_begin)
        self._start()

    def order(self, order: str) -> None:
        """ "start" begins a recording, "stop" ends it; either may be given again. See `OutputSink.order`."""
        if order not in ("start", "stop"):
            super().order(order)
        self._switch(order == "start")

    def _cannot_begin(self, reason: str) -> None:
        """In another thread: told in the status, although the output is off."""
        self._say(reason=reason)

    def _trouble(self) -> str:
        file = self._file
        return f"{self.name}: {file.trouble}" if file is not None and file.trouble else ""

    def _open(self) -> None:
        folder = self._settings.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            free = free_bytes(folder)
            if free < self._room_for(BEGIN_S):
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
                audio=self._settings.audio,
                metadata={"creation_time": datetime.now().astimezone().isoformat(), **synthetic.TAGS},
            )
            self._disk = Synchronizer(path)
        except OSError as error:  # PyAV's errors of files are OSErrors too
            raise OutputError(f"{self.name}: cannot record in {folder}: {error.strerror}") from error

    def _write(self, tick: Tick) -> None:
        assert self._file is not None  # noqa: S101  # opened before
        frame = tick.frame
        clean = self._settings.feed == "clean"
        picture = frame.clean if clean else frame.picture
        # The clean feed has no delay, and no slate.
        entered, media = (tick.number, frame.clean_media) if clean else (frame.entered, frame.media)
        if picture is None:  # this tick was made before anybody wanted the clean feed
            return
        try:
            self._look_at_disk()
            self._file.write(picture, tick.number, tick.due_ns, entered, media)
        except OSError as error:
            raise OutputError(f"{self.name}: cannot write {self._where}: {error.strerror}") from error

    def _shut(self) -> None:
        file, self._file = self._file, None
        disk, self._disk = self._disk, None
        try:
            try:
                if file is not None:
                    file.close()
                    if self._settings.container == "mp4":
                        synthetic.append_xmp(Path(self._where))
            finally:
                if disk is not None:
                    disk.close()
        except OSError as error:
            raise OutputError(f"{self.name}: cannot end {self._where}: {error.strerror}") from error

    def _room_for(self, seconds: int) -> int:
        """Bytes that must be free to record for so long."""
        return FREE_BYTES + seconds * self._settings.bitrate // 8

    def _look_at_disk(self) -> None:
        """Raises OSError where it refuses what was written, OutputError where it is getting full."""
        if self._disk is not None:
            self._disk.check()
        now_s = time.monotonic()
        if now_s < self._next_look_s:
            return
        self._next_look_s = now_s + LOOK_S
        free = free_bytes(self._settings.folder)
        if free < self._room_for(END_S):
            raise OutputError(
                f"{self.name}: {self._where} was ended: the disk has only {free // 2**20} MB left; "
                "the recording goes on in a new file once there is room"
            )


def _options(settings: Recorder) -> dict[str, str]:
    """What makes FFmpeg's muxer write whole pieces as it goes, each of `fragment_s`."""
    if settings.container == "mp4":
        return {
            "movflags": "hybrid_fragmented+default_base_moof",
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


def recordings_of(settings: Recorder) -> list[Path]:
    """An output's files, by name."""
    name = re.compile(re.escape(settings.called) + STAMP + re.escape(f".{settings.container}"))
    return [path for path in sorted(settings.folder.glob("*")) if name.fullmatch(path.name)]
