"""Video files whose sound tells where in the file it is, by counting or by beeps at flashes; its readers."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from realtime.outputs.sound import RATE

STEP = 480
"""Of a counting sound: the left channel rises once in so many samples, the right one with each."""
FILES = 10_000
"""Files with a counting sound differ by so much in the left channel."""

FILM_FPS, FILM_S = 30, 4.5
FLASHES_S = (0.5, 1.4, 2.6, 3.5)
"""Of the flashing film: about a second apart, but not evenly, so that a beep of another second is known."""
FLASH_S, BEEP_S = 0.1, 0.1
DARK, BRIGHT = 60, 230


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


def is_flash(at_s: float) -> bool:
    """Whether the flashing film is bright there; it goes round."""
    return any(begin_s <= (at_s + 1e-6) % FILM_S < begin_s + FLASH_S for begin_s in FLASHES_S)


def flashing_film(path: Path, size: tuple[int, int]) -> Path:
    """Its flashes and its beeps begin together."""
    greys = [BRIGHT if is_flash(n / FILM_FPS) else DARK for n in range(round(FILM_S * FILM_FPS))]
    samples = np.zeros((round(FILM_S * RATE), 2), np.int16)
    beep = 12_000 * np.sin(2 * np.pi * 1000 / RATE * np.arange(round(BEEP_S * RATE)))
    for at_s in FLASHES_S:
        begin = round(at_s * RATE)
        samples[begin : begin + len(beep)] = beep[:, None]
    return write_film(path, Fraction(FILM_FPS), greys, samples, size)


def flashes_in(recording: Path) -> list[float]:
    """When the picture got bright, in seconds of the recording."""
    with av.open(str(recording)) as file:
        frames = [(f.time, f.to_ndarray(format="bgr24").mean()) for f in file.decode(video=0)]
    middle = (DARK + BRIGHT) / 2
    return [after[0] for before, after in pairwise(frames) if before[1] < middle <= after[1]]


def length_s(recording: Path) -> float:
    with av.open(str(recording)) as file:
        return max(frame.time for frame in file.decode(video=0))


def beeps_in(recording: Path) -> list[float]:
    """When a beep began."""
    even = av.AudioResampler("fltp", "mono", RATE)
    with av.open(str(recording)) as file:
        decoded = (part for frame in file.decode(audio=0) for part in even.resample(frame))
        parts = [(part.time, part.to_ndarray()[0]) for part in decoded]
    sound = np.zeros(round((parts[-1][0] + 1) * RATE), np.float32)
    for at_s, samples in parts:
        begin = round(at_s * RATE)
        sound[begin : begin + len(samples)] = samples
    step = RATE // 500
    loud = np.abs(sound[: len(sound) // step * step].reshape(-1, step)).max(axis=1) > 0.15
    begins = np.flatnonzero(loud & ~np.roll(loud, 1))
    quiet_before = [n for n in begins if not loud[max(0, n - 50) : n].any()]
    return [float(n * step / RATE) for n in quiet_before]
