"""The standby loop of a player: a calm stretch of his poses, forward and back, without a seam."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tools.footage import Footage

Paint = Callable[[NDArray[np.float32], NDArray[np.uint8]], None]

SECONDS = 4
FPS = 30


def write_standby(
    footage: Footage,
    positions: NDArray[np.int64],
    paint: Paint,
    path: Path,
) -> None:
    """Writes H.264 to `path`: the calmest unbroken stretch of `positions`, then the same backwards.

    paint: draws the player in a pose (`Footage.points`) into a picture (H, W, 3) BGR, as on air.
    """
    chosen = calmest(footage.landmarks[positions], footage.indices[positions], SECONDS * FPS)
    pictures = np.empty((len(chosen), footage.size[1], footage.size[0], 3), np.uint8)
    for picture, position in zip(
        tqdm(pictures, unit="frame", desc="standby loop"), positions[chosen], strict=True
    ):
        paint(footage.points[position], picture)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS), options={"crf": "20", "preset": "slow"})
        stream.width, stream.height = footage.size
        stream.pix_fmt = "yuv420p"
        for picture in (*pictures, *pictures[-2:0:-1]):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())


def calmest(landmarks: NDArray[np.float32], indices: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Rows of the `length` consecutive frames that move least (all of them if there are fewer).

    landmarks (N, 33, 4), indices (N,) frame numbers. A gap in the frame numbers counts as movement.
    """
    length = min(length, len(landmarks))
    motion = np.abs(np.diff(landmarks[..., :2], axis=0)).mean(axis=(1, 2)) + 1e3 * (np.diff(indices) > 1)
    sums = np.convolve(motion, np.ones(max(length - 1, 1)), mode="valid") if len(motion) else np.zeros(1)
    start = int(np.argmin(sums))
    return np.arange(start, start + length)
