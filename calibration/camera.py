"""Judges a camera by its pictures: rate, exposure, white balance, flicker, sharpness, noise. Pure.

`python -m tools.camera check` asks; docs/venue.md says what to do about each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.bands import MAINS_HZ, SLOWEST_HZ, beat_of, find_bands, reduced
from engines.time_units import NS_PER_S

Picture = NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""Around somebody: x0, y0, x1, y1, pixels."""

MOST_FRAMES = 1800
LEAST_FRAMES = 12
KEPT = 6
"""So many pictures are kept, spread over the time, for what is measured in whole pictures."""

LEAST_RATE = 0.95
"""Of the rate that was asked for."""
MOST_JITTER = 0.35
"""Of the time between two pictures; p95."""
BURNT, BLACK = 252, 8
"""A pixel is burnt out where its brightest channel is at least this, black where it is at most that."""
MOST_BURNT, MOST_BLACK = 0.03, 0.30
MOST_BURNT_PEOPLE, MOST_BLACK_PEOPLE = 0.10, 0.50
DARK, BRIGHT = 45.0, 215.0
"""Mean brightness of the people, or of the picture, 0..255."""
LONGEST_EXPOSURE_S = 0.008
"""A hand moves at 3 m/s and more: 25 mm in this time, a finger's width and a half."""
HAND_M_S, PERSON_M = 3.0, 1.75
MOST_CAST, MOST_CAST_OF_CARD = 0.40, 0.06
"""How far red or blue may be from green, as a share: by the picture's edges, and on a grey card."""
MOST_BANDS = 0.01
MOST_BLUR = 0.66
"""Of `blur_of`: sharp clips of real people have 0.37 to 0.57, the same blurred by 8 of 1280 pixels 0.70 to
0.94."""
SMALL_STEP = 2.0
MOST_NOISE = 6.0
MOST_REPEATED = 0.1
ANALYSED_WIDTH = 1280


class Verdict(NamedTuple):
    """A line of the check. found: what was measured. do: what to do; "" where it is well."""

    name: str
    found: str
    do: str = ""

    @property
    def is_well(self) -> bool:
        return not self.do


