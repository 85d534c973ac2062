"""Video files with a sound that tells where in the file it is, and a reader of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from realtime.outputs.sound import RATE

STEP = 480
"""Of a counting sound: the left channel rises once in so many samples, the right one with each."""
FILES = 10_000
"""Files with a counting sound differ by so much in the left channel."""


def write_film(
    path: Path,
    fps: Fraction,
    greys: list[int],
    samples: NDArray[np.int16] | None,
    size: tuple[int, int] = (64, 64),
) -> Path:
    """A video of one grey after the other. samples: (N, 2), 48 kHz, kept exactly (PCM); None for no sound."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=fps, options={"crf": "10", "preset": "ultrafast"})
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        sound = None if samples is None else file.add_stream("pcm_s16le", rate=RATE, layout="stereo")
        for grey in greys:
            picture = np.full((size[1], size[0], 3), grey, np.uint8)
            file.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        file.mux(video.encode(None))
        if sound is not None and samples is not None:
            heard = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
            heard.sample_rate = RATE
            file.mux(sound.encode(heard))
    return path


def counting(file: int, seconds: float) -> NDArray[np.int16]:
    """A sound whose every sample tells its place, and the number of its file."""
    places = np.arange(round(seconds * RATE))
    return np.stack([file * FILES + places // STEP, places % STEP + 1], axis=1).astype(np.int16)


def place_of(sample: NDArray[np.int16]) -> tuple[int, int] | None:
    """The file and the place of a sample of a counting sound; None for silence."""
    left, right = int(sample[0]), int(sample[1])
    return None if right == 0 else (left // FILES, left % FILES * STEP + right - 1)
