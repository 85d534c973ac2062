"""Opens a video file or a network stream, and finds the video in it."""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError, HTTPUnauthorizedError
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from realtime.config.redact import encoding_hint, shown

PHOTOS = frozenset({".heic", ".heif", ".avif"})

STREAM_TIMEOUT_S = 5.0
"""A stream that says nothing for so long is lost."""

_FILE_OPTIONS = {"fflags": "-genpts"}
"""Stamps that FFmpeg would make up (PyAV asks it to) are wrong where frames are reordered, as in AVI."""
_STREAM_OPTIONS = {**_FILE_OPTIONS, "rtsp_flags": "prefer_tcp"}


class VideoError(ValueError):
    """A video that cannot be read or written; the text names it, without a password, and says what to do."""


def open_video(name: str, *, stream: bool) -> tuple[InputContainer, VideoStream]:
    """A file by its path, or a stream by its URL. One thread will decode it. Raises VideoError."""
    container = _open_stream(name) if stream else _open_file(name)
    try:
        video = _video_in(container, shown(name) if stream else name)
    except VideoError:
        container.close()
        raise
    for other in container.streams:
        if other is not video:
            other.discard = Discard.all
    video.codec_context.thread_count = 1
    return container, video


def _open_file(name: str) -> InputContainer:
    path = Path(name)
    if path.is_dir():
        raise VideoError(f"{name} is a folder: name a video file in it")
    if not path.is_file():
        raise VideoError(f"{name}: no such file")
    if path.suffix.lower() in PHOTOS:  # FFmpeg would give one tile of it
        raise VideoError(f"{name} is a phone's photo: export it as JPEG")
    try:  # without "file:" a name with a colon would be taken for a URL
        return av.open(f"file:{name}", container_options=_FILE_OPTIONS, metadata_errors="replace")
    except FFmpegError as error:
        raise VideoError(f"{name}: {_why_unreadable(path, error)}") from None


def _why_unreadable(path: Path, error: FFmpegError) -> str:
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError as failure:
        return f"it cannot be read: {failure.strerror}"
    if not start:
        return "it is empty: copy it from the camera again"
    if start[4:8] == b"ftyp":  # ISO base media: what tells the frames apart is often written last
        return f"it is not a video that can be read; it may break off ({error.strerror}): copy it again"
    return f"it is not a video that can be read ({error.strerror}): name a video file"


def _open_stream(name: str) -> InputContainer:
    try:
        return av.open(
            name,
            container_options=_STREAM_OPTIONS,
            metadata_errors="replace",
            timeout=(STREAM_TIMEOUT_S, STREAM_TIMEOUT_S),
        )
    except HTTPUnauthorizedError:
        why = "it asks for a name and a password: write them into the address"
    except FFmpegError as error:
        why = f"nothing answers there, or it is no video ({error.strerror}): check the address"
    raise VideoError(f"{shown(name)}: {why}{encoding_hint(name)}")


def _video_in(container: InputContainer, name: str) -> VideoStream:
    """The stream that shows the video: no cover picture, and one that can be decoded. Raises VideoError."""
    found = container.streams.video
    videos = [video for video in found if not video.disposition & Disposition.attached_pic]
    if not videos:
        only = ", only a cover picture" if found else ""
        raise VideoError(f"{name} has no video in it{only}: name a video file")
    playable = [video for video in videos if video.codec_context is not None]
    if not playable:
        raise VideoError(
            f"{name}: its codec is not known here, or it is protected against copying: convert it to H.264"
        )
    moving = [video for video in playable if video.frames != 1] or playable  # covers are not always marked
    best = container.streams.best("video")
    return next((video for video in moving if video is best), moving[0])
