"""Writes takes: a thread encodes every frame, into files that can be read at any moment.

They are Matroska in clusters of one second, each written at once, from an encoder that holds no frame back: a
kill loses at most a second.
"""

from __future__ import annotations

import contextlib
import queue
import re
import shutil
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from engines.time_units import NS_PER_S

TIME_BASE = Fraction(1, 1000)
"""Matroska counts milliseconds."""
KEY_FRAMES_S = 1
ENCODER = {"preset": "veryfast", "tune": "zerolatency", "crf": "16"}
MUXER = {"cluster_time_limit": "1000", "flush_packets": "1"}
QUEUE_FRAMES = 60
"""The most frames that wait for the encoder; at 1920x1080 they take 370 MB."""
LEAST_FREE_BYTES = 500_000_000
"""With less room on the disk, filming ends."""
_NAME = re.compile(r"take-(\d{3,})\.mkv")


class TakeError(RuntimeError):
    """A take that cannot be written; the text says why and what to do."""


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def takes_in(folder: Path) -> list[Path]:
    """The takes that a folder holds, in order."""
    return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), key=_number)


def next_take(folder: Path) -> Path:
    """The name of the next take."""
    taken = [_number(path) for path in takes_in(folder)]
    return folder / f"take-{max(taken, default=0) + 1:03d}.mkv"


def _number(path: Path) -> int:
    named = _NAME.fullmatch(path.name)
    return int(named[1]) if named else 0


class TakeWriter:
    """Writes frames to takes in `folder`. Any thread may `put`; one thread encodes.

    name: the newest take's file. frames: written so far. dropped: frames that the encoder had no time for.
    error: why it has ended by itself; the take is then closed.
    """

    def __init__(self, folder: Path, free: Callable[[Path], int] = free_bytes) -> None:
        self._folder = folder
        self._fps = Fraction(30)
        self._free = free
        self._queue: queue.Queue[tuple[int, NDArray[np.uint8]] | None] = queue.Queue(QUEUE_FRAMES)
        self._take: _Take | None = None
        self._closing = threading.Event()
        self.name = next_take(folder).name
        self.frames = 0
        self.dropped = 0
        self._bytes = 0
        self.error: TakeError | None = None
        self._thread = threading.Thread(target=self._run, name="encode", daemon=True)

    @property
    def behind(self) -> bool:
        """Whether the encoder needs the machine for itself."""
        return self._queue.qsize() > QUEUE_FRAMES // 4

    def start(self, fps: float) -> None:
        """fps: the camera's nominal rate; the frames keep their own times."""
        self._fps = Fraction(fps).limit_denominator(1001)
        self._thread.start()

    def seconds_left(self) -> float:
        """The seconds for which the disk has room, at the rate so far; inf before the first frames."""
        per_s = self._bytes / self.frames * float(self._fps) if self.frames else 0.0
        free = max(0, self._free(self._folder) - LEAST_FREE_BYTES)
        return free / per_s if per_s > 0 else float("inf")

    def put(self, t_ns: int, picture: NDArray[np.uint8]) -> None:
        """Takes a frame, at once: (H, W, 3) uint8 BGR. t_ns: ascending, of any clock."""
        if self.error is not None:
            return
        try:
            self._queue.put_nowait((t_ns, picture))
        except queue.Full:
            self.dropped += 1

    def end_take(self) -> None:
        """Closes the take once its frames are written; the next frame begins another."""
        while self.error is None:
            with contextlib.suppress(queue.Full):
                self._queue.put(None, timeout=0.1)
                break

    def close(self) -> None:
        """Writes the waiting frames, and closes the take."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            while not (self._closing.is_set() and self._queue.empty()):
                with contextlib.suppress(queue.Empty):
                    item = self._queue.get(timeout=0.05)
                    if item is None:
                        self._end()
                    else:
                        self._write(*item)
            self._end()
        except TakeError as error:
            with contextlib.suppress(TakeError):  # the first error is the one to report
                self._end()
            self.error = error

    def _write(self, t_ns: int, picture: NDArray[np.uint8]) -> None:
        size = (picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2)
        if self._take is not None and self._take.size != size:
            self._end()
        if self.frames % 30 == 0 or self._take is None:
            self._require_room()
        if self._take is None:
            path = next_take(self._folder)
            self._take = _Take(path, size, self._fps, t_ns)
            self.name = path.name
        self._bytes += self._take.write(t_ns, picture[: size[1], : size[0]])
        self.frames += 1

    def _end(self) -> None:
        if self._take is not None:
            take, self._take = self._take, None
            take.close()

    def _require_room(self) -> None:
        free = self._free(self._folder)
        if free < LEAST_FREE_BYTES:
            raise TakeError(
                f"{self._folder}: the disk is almost full ({free / 1e6:.0f} MB left): "
                "the take is closed; make room and start again, it goes on where it stopped"
            )


class _Take:
    """One file. Raises TakeError."""

    def __init__(self, path: Path, size: tuple[int, int], fps: Fraction, start_ns: int) -> None:
        self._path = path
        self.size = size
        self._start_ns = start_ns
        self._pts = -1
        try:
            self._container = av.open(str(path), "w", format="matroska", options=MUXER)
            self._stream = self._container.add_stream("libx264", rate=fps, options=ENCODER)
            self._stream.width, self._stream.height = size
            self._stream.pix_fmt = "yuv420p"
            self._stream.codec_context.gop_size = max(1, round(fps * KEY_FRAMES_S))
            self._stream.codec_context.time_base = TIME_BASE
        except (FFmpegError, OSError) as error:
            raise TakeError(f"{path} cannot be written: {error.strerror}") from None

    def write(self, t_ns: int, picture: NDArray[np.uint8]) -> int:
        """Writes a frame; returns its size in bytes."""
        self._pts = max(self._pts + 1, round((t_ns - self._start_ns) / (NS_PER_S * TIME_BASE)))
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
        frame.pts, frame.time_base = self._pts, TIME_BASE
        try:
            packets = self._stream.encode(frame)
            self._container.mux(packets)
        except (FFmpegError, OSError) as error:
            raise TakeError(f"{self._path} cannot be written: {error.strerror}") from None
        return sum(packet.size for packet in packets)

    def close(self) -> None:
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        except (FFmpegError, OSError) as error:
            raise TakeError(f"{self._path} cannot be finished: {error.strerror}") from None
