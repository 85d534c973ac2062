"""Finds the bands that flickering light draws across the pictures of a camera with a rolling shutter.

Mains light pulses at twice the mains' frequency. Each row of a picture is exposed a little later than the
one above, so rows are brighter and darker in turn. Where the pictures' rate does not divide the light's, the
bands crawl at the beat of the two: a peak in the spectrum over time and rows. The camera check asks. Pure.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STRIPS, ROWS = 8, 96
"""A picture is reduced to this: light falls on all strips at once, people only on some."""
MOST_WAVES = 12
"""Bands in a picture, at most: a shutter that takes 1/10 s for a picture under light of 120 Hz."""
MAINS_HZ = (100.0, 120.0)
LEAST_FRAMES = 48
SLOWEST_HZ = 2.5
"""Slower changes are the scene's own: people dance at up to two beats a second. The beats of mains light are
5 Hz and more at the usual rates, or next to nothing."""
ABOVE_NOISE = 7.0
"""A peak is this many times as high as the median of the spectrum."""
SAME_HZ = 0.35
"""A beat that differs by less from a mains beat is that one's."""


class Bands(NamedTuple):
    """strength: the bands' amplitude, share of the brightness in the picture. beat_hz: how fast they crawl.
    waves: so many in a picture. mains_hz: 100, 120, or None for other light, such as dimmed LEDs."""

    strength: float
    beat_hz: float
    waves: int
    mains_hz: float | None


def reduced(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W) → (ROWS, STRIPS): the mean brightness, 0..255."""
    small = cv2.resize(grey, (STRIPS, ROWS), interpolation=cv2.INTER_AREA) if _is_large(grey) else grey
    return np.asarray(cv2.resize(small.astype(np.float32), (STRIPS, ROWS)), np.float32)


def find_bands(brightness: NDArray[np.float32], numbers: NDArray[np.int64], fps: float) -> Bands | None:
    """The strongest bands that crawl; None where none can be told from noise.

    brightness: (N, ROWS, STRIPS), of `reduced`. numbers: (N,), the pictures' numbers at a constant rate:
    where some are missing, numbers are. fps: that rate.
    """
    if len(brightness) < LEAST_FRAMES:
        return None
    logs = np.log(np.maximum(brightness, 4.0).astype(np.float64))
    changes = np.median(logs - logs.mean(axis=0), axis=2)  # (N, ROWS)
    changes -= _slow(changes, numbers, fps)
    window = np.hanning(len(changes) + 2)[1:-1]
    cycles = np.arange(SLOWEST_HZ / fps, 0.5, 0.5 / (numbers[-1] - numbers[0] + 1))  # a picture
    over_time = np.exp(-2j * np.pi * np.outer(cycles, numbers)) * window / window.sum()  # (F, N)
    waves = np.arange(-MOST_WAVES, MOST_WAVES + 1)
    over_rows = np.exp(-2j * np.pi * np.outer(waves, np.arange(ROWS)) / ROWS) / ROWS  # (K, ROWS)
    spectrum = 2 * np.abs(over_time @ changes @ over_rows.T)  # (F, K)
    # Pictures change by people's movement slowly and with few waves: each column has its own noise.
    noise = np.maximum(np.median(spectrum, axis=0), 1e-5)
    peaks = np.where(spectrum >= ABOVE_NOISE * noise, spectrum, 0)
    at, wave = np.unravel_index(int(np.argmax(peaks)), peaks.shape)
    if not peaks[at, wave]:
        return None
    beat_hz = float(cycles[at] * fps)
    return Bands(float(spectrum[at, wave]), beat_hz, abs(int(waves[wave])), _mains(beat_hz, fps))


def beat_of(light_hz: float, fps: float) -> float:
    """How fast the bands of a light crawl, Hz: 0 where they stand."""
    return abs(light_hz - fps * round(light_hz / fps))


def _mains(beat_hz: float, fps: float) -> float | None:
    nearest = min(MAINS_HZ, key=lambda light: abs(beat_of(light, fps) - beat_hz))
    return nearest if abs(beat_of(nearest, fps) - beat_hz) < SAME_HZ else None


def _slow(changes: Floats, numbers: NDArray[np.int64], fps: float) -> Floats:
    """What changes over seconds: a line through each row's brightness."""
    times = (numbers - numbers.mean()) / fps
    line = np.stack([np.ones_like(times), times], axis=1)
    fit, *_ = np.linalg.lstsq(line, changes, rcond=None)
    return np.asarray(line @ fit)


def _is_large(grey: NDArray[np.uint8]) -> bool:
    return grey.shape[0] >= ROWS and grey.shape[1] >= STRIPS
