"""Makes a player's standby loop: a calm stretch of the player's poses, forward and backward, without a
seam."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tools.footage.dataset import Footage

log = logging.getLogger(__name__)

Paint = Callable[[NDArray[np.float32], NDArray[np.uint8]], None]

SECONDS = 4
FPS = 30


def write_standby(
    footage: Footage,
    positions: NDArray[np.int64],
    paint: Paint,
    path: Path,
) -> None:
    """Writes H.264 to `path`: the calmest unbroken stretch of `positions`, then the same stretch backwards,
    as fast as it was filmed.

    paint: draws the player in a pose (33, 4) into a picture (H, W, 3) BGR, as on air.
    """
    stretch = calmest(footage.landmarks[positions], footage.indices[positions], round(SECONDS * footage.fps))
    chosen = stretch[at_rate(len(stretch), footage.fps)]
    pictures = np.empty((len(chosen), footage.size[1], footage.size[0], 3), np.uint8)
    for picture, position in zip(
        tqdm(pictures, unit="frame", desc="standby loop"), positions[chosen], strict=True
    ):
        paint(footage.landmarks[position], picture)
    _encode([*pictures, *pictures[-2:0:-1]], footage.size, path)


def _encode(pictures: Sequence[NDArray[np.uint8]], size: tuple[int, int], path: Path) -> None:
    """pictures: (H, W, 3) BGR of `size` (width, height)."""
    try:
        import av
    except ImportError:  # a machine that only trains may lack it; OpenCV's wheel cannot encode H.264
        log.warning("PyAV is not installed: the standby loop is written as MPEG-4 part 2 instead of H.264")
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, size)
        if not writer.isOpened():
            raise OSError(f"{path} cannot be written by OpenCV: pip install av") from None
        for picture in pictures:
            writer.write(picture)
        writer.release()
        return
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS), options={"crf": "20", "preset": "slow"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())


def at_rate(count: int, fps: float) -> NDArray[np.int64]:
    """Which of `count` frames, filmed at `fps`, to show at `FPS` frames a second."""
    times = np.arange(max(1, round(count * FPS / fps)))
    return np.minimum(np.round(times * fps / FPS), count - 1).astype(np.int64)


def calmest(landmarks: NDArray[np.float32], indices: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """The rows of the `length` consecutive frames that move least; all rows if there are fewer.

    landmarks (N, 33, 4), indices (N,) frame numbers. A gap in the frame numbers counts as movement.
    """
    length = min(length, len(landmarks))
    motion = np.abs(np.diff(landmarks[..., :2], axis=0)).mean(axis=(1, 2)) + 1e3 * (np.diff(indices) > 1)
    sums = np.convolve(motion, np.ones(max(length - 1, 1)), mode="valid") if len(motion) else np.zeros(1)
    start = int(np.argmin(sums))
    return np.arange(start, start + length)
