"""Made-up pictures with one fault each, and none: the check names the fault, and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.bands import Bands, beat_of, find_bands, reduced
from calibration.camera import CameraSample, Verdict, judge

Picture = NDArray[np.uint8]
SIZE = (320, 240)
PERSON = (130.0, 60.0, 190.0, 220.0)


@cache
def room() -> NDArray[np.float32]:
    """A wall with things on it, a floor, somebody: (H, W, 3), 0..255, as bright as a good picture is."""
    rng = np.random.default_rng(5)
    picture = np.full((SIZE[1], SIZE[0], 3), 120, np.float32)
    picture[180:] = 90
    for _ in range(60):
        x, y = int(rng.integers(0, SIZE[0] - 30)), int(rng.integers(0, SIZE[1] - 30))
        grey = float(rng.integers(40, 220))
        picture[y : y + int(rng.integers(4, 30)), x : x + int(rng.integers(4, 30))] = grey
    x0, y0, x1, y1 = map(int, PERSON)
    picture[y0:y1, x0:x1] = rng.integers(90, 200, (8, 3, 1)).repeat(20, axis=0).repeat(20, axis=1)
    return picture


def film(
    change: Callable[[NDArray[np.float32], float], NDArray[np.float32]] = lambda picture, t: picture,
    *,
    fps: float = 30.0,
    seconds: float = 3.0,
    noise: float = 1.5,
    jitter_s: float = 0.0,
    lost: float = 0.0,
    repeats: int = 1,
) -> CameraSample:
    """change: of a picture (H, W, 3), 0..255, at a time in seconds. lost: the share of pictures that never
    come. repeats: each picture comes so many times."""
    rng = np.random.default_rng(1)
    grain = noise * rng.standard_normal((2 * SIZE[1], 2 * SIZE[0], 1)).astype(np.float32)
    sample = CameraSample(seconds)
    for n in range(round(seconds * fps)):
        t = n / fps
        if lost and rng.random() < lost:
            continue
        if n % repeats == 0:
            lit = room().copy()
            lit[100:140, int(40 * t) % 280 : int(40 * t) % 280 + 30] = 160  # somebody walks by
            y, x = (int(rng.integers(0, side)) for side in SIZE[::-1])
            lit = change(lit, t) + grain[y : y + SIZE[1], x : x + SIZE[0]]
            picture = np.clip(lit, 0, 255).astype(np.uint8)
        sample.add(picture, round(1e9 * (t + jitter_s * rng.standard_normal())))
    return sample


def verdicts(sample: CameraSample, **how: object) -> dict[str, Verdict]:
    people = [[PERSON]] * len(sample.kept)
    told = judge(sample, **({"asked_fps": 30.0, "people": people} | how))  # type: ignore[arg-type]
    return {verdict.name: verdict for verdict in told}


def faults(sample: CameraSample, **how: object) -> list[str]:
    return [name for name, verdict in verdicts(sample, **how).items() if not verdict.is_well]


def flicker(
    light_hz: float, exposure_s: float, depth: float = 0.4, readout_s: float = 1 / 45
) -> Callable[[NDArray[np.float32], float], NDArray[np.float32]]:
    """Light whose power goes up and down by `depth`, seen through a rolling shutter."""

    def lit(picture: NDArray[np.float32], t: float) -> NDArray[np.float32]:
        starts = t + readout_s * np.arange(SIZE[1]) / SIZE[1]
        ends = starts + exposure_s
        angle = 2 * np.pi * light_hz
        mean = 1 + depth * (np.sin(angle * ends) - np.sin(angle * starts)) / (angle * exposure_s)
        return picture * (mean[:, None, None] ** (1 / 2.2)).astype(np.float32)

    return lit


def test_a_good_picture_is_well() -> None:
    told = verdicts(film())
    assert all(verdict.is_well for verdict in told.values()), told
    assert list(told) == [
        "rate", "movement", "exposure", "motion blur", "white balance", "bands", "sharpness", "noise"
    ]  # fmt: skip
    assert told["rate"].found.startswith("30.00 a second, asked for 30")


@pytest.mark.parametrize("exposure_s", [1 / 1000, 1 / 250, 1 / 70])
@pytest.mark.parametrize(
    ("light_hz", "fps"), [(100, 30), (120, 25), (100, 60), (120, 50), (100, 29.97), (100, 24)]
)
def test_bands_that_crawl_are_found_and_named(light_hz: float, fps: float, exposure_s: float) -> None:
    told = verdicts(film(flicker(light_hz, exposure_s), fps=fps), asked_fps=fps)["bands"]
    assert f"Hz: {light_hz} Hz light" in told.found, told.found
    beat_hz = float(told.found.split(" Hz: ")[0].split()[-1])
    assert beat_hz == pytest.approx(beat_of(light_hz, fps), abs=0.15)
    assert f"1/{light_hz} or 1/{light_hz // 2} s" in told.do
    strength = float(told.found.split("%")[0]) / 100
    blurred = abs(math.sin(math.pi * light_hz * exposure_s) / (math.pi * light_hz * exposure_s))
    assert strength == pytest.approx(0.4 * blurred / 2.2, rel=0.3)


@pytest.mark.parametrize(("light_hz", "fps"), [(100, 30), (120, 25), (100, 60), (120, 50)])
@pytest.mark.parametrize("pulses", [1, 2])
def test_an_exposure_of_whole_pulses_has_no_bands(light_hz: float, fps: float, pulses: int) -> None:
    assert faults(film(flicker(light_hz, pulses / light_hz), fps=fps), asked_fps=fps) == []


@pytest.mark.parametrize(("light_hz", "fps"), [(100, 25), (100, 50), (120, 30), (120, 60), (120, 29.97)])
def test_where_the_rates_divide_bands_stand_and_that_is_said(light_hz: float, fps: float) -> None:
    told = verdicts(film(flicker(light_hz, 1 / 500), fps=fps), asked_fps=fps)["bands"]
    assert told.is_well and f"those of {light_hz} Hz light would stand still" in told.found


def test_bands_are_found_though_pictures_are_missing() -> None:
    sample = film(flicker(100, 1 / 500), lost=0.1, jitter_s=0.001)
    assert "100 Hz light" in verdicts(sample, asked_fps=27)["bands"].found


def test_light_of_another_frequency_is_not_called_mains() -> None:
    told = verdicts(film(flicker(217, 1 / 2000)))["bands"]
    assert "odd frequency" in told.found and "PWM" in told.do


def test_bands_too_weak_to_see_are_none() -> None:
    assert faults(film(flicker(100, 1 / 500, depth=0.01))) == []


def test_too_few_pictures_have_no_bands() -> None:
    few = np.ones((40, 96, 8), np.float32)
    assert find_bands(few, np.arange(40), 30.0) is None


def test_bands_are_counted() -> None:
    rows = np.arange(96)[None, :, None] / 96
    at = np.arange(300)[:, None, None]
    light = 100 * (1 + 0.05 * np.cos(2 * np.pi * (3 * rows - at / 3)))
    found = find_bands(np.repeat(light, 8, axis=2).astype(np.float32), np.arange(300), 30.0)
    assert found == Bands(pytest.approx(0.05, rel=0.02), pytest.approx(10.0, abs=0.06), 3, 100.0)


@pytest.mark.parametrize(
    ("fault", "change", "word"),
    [
        ("exposure", lambda picture, t: picture * 2.6, "too bright"),
        ("exposure", lambda picture, t: picture * 0.15, "too dark"),
        ("white balance", lambda picture, t: picture * np.float32([0.55, 1.0, 1.05]), "too yellow"),
        ("white balance", lambda picture, t: picture * np.float32([1.0, 1.0, 0.55]), "too cyan"),
        ("white balance", lambda picture, t: picture * np.float32([0.75, 0.6, 1.1]), "too"),
        ("sharpness", lambda picture, t: cv2.GaussianBlur(picture, (0, 0), 5), "focus"),
    ],
)
def test_each_fault_of_the_picture_is_told(
    fault: str, change: Callable[[NDArray[np.float32], float], NDArray[np.float32]], word: str
) -> None:
    sample = film(change)
    told = verdicts(sample)
    assert fault in faults(sample) and word in told[fault].do, told
    assert len([name for name in faults(sample) if name not in (fault, "sharpness")]) == 0, told


def test_noise_is_told() -> None:
    told = verdicts(film(noise=14))["noise"]
    assert "gain" in told.do and float(told.found.split()[0]) == pytest.approx(14, rel=0.2)


def test_the_people_count_more_than_the_wall() -> None:
    def lit_from_behind(picture: NDArray[np.float32], t: float) -> NDArray[np.float32]:
        lit = picture * 1.3
        lit[60:220, 130:190] *= 0.15
        return lit

    assert "the people too dark" in verdicts(film(lit_from_behind))["exposure"].do
    assert "picture" in verdicts(film(lambda picture, t: picture * 0.15), people=())["exposure"].do


def test_a_grey_card_shows_a_small_cast() -> None:
    sample = film(lambda picture, t: picture * np.float32([0.9, 1.0, 1.0]))
    assert "white balance" not in faults(sample)
    told = verdicts(sample, grey_card=(0.02, 0.9))["white balance"]
    assert ("blue -11%" in told.found or "blue -10%" in told.found) and "too yellow" in told.do
    assert verdicts(film(), grey_card=(0.02, 0.9))["white balance"].is_well


@pytest.mark.parametrize(
    ("how", "asked", "word"),
    [
        ({"fps": 10.0}, 30.0, "too slow"),
        ({"jitter_s": 0.012}, 30.0, "uneven"),
        ({"lost": 0.2}, 30.0, "too slow"),
    ],
)
def test_a_rate_that_is_wrong_is_told(how: dict[str, float], asked: float, word: str) -> None:
    assert word in verdicts(film(**how), asked_fps=asked)["rate"].do  # type: ignore[arg-type]


def test_a_picture_that_stands_still_is_told_and_nothing_else() -> None:
    sample = CameraSample(2)
    for n in range(60):
        sample.add(room().astype(np.uint8), n * 33_333_333)
    told = verdicts(sample)
    assert list(told) == ["rate", "movement"] and "stands still" in told["movement"].found


def test_pictures_that_repeat_are_told() -> None:
    told = verdicts(film(repeats=2))
    assert "slower than its rate" in told["movement"].do and told["movement"].found[:3] in ("50%", "51%")


@pytest.mark.parametrize(("exposure_s", "well"), [(1 / 250, True), (1 / 125, True), (1 / 50, False)])
def test_the_drivers_exposure_tells_of_blur(exposure_s: float, well: bool) -> None:
    told = verdicts(film(seconds=1), exposure_s=exposure_s)["motion blur"]
    assert told.is_well == well and f"1/{1 / exposure_s:.0f} s" in told.found


def test_a_camera_that_gives_next_to_nothing_is_told() -> None:
    told = judge(CameraSample(10), asked_fps=30)
    assert [verdict.name for verdict in told] == ["rate"] and not told[0].is_well


def test_a_sample_stays_small() -> None:
    sample = CameraSample(10)
    for n in range(2000):
        sample.add(np.full((20, 24, 3), n % 250, np.uint8), n * 10_000_000)
    assert len(sample.times_ns) == len(sample.brightness) == 1800 and len(sample.kept) == 6


def test_small_pictures_are_reduced_too() -> None:
    assert reduced(np.full((10, 4), 7, np.uint8)).shape == (96, 8)