class CameraSample:
    """Some seconds of a camera. Call `add` for each picture."""

    def __init__(self, seconds: float) -> None:
        """seconds: about how long it will last."""
        self.times_ns: list[int] = []
        self.brightness: list[NDArray[np.float32]] = []
        self.kept: list[Picture] = []
        self.noise: list[float] = []
        self.repeated = 0
        self._every_ns = seconds * NS_PER_S / KEPT
        self._last: Picture | None = None
        self._size: tuple[int, ...] = ()

    def add(self, picture: Picture, t_ns: int) -> None:
        """picture: (H, W, 3) BGR, kept, so not changed afterwards. t_ns: when it was taken, or came."""
        if len(self.times_ns) >= MOST_FRAMES or (self._last is not None and picture.shape != self._size):
            return
        self._size = picture.shape
        grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
        self.times_ns.append(t_ns)
        self.brightness.append(reduced(grey))
        if self._last is not None:
            if np.array_equal(grey, self._last):
                self.repeated += 1
            elif len(self.noise) < MOST_FRAMES // 10 and len(self.times_ns) % 5 == 0:
                self.noise.append(noise_of(grey, self._last))
        if len(self.kept) < KEPT and t_ns - self.times_ns[0] >= len(self.kept) * self._every_ns:
            self.kept.append(picture)
        self._last = grey

    @property
    def fps(self) -> float:
        """By the whole time."""
        passed_ns = self.times_ns[-1] - self.times_ns[0] if self.times_ns else 0
        return (len(self.times_ns) - 1) * NS_PER_S / passed_ns if passed_ns > 0 else 0.0

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), pixels."""
        return (self._size[1], self._size[0]) if self._size else (0, 0)


def judge(
    sample: CameraSample,
    *,
    asked_fps: float,
    people: Sequence[Sequence[Box]] = (),
    exposure_s: float | None = None,
    grey_card: tuple[float, float] | None = None,
) -> list[Verdict]:
    """One line for each thing.

    people: for each of the kept pictures, who is in it. exposure_s: where the driver tells. grey_card: where
    one was clicked, shares of the picture.
    """
    if len(sample.times_ns) < LEAST_FRAMES:
        return [
            Verdict("rate", f"{len(sample.times_ns)} pictures", "too few to judge: check cable and power")
        ]
    verdicts = [_rate(sample, asked_fps), _motion(sample)]
    if not verdicts[-1].is_well:
        return verdicts
    verdicts += [_exposure(sample.kept, people), _blur_risk(exposure_s, sample.size, people)]
    verdicts += [_white_balance(sample.kept, grey_card), _bands(sample)]
    return [*verdicts, _sharpness(sample.kept, people), _noise(sample)]


def _rate(sample: CameraSample, asked_fps: float) -> Verdict:
    gaps = np.diff(np.array(sample.times_ns)) / NS_PER_S
    jitter = float(np.percentile(np.abs(gaps - np.median(gaps)), 95))
    found = f"{sample.fps:.2f} a second, asked for {asked_fps:g}; jitter {1000 * jitter:.1f} ms (p95)"
    if sample.fps < LEAST_RATE * asked_fps:
        return Verdict(
            "rate",
            found,
            "too slow: more light, a shorter exposure, MJPG, a smaller picture, USB 3; is the machine busy?",
        )
    if jitter > MOST_JITTER / max(sample.fps, 1.0):
        return Verdict("rate", found, "uneven: turn automatic exposure off; a cable or USB port of its own")
    return Verdict("rate", found)


def _motion(sample: CameraSample) -> Verdict:
    share = sample.repeated / max(len(sample.times_ns) - 1, 1)
    found = f"{share:.0%} of the pictures repeat the one before"
    if share > 0.98:
        return Verdict(
            "movement", "the picture stands still", "restart the camera; is it paused, or a slide?"
        )
    if share > MOST_REPEATED:
        return Verdict(
            "movement", found, "the source is slower than its rate says: set the rate it really has"
        )
    return Verdict("movement", found)


def _exposure(kept: Sequence[Picture], people: Sequence[Sequence[Box]]) -> Verdict:
    bodies = [body for picture, boxes in zip(kept, people, strict=False) for body in cut_out(picture, boxes)]
    whole = _light(kept)
    of, light = ("people", _light(bodies)) if bodies else ("picture", whole)
    found = (
        f"picture: {whole.burnt:.1%} burnt out, {whole.black:.1%} black, brightness {whole.mean:.0f} of 255"
    )
    if bodies:
        found += f"; people: {light.burnt:.1%}, {light.black:.1%}, {light.mean:.0f}"
    most_burnt, most_black = (MOST_BURNT_PEOPLE, MOST_BLACK_PEOPLE) if bodies else (MOST_BURNT, MOST_BLACK)
    if light.burnt > most_burnt or light.mean > BRIGHT:
        return Verdict(
            "exposure", found, f"the {of} too bright: shorter exposure, less gain, no light behind"
        )
    if light.black > most_black or light.mean < DARK:
        return Verdict(
            "exposure", found, f"the {of} too dark: light from the front; open the iris; more gain"
        )
    return Verdict("exposure", found)


class _Light(NamedTuple):
    burnt: float
    black: float
    mean: float


def _light(pictures: Sequence[Picture]) -> _Light:
    """Over all pixels of the pictures."""
    brightest = np.concatenate([picture.max(axis=2).ravel() for picture in pictures])
    return _Light(
        float((brightest >= BURNT).mean()), float((brightest <= BLACK).mean()), float(brightest.mean())
    )


def cut_out(picture: Picture, boxes: Sequence[Box]) -> list[Picture]:
    """The middle half of each box across, which is more body than background; tiny ones are left out."""
    parts = []
    for x0, y0, x1, y1 in boxes:
        quarter = (x1 - x0) / 4
        left, right = max(0, round(x0 + quarter)), round(x1 - quarter)
        part = picture[max(0, round(y0)) : max(0, round(y1)), left : max(0, right)]
        if part.shape[0] >= 16 and part.shape[1] >= 4:
            parts.append(part)
    return parts


def _blur_risk(exposure_s: float | None, size: tuple[int, int], people: Sequence[Sequence[Box]]) -> Verdict:
    if exposure_s is None:
        return Verdict("motion blur", "the driver does not tell its exposure: look at a waving hand")
    heights = [y1 - y0 for boxes in people for _, y0, _, y1 in boxes]
    tall_px = float(np.median(heights)) if heights else 0.6 * size[1]
    blur_px = HAND_M_S * exposure_s * tall_px / PERSON_M
    found = f"exposure 1/{1 / exposure_s:.0f} s: a quick hand blurs over {blur_px:.0f} pixels"
    if exposure_s > LONGEST_EXPOSURE_S:
        return Verdict("motion blur", found, "set 1/125 s or less by hand (1/100 or 1/120 under mains light)")
    return Verdict("motion blur", found)


def _white_balance(kept: Sequence[Picture], grey_card: tuple[float, float] | None) -> Verdict:
    if grey_card is not None:
        red, blue = cast_of_card(kept, grey_card)
        how, most = "on the grey card", MOST_CAST_OF_CARD
    else:
        red, blue = cast_of_edges(kept)
        how, most = "by the picture's edges, a guess", MOST_CAST
    found = f"red {red - 1:+.0%}, blue {blue - 1:+.0%} against green, {how}"
    worst = max(abs(np.log(red)), abs(np.log(blue)), abs(np.log(red / blue)) / 1.5)
    if worst <= np.log(1 + most):
        return Verdict("white balance", found)
    tint = _tint(red, blue)
    if grey_card is not None:
        return Verdict("white balance", found, f"{tint}: set it by hand on this card, automatic off")
    return Verdict(
        "white balance", found, f"perhaps {tint}: hold a grey card there and give it with --grey x,y"
    )


def _tint(red: float, blue: float) -> str:
    """The colour that is farthest from the mean of the two others, or its opposite."""
    channels = np.log([red, 1.0, blue])
    off = 1.5 * (channels - channels.mean())
    most = int(np.argmax(np.abs(off)))
    return "too " + (("red", "green", "blue") if off[most] > 0 else ("cyan", "magenta", "yellow"))[most]


def cast_of_card(kept: Sequence[Picture], at: tuple[float, float]) -> tuple[float, float]:
    """Red and blue over green, 1 for grey, in a patch of a twentieth of the picture's height."""
    patches = []
    for picture in kept:
        height, width = picture.shape[:2]
        x, y, reach = round(at[0] * width), round(at[1] * height), max(2, height // 40)
        patches.append(picture[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach].reshape(-1, 3))
    blue, green, red = np.median(np.concatenate(patches).astype(float), axis=0)
    return float(max(red, 1) / max(green, 1)), float(max(blue, 1) / max(green, 1))


def cast_of_edges(kept: Sequence[Picture]) -> tuple[float, float]:
    """Red and blue over green of the light, by the grey-edge hypothesis: the differences at edges are grey on
    average (van de Weijer et al. 2007, n = 1, p = 6). Burnt-out pixels are left out."""
    sums = np.zeros(3)
    for picture in kept:
        small = cv2.GaussianBlur(_narrowed(picture, 640), (0, 0), 1.5).astype(np.float32)
        steps = np.hypot(cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1))
        usable = (small.max(axis=2) < BURNT - 6) & (small.max(axis=2) > 2 * BLACK)
        sums += (steps[usable].astype(np.float64) ** 6).sum(axis=0)
    blue, green, red = np.maximum(sums, 1e-9) ** (1 / 6)
    return float(red / green), float(blue / green)


