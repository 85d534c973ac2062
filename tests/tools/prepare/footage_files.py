"""Small videos for the tests of `tools.prepare`."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tools.footage.video import VideoReader
from tools.prepare import __main__ as prepare

PLAYER = Path(__file__).resolve().parents[3] / "assets" / "player_train.mp4"
EMPTY = 120
"""With so many frames of the empty scene the player's video begins."""


def write_video(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    *,
    fps: Fraction = Fraction(30),
    times_ms: Sequence[int] | None = None,
    rotation: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """options: of the container. times_ms: where frames do not come at an even rate; rotation: as phones note
    it, degrees."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "18", "preset": "veryfast"})
        stream.codec_context.thread_count = 1
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        if times_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.time_base = 1 / fps if times_ms is None else Fraction(1, 1000)
            frame.pts = number if times_ms is None else times_ms[number]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def player_frames(count: int, side: int = 256) -> list[NDArray[np.uint8]]:
    """The first frames of the player's video that show the player, their middle, square."""
    with VideoReader(PLAYER) as reader:
        return [
            cv2.resize(middle(frame), (side, side), interpolation=cv2.INTER_AREA).astype(np.uint8)
            for _, frame in itertools.islice(reader, EMPTY, EMPTY + count)
        ]


def middle(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The square in the middle of a wide picture."""
    height, width = frame.shape[:2]
    left = (width - height) // 2
    return frame[:, left : left + height]


def die_at_write(number: int, folder: Path, arguments: list[str]) -> None:
    """Runs the command, whose process is killed in the middle of the `number`-th file that it writes in
    `folder`; it exits with the command's status where it writes fewer."""
    left, lock = itertools.count(number - 1, -1), threading.Lock()

    def heed(event: str, values: tuple[object, ...]) -> None:
        if event != "open" or not isinstance(values[1], str) or "w" not in values[1]:
            return
        path = os.fsdecode(values[0]) if isinstance(values[0], str | bytes | os.PathLike) else ""
        if not path.startswith(str(folder)):
            return
        with lock:
            if next(left) == 0:
                torn = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.write(torn, b"half a file")
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(heed)
    sys.exit(prepare.main(arguments))
