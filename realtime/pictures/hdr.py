"""Brings HLG, PQ and wide gamuts to SDR BT.709: the formulas, as a cube that FFmpeg looks colours up in.

A signal becomes the light of a display (ITU-R BT.2100-2: HLG's inverse OETF with the OOTF of a display of
1000 cd/m2, or the PQ EOTF), then BT.709's red, green and blue (matrices from the primaries, SMPTE RP 177),
desaturated towards its own luminance until none is negative, then shares of SDR's white. What is brighter
than `Grade.knee` is compressed logarithmically, as BT.2446-1's method C does. SDR is encoded for a display of
gamma 2.4 (BT.1886).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from realtime.pictures.colour import Colour, Gamut, Transfer

Floats = NDArray[np.float64]

PEAK_NITS = 1000.0
"""The brightest light that is kept apart from others, cd/m2: the peak of BT.2100's reference display."""
GAMMA = 2.4
"""Of an SDR display (BT.1886)."""

CUBE_SIDE = 33


class Grade(NamedTuple):
    """white_nits: what becomes SDR's white, cd/m2. knee: from here on, as a share of it, light is
    compressed."""

    white_nits: float
    knee: float


HDR = Grade(203.0, 0.85)
"""Diffuse white of HDR (ITU-R BT.2408, table 1: 203 cd/m2, 75 % HLG, 58 % PQ); it comes out at 90 %, as by
BT.2446-1's method C."""
SDR_WITHIN_HDR = Grade(100.0, 0.95)
"""SDR that was put into an HDR signal as its display shows it, with white at 100 cd/m2 (BT.2408, 5.1.3.1)."""

BRIGHT_NITS = 120.0
BRIGHT_SHARE = 1e-3
"""A picture of which less than this share is brighter than `BRIGHT_NITS` has SDR within it: no lamp, no
glint, no paper in the light. A scene so dark as to be mistaken for it becomes brighter than it was."""

_PRIMARIES = {
    Gamut.BT709: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    Gamut.BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    Gamut.P3: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""x and y of red, green and blue (BT.709-6, BT.2020-2, SMPTE EG 432-1)."""
_D65 = (0.3127, 0.3290)


def grade_of(signal: NDArray[np.uint16], colour: Colour) -> Grade:
    """How a video is to be graded that begins with this picture: (..., 3) R'G'B', 0..65535."""
    light = to_light(signal / 65535.0, colour)
    return HDR if (light.max(axis=-1) > BRIGHT_NITS).mean() >= BRIGHT_SHARE else SDR_WITHIN_HDR


def to_light(signal: Floats, colour: Colour) -> Floats:
    """(..., 3) R'G'B' 0..1 → the light of a display in its own gamut, cd/m2."""
    if colour.transfer is Transfer.PQ:
        m1, m2 = 2610 / 16384, 2523 / 4096 * 128
        c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
        root = signal ** (1 / m2)
        return np.asarray(10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1))
    if colour.transfer is Transfer.HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        luminance = scene @ _to_xyz(Gamut.BT2020)[1]
        return np.asarray(1000 * luminance[..., None] ** 0.2 * scene)
    return np.asarray(SDR_WITHIN_HDR.white_nits * signal**GAMMA)


def to_sdr(signal: Floats, colour: Colour, grade: Grade) -> Floats:
    """(..., 3) R'G'B' 0..1 of `colour` → of SDR BT.709."""
    light = to_light(signal, colour) @ _to_bt709(colour.gamut).T / grade.white_nits
    grey = (light @ _to_xyz(Gamut.BT709)[1])[..., None]
    lowest = light.min(axis=-1, keepdims=True)
    keep = np.where(lowest < 0, grey / np.maximum(grey - lowest, 1e-9), 1.0)
    light = np.maximum(grey + keep * (light - grey), 0)
    if colour.transfer is not Transfer.SDR:
        light = compressed(light, grade)
    return np.asarray(np.minimum(light, 1) ** (1 / GAMMA))


def compressed(light: Floats, grade: Grade) -> Floats:
    """Light, 1 = white: as it is up to the knee; from there to the peak, which becomes 1, logarithmically and
    without a bend."""
    room, span = 1 - grade.knee, PEAK_NITS / grade.white_nits - grade.knee
    steep = _steepness(room, span)
    above = np.maximum(light - grade.knee, 0)
    return np.where(
        light <= grade.knee, light, grade.knee + room * np.log1p(steep * above) / np.log1p(steep * span)
    )


@cache
def _steepness(room: float, span: float) -> float:
    """s, so that room * ln(1 + s x) / ln(1 + s span) rises by 1 at x = 0."""
    low, high = 1e-6, 1e6
    for _ in range(100):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if room * middle < np.log1p(middle * span) else (low, middle)
    return low


def _to_xyz(gamut: Gamut) -> Floats:
    """(3, 3): linear R, G, B → X, Y, Z, white being Y = 1 (SMPTE RP 177)."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in _PRIMARIES[gamut]]).T
    x, y = _D65
    return np.asarray(columns * np.linalg.solve(columns, (x / y, 1, (1 - x - y) / y)))


def _to_bt709(gamut: Gamut) -> Floats:
    return np.asarray(np.linalg.solve(_to_xyz(Gamut.BT709), _to_xyz(gamut)))


@contextmanager
def cube_file(colour: Colour, grade: Grade) -> Iterator[Path]:
    """`to_sdr` as a .cube file for FFmpeg's lut3d, which reads it when the filter is made."""
    with tempfile.TemporaryDirectory(prefix="dancecam-") as folder:
        path = Path(folder) / "grade.cube"
        path.write_text(_cube(colour.transfer, colour.gamut, grade), encoding="ascii")
        yield path


@cache
def _cube(transfer: Transfer, gamut: Gamut, grade: Grade) -> str:
    """The text of a .cube file (Adobe's Cube LUT specification 1.0), red running quickest."""
    steps = np.linspace(0, 1, CUBE_SIDE)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    signal = np.stack([red, green, blue], axis=-1)
    sdr = to_sdr(signal, Colour(None, None, transfer, gamut), grade).reshape(-1, 3)
    rows = "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in sdr)
    return f"LUT_3D_SIZE {CUBE_SIDE}\n{rows}\n"