def _bands(sample: CameraSample) -> Verdict:
    times = np.array(sample.times_ns)
    period_ns = float(np.median(np.diff(times)))
    fps = NS_PER_S / max(period_ns, 1.0)
    gaps = np.rint(np.diff(times) / max(period_ns, 1.0)).astype(np.int64)  # a jump counts as missing pictures
    numbers = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.maximum(gaps, 0))])
    _, first = np.unique(numbers, return_index=True)
    numbers = numbers[first]
    if len(numbers) > 1:  # the whole time tells the rate best
        fps = float((numbers[-1] - numbers[0]) * NS_PER_S / (times[first[-1]] - times[first[0]]))
    bands = find_bands(np.stack(sample.brightness)[first], numbers, fps)
    standing = " and ".join(f"{light:.0f}" for light in MAINS_HZ if beat_of(light, fps) < SLOWEST_HZ)
    hidden = f"; those of {standing} Hz light would stand still at this rate, and cannot be told" * bool(
        standing
    )
    if bands is None or bands.strength < MOST_BANDS:
        return Verdict("bands", f"none that crawl{hidden}")
    light = f"{bands.mains_hz:.0f} Hz light" if bands.mains_hz else "light of an odd frequency (dimmed LEDs?)"
    found = f"{bands.strength:.1%} of the brightness, {bands.waves} in the picture, {bands.beat_hz:.1f} Hz"
    found = f"{found}: {light}"
    if bands.mains_hz:
        do = (
            f"set the exposure to 1/{bands.mains_hz:.0f} or 1/{bands.mains_hz / 2:.0f} s, or anti-flicker to "
        )
        return Verdict("bands", found, f"{do}{bands.mains_hz / 2:.0f} Hz")
    return Verdict(
        "bands", found, "a longer exposure, or other light; ask the lighting desk for a higher PWM rate"
    )


