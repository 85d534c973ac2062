"""The board's colours: a chart that the board shows is read from a camera's picture, and a curve is found for
each colour, so that greys become neutral.

`tools.camera colour` measures with it; the outputs of a show apply the curves (`realtime/outputs`). The model
of each colour is a gain and a gamma: what the camera sees of a value v (0 to 1) is gain · v^gamma, above the
light that falls on the dark board. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]
Triple = tuple[float, float, float]
"""Red, green, blue."""

GREYS = (0, 24, 48, 80, 112, 144, 176, 208, 232, 255)
COLOURS = (
    (190, 60, 50), (60, 150, 70), (50, 70, 180), (225, 190, 40), (170, 60, 130), (40, 150, 175),
    (225, 180, 160), (200, 145, 120), (140, 92, 72), (90, 58, 45),
)  # fmt: skip
"""Red, green, blue of the patches by which the result is judged: six hues and four skins."""

ROWS, COLUMNS = 4, 10
"""Patches: the greys rising, the colours in two rows of five (each twice as wide), the greys falling."""
MARGIN = 0.14
"""Of the chart's sides, around the patches; the markers stand in its corners."""
MARKER_SHARE = 0.12
"""A marker's side, of the chart's shorter side."""
LEAST_SIDE = 16
"""Pixels: no smaller chart has room for its markers."""
GROUND = 70
"""The grey between the patches: dark, so that automatic exposure does not bury the lights."""
INNER = 0.5
"""Of a patch's sides only the middle is read: edges bleed."""
BURNT = 250.0
"""A brighter white may be cut off by the camera."""
LEAST_RANGE = 50.0
"""The camera must see white and black this far apart, of 255."""
LEAST_PATCH = 5
"""Pixels: smaller patches are not read."""
LEAST_GAIN = 0.2
LEAST_GAMMA, MOST_GAMMA = 0.4, 2.5
"""What a correction may be; beyond it something else is wrong."""


class ColourError(ValueError):
    """The board's colours cannot be measured; the text says why, and what to do."""


class Correction(NamedTuple):
    """What the programme's values v (0 to 1) become on their way to the board: gain · v^gamma. Each: red,
    green, blue. Gains are 1 at most, so that nothing is cut off."""

    gain: Triple = (1.0, 1.0, 1.0)
    gamma: Triple = (1.0, 1.0, 1.0)

    def table(self) -> NDArray[np.uint8]:
        """(1, 256, 3), blue, green, red: for `cv2.LUT` on a picture (H, W, 3) BGR."""
        values = np.arange(256) / 255
        curves = [gain * values**gamma for gain, gamma in zip(self.gain, self.gamma, strict=True)]
        return np.rint(255 * np.stack(curves[::-1], axis=-1)[None]).astype(np.uint8)


class Measured(NamedTuple):
    """correction: what makes the greys neutral. cast: how far from grey the camera saw them, and left: how
    far they should be afterwards, both the mean over the greys of the largest difference between two colours,
    as a share of the white's brightness. tint: red and blue of the white against green, 1 for neutral.
    contrast: the gamma that the camera saw on the whole; it holds the camera's own."""

    correction: Correction
    cast: float
    left: float
    tint: tuple[float, float]
    contrast: float


class _Patch(NamedTuple):
    """rgb: what is shown. box: left, top, right, bottom, as shares of the chart."""

    rgb: tuple[int, int, int]
    box: tuple[float, float, float, float]


@cache
def _dictionary() -> cv2.aruco.Dictionary:
    """Another one than that of the marker for the latency, so that neither is taken for the other."""
    return cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)


@cache
def _detector() -> cv2.aruco.ArucoDetector:
    return cv2.aruco.ArucoDetector(_dictionary())