def _sharpness(kept: Sequence[Picture], people: Sequence[Sequence[Box]]) -> Verdict:
    bodies = [body for picture, boxes in zip(kept, people, strict=False) for body in cut_out(picture, boxes)]
    blur = float(np.median([blur_of(picture) for picture in kept]))
    found = f"blur {blur:.2f} (0 sharp, 1 smooth)"
    if bodies:  # what is behind them may be out of focus
        of_people = float(np.median([blur_of(body) for body in bodies]))
        blur, found = min(blur, of_people), f"{found}; people {of_people:.2f}"
    if blur > MOST_BLUR:
        return Verdict("sharpness", found, "focus on the mark by hand, automatic off; clean the lens")
    return Verdict("sharpness", found)


def blur_of(picture: Picture) -> float:
    """Blur, 0..1, after Crete et al. 2007: how little a strong blur changes the picture's steps. Unlike
    there, noise counts for nothing: the picture is smoothed a little, and small steps are left out."""
    grey = cv2.cvtColor(_narrowed(picture, ANALYSED_WIDTH), cv2.COLOR_BGR2GRAY).astype(np.float32)
    grey = cv2.GaussianBlur(grey, (0, 0), 1.0)
    worst = 0.0
    for axis, kernel in ((0, (1, 9)), (1, (9, 1))):
        steps = np.abs(np.diff(grey, axis=axis))
        left = np.maximum(0, steps - np.abs(np.diff(cv2.blur(grey, kernel), axis=axis)))
        clear = steps > SMALL_STEP
        worst = max(worst, float(1 - left[clear].sum() / max(float(steps[clear].sum()), 1e-6)))
    return worst


def _noise(sample: CameraSample) -> Verdict:
    noise = float(np.median(sample.noise)) if sample.noise else 0.0
    found = f"{noise:.1f} of 255, where nothing moves"
    if noise > MOST_NOISE:
        return Verdict("noise", found, "more light and less gain")
    return Verdict("noise", found)


def noise_of(grey: Picture, before: Picture) -> float:
    """The noise of one picture, 0..255, by the difference of two in blocks where nothing moves."""
    side = 16
    rows, columns = grey.shape[0] // side, grey.shape[1] // side
    if not rows or not columns:
        return 0.0
    off = grey.astype(np.int16) - before
    blocks = off[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return float(np.percentile(blocks.std(axis=(1, 3)), 20) / np.sqrt(2))


def _narrowed(picture: Picture, width: int) -> Picture:
    if picture.shape[1] <= width:
        return picture
    size = (width, max(1, round(picture.shape[0] * width / picture.shape[1])))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