@cache
def _patches() -> tuple[_Patch, ...]:
    wide, high = (1 - 2 * MARGIN) / COLUMNS, (1 - 2 * MARGIN) / ROWS

    def patch(rgb: tuple[int, int, int], column: float, row: int, columns: int) -> _Patch:
        left, top = MARGIN + column * wide, MARGIN + row * high
        return _Patch(rgb, (left, top, left + columns * wide, top + high))

    greys = [(grey, grey, grey) for grey in GREYS]
    rising = [patch(rgb, n, 0, 1) for n, rgb in enumerate(greys)]
    falling = [patch(rgb, n, 3, 1) for n, rgb in enumerate(reversed(greys))]
    colours = [patch(rgb, 2 * (n % 5), 1 + n // 5, 2) for n, rgb in enumerate(COLOURS)]
    return (*rising, *colours, *falling)


def shown() -> Floats:
    """(N, 3): red, green, blue of all patches, 0 to 1, in the order of `read`."""
    return np.array([patch.rgb for patch in _patches()]) / 255


def is_grey() -> NDArray[np.bool_]:
    """(N,): which of the patches are greys."""
    values = shown()
    return np.asarray((values == values[:, :1]).all(axis=1))


def _corners(size: tuple[int, int]) -> tuple[int, list[tuple[int, int]]]:
    """The side of the markers, and where they begin (x, y), in a chart of `size`, pixels."""
    width, height = size
    side = max(6, round(MARKER_SHARE * min(size)) // 6 * 6)
    gap = max(2, side // 6)
    right, bottom = width - gap - side, height - gap - side
    return side, [(gap, gap), (right, gap), (right, bottom), (gap, bottom)]


def draw_chart(size: tuple[int, int]) -> Picture:
    """The chart, (H, W, 3) BGR. size: (width, height), pixels. Raises ColourError where it is too small."""
    if min(size) < LEAST_SIDE:
        raise ColourError(f"a chart of {size[0]}x{size[1]} is too small: {LEAST_SIDE} pixels are the least")
    width, height = size
    chart = np.full((height, width, 3), GROUND, np.uint8)
    for patch in _patches():
        left, top, right, bottom = np.rint(np.array(patch.box) * (width, height, width, height)).astype(int)
        chart[top:bottom, left:right] = patch.rgb[::-1]
    side, places = _corners(size)
    white = max(2, side // 6)
    for number, (x, y) in enumerate(places):
        chart[max(0, y - white) : y + side + white, max(0, x - white) : x + side + white] = 255
        cells = cv2.aruco.generateImageMarker(_dictionary(), number, 6)
        marker = cv2.resize(cells, (side, side), interpolation=cv2.INTER_NEAREST)
        chart[y : y + side, x : x + side] = marker[:, :, None]
    return chart


def read(pictures: Sequence[Picture], size: tuple[int, int]) -> Floats:
    """What a camera saw of each patch: (N, 3), red, green, blue, 0 to 255, the mean of the pictures.

    pictures: (H, W, 3) BGR, of a camera that stands still. size: (width, height) of the programme, whose
    shape the chart has. Raises ColourError where the chart is not found in any of them.
    """
    found = [seen for seen in (_read(picture, size) for picture in pictures) if seen is not None]
    if not found:
        raise ColourError(
            "the chart is not seen: is it on the board (the action chart), whole in the picture, with its "
            "four markers, sharp, and neither too small nor burnt out?"
        )
    return np.asarray(np.mean(found, axis=0))


def _read(picture: Picture, size: tuple[int, int]) -> Floats | None:
    corners, numbers, _ = _detector().detectMarkers(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    if numbers is None:
        return None
    seen = {int(number): corner[0] for number, corner in zip(np.ravel(numbers), corners, strict=True)}
    side, places = _corners(size)
    if not all(number in seen for number in range(4)):
        return None
    square = np.array([[0, 0], [side, 0], [side, side], [0, side]])
    on_chart = np.concatenate([np.array(place) + square for place in places]).astype(np.float64)
    in_picture = np.concatenate([seen[number] for number in range(4)]).astype(np.float64)
    to_picture, _ = cv2.findHomography(on_chart, in_picture)
    if to_picture is None:
        return None
    means = [_mean(picture, patch, size, np.asarray(to_picture)) for patch in _patches()]
    return None if any(mean is None for mean in means) else np.array(means)


def _mean(picture: Picture, patch: _Patch, size: tuple[int, int], to_picture: Floats) -> Floats | None:
    """Red, green, blue of the middle of a patch; None where it is too small."""
    left, top, right, bottom = np.array(patch.box) * (*size, *size)
    x, y = (left + right) / 2, (top + bottom) / 2
    wide, high = INNER * (right - left) / 2, INNER * (bottom - top) / 2
    around = np.array(
        [[[x - wide, y - high], [x + wide, y - high], [x + wide, y + high], [x - wide, y + high]]]
    )
    outline = cv2.perspectiveTransform(around, to_picture)[0]
    low, far = np.floor(outline.min(axis=0)).astype(int), np.ceil(outline.max(axis=0)).astype(int)
    height, width = picture.shape[:2]
    if (low < 0).any() or far[0] > width or far[1] > height or (far - low < LEAST_PATCH).any():
        return None
    part = picture[low[1] : far[1], low[0] : far[0]]
    inside = np.zeros(part.shape[:2], np.uint8)
    cv2.fillConvexPoly(inside, np.rint(outline - low).astype(np.int32), 255)
    return np.array(cv2.mean(part, inside)[2::-1])


def measure(seen: Floats, *, contrast: bool = False) -> Measured:
    """The correction by what a camera saw (`read`).

    The greys become neutral from black to white. How the board's contrast looks holds the camera's own curve,
    so it stays as it is; contrast: makes it linear to this camera too. Raises ColourError.
    """
    values, is_ramp = shown(), is_grey()
    levels, greys = values[is_ramp, 0], seen[is_ramp]
    dark = np.median(greys[levels == 0], axis=0)
    white = np.median(greys[levels == 1], axis=0)
    if greys.max() > BURNT:
        raise ColourError(
            f"the chart is burnt out ({greys.max():.0f} of 255): lower the camera's exposure until its white "
            "is below 240, and fix exposure and white balance"
        )
    if (white - dark).min() < LEAST_RANGE:
        raise ColourError(
            f"black and white of the chart are {(white - dark).min():.0f} of 255 apart, {LEAST_RANGE:.0f} "
            "are needed: raise the exposure, or keep light off the board"
        )
    lit = levels > 0
    gains, gammas = np.empty(3), np.empty(3)
    for colour in range(3):
        bright = np.maximum((greys[lit, colour] - dark[colour]) / 255, 1e-3)
        gammas[colour], gains[colour] = _power(levels[lit], bright)
    if not (gammas > 0).all():
        raise ColourError(
            "the chart's greys do not rise from black to white: is anything else in front of it, or is the "
            "picture a negative?"
        )
    common = float(np.exp(np.log(gammas).mean()))
    target = 1.0 if contrast else common
    correction = Correction(_triple((gains.min() / gains) ** (1 / gammas)), _triple(target / gammas))
    if min(correction.gain) < LEAST_GAIN or not all(LEAST_GAMMA <= g <= MOST_GAMMA for g in correction.gamma):
        raise ColourError(
            f"gains {correction.gain} and gammas {correction.gamma} are no board's: is the camera's white "
            "balance fixed, and nothing else in front of the chart?"
        )
    after = gains * (np.array(correction.gain) * levels[:, None] ** np.array(correction.gamma)) ** gammas
    residual = (greys - dark) / 255 - gains * levels[:, None] ** gammas
    return Measured(
        correction,
        _cast((greys - dark) / 255),
        _cast(after + residual),
        (float(gains[0] / gains[1]), float(gains[2] / gains[1])),
        common,
    )


def _power(levels: Floats, bright: Floats) -> tuple[float, float]:
    """gamma and gain of bright = gain · level^gamma: least squares of the values, not of their logarithms,
    which would let the darkest patches decide. By Gauss-Newton from the fit of the logarithms."""
    gamma, log_gain = np.polyfit(np.log(levels), np.log(bright), 1)
    for _ in range(20):
        model = np.exp(log_gain) * levels**gamma
        jacobian = np.stack([model * np.log(levels), model], axis=-1)
        step, *_ = np.linalg.lstsq(jacobian, bright - model, rcond=None)
        gamma, log_gain = gamma + step[0], log_gain + step[1]
    return float(gamma), float(np.exp(log_gain))


def _cast(greys: Floats) -> float:
    """See `Measured.cast`. greys: (N, 3)."""
    return float((greys.max(axis=1) - greys.min(axis=1)).mean() / greys.max())


def _triple(values: Floats) -> Triple:
    red, green, blue = (round(float(value), 4) for value in values)
    return red, green, blue
