"""Films a large picture with a camera whose every movement is known: the truth for the tests of alignment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.alignment.measure import Chunk, Meter
from tools.alignment.models import Frame, apply
from tools.alignment.solve import Alignment

Floats = NDArray[np.float64]
SIZE = (640, 360)


def textured_world(seed: int = 0, size: tuple[int, int] = (2400, 1400)) -> NDArray[np.uint8]:
    """Soft blotches of every scale, and boxes."""
    chance = np.random.default_rng(seed)
    world = np.zeros((size[1], size[0], 3), np.float32)
    for side in (8, 24, 80, 300):
        small = chance.uniform(-28, 28, (size[1] // side + 2, size[0] // side + 2, 3)).astype(np.float32)
        world += cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)
    world = (world + 120).clip(0, 255).astype(np.uint8)
    for _ in range(60):
        x, y, w, h = chance.integers((0, 0, 30, 30), (*size, 200, 200)).tolist()
        cv2.rectangle(world, (x, y), (x + w, y + h), chance.integers(30, 220, 3).tolist(), -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(world, (0, 0), 1.0), np.uint8)


def plain_world(size: tuple[int, int] = (2400, 1400)) -> NDArray[np.uint8]:
    """A wall with little on it: a skirting board, a few doors that differ, each with a knob."""
    world = np.full((size[1], size[0], 3), (120, 140, 150), np.uint8)
    floor = size[1] // 2 + 90
    world[floor:] = (90, 110, 130)
    world[floor - 6 : floor] = (60, 70, 80)
    x = 60
    for gap, width, height in zip(
        (150, 210, 170, 250, 190, 230, 160),
        (110, 90, 140, 70, 120, 100, 80),
        (210, 180, 240, 150, 220, 190, 170),
        strict=True,
    ):
        cv2.rectangle(world, (x, floor - height), (x + width, floor), (100, 118, 128), -1)
        cv2.rectangle(world, (x, floor - height), (x + width, floor), (70, 80, 90), 3)
        cv2.circle(world, (x + width - 15, floor - height // 2), 6, (40, 50, 60), -1, cv2.LINE_AA)
        x += width + gap
    return np.asarray(cv2.GaussianBlur(world, (0, 0), 1.2), np.uint8)


def view(
    pan: float = 0.0,
    tilt: float = 0.0,
    zoom: float = 1.0,
    roll: float = 0.0,
    *,
    size: tuple[int, int] = SIZE,
    world: tuple[int, int] = (2400, 1400),
) -> Floats:
    """world → frame of a camera that turns about its own place: pan and tilt in pictures, roll in degrees.

    It sees 50 degrees across, and looks at the middle of the world.
    """
    focal = size[0] / 2 / np.tan(np.radians(25))
    lens = np.array([[focal * zoom, 0, size[0] / 2], [0, focal * zoom, size[1] / 2], [0, 0, 1]])
    far = np.array([[1 / focal, 0, -world[0] / 2 / focal], [0, 1 / focal, -world[1] / 2 / focal], [0, 0, 1]])
    across, up, about = np.arctan(pan * size[0] / focal), np.arctan(tilt * size[1] / focal), np.radians(roll)
    turn = cv2.Rodrigues(np.array([0, 0, about]))[0] @ cv2.Rodrigues(np.array([up, 0, 0]))[0]
    turn = turn @ cv2.Rodrigues(np.array([0, -across, 0]))[0]
    matrix = lens @ turn @ far
    return np.asarray(matrix / matrix[2, 2])


def shaking(count: int, pixels: float, seed: int = 0) -> Floats:
    """(count, 2): a hand's tremor, smooth, of about so many pixels."""
    noise = np.random.default_rng(seed).normal(size=(count + 40, 2))
    smooth = cv2.GaussianBlur(noise, (1, 0), sigmaX=0.1, sigmaY=3)[20:-20]
    return np.asarray(smooth / smooth.std() * pixels)


@dataclass
class Film:
    """Frames of `world` by `views` (world → frame), with a person before it, and what is done to them."""

    world: NDArray[np.uint8]
    views: list[Floats]
    size: tuple[int, int] = SIZE
    person: bool = True
    noise: float = 2.0
    caption: Callable[[NDArray[np.uint8], int], None] | None = None
    after: Callable[[NDArray[np.uint8], int], NDArray[np.uint8]] = field(default=lambda picture, _: picture)
    seed: int = 0

    def __len__(self) -> int:
        return len(self.views)

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        chance = np.random.default_rng(self.seed)
        width, height = self.size
        for number, matrix in enumerate(self.views):
            picture = cv2.warpPerspective(self.world, matrix, self.size, flags=cv2.INTER_CUBIC)
            hidden = np.zeros((height, width), np.uint8)
            if self.person:  # a fifth of the picture
                middle = (round(width * (0.5 + 0.2 * np.sin(number / 17))), height // 2)
                axes = (round(width * 0.14), round(height * 0.45))
                cv2.ellipse(hidden, middle, (axes[0] + 8, axes[1] + 8), 0, 0, 360, 255, -1)
                body = np.zeros((height, width), np.uint8)
                cv2.ellipse(body, middle, axes, 0, 0, 360, 255, -1)
                clothes = np.indices((height, width)).sum(axis=0) + 5 * number
                picture[body > 0] = ((clothes % 40 > 20) * 120 + 60)[body > 0, None]
            if self.caption is not None:
                self.caption(picture, number)
            picture = self.after(picture, number)
            noisy = picture + chance.normal(0, self.noise, picture.shape) if self.noise else picture
            yield np.clip(noisy, 0, 255).astype(np.uint8), hidden


def measured(film: Film, chunk: int = 60) -> list[Chunk]:
    meter = Meter(film.size)
    chunks = []
    for number, (picture, hidden) in enumerate(film):
        if number and number % chunk == 0:
            chunks.append(meter.finish())
        meter(picture, hidden)
    return [*chunks, meter.finish()]


def errors(alignment: Alignment, film: Film, scene: int = 0) -> Floats:
    """(N,) by how many pixels the picture's worst corner is put wrong, NaN where the frame is not in the
    scene."""
    frame = Frame(*film.size)
    reference = film.views[alignment.found[scene].reference]
    wrong = np.full(len(film), np.nan)
    for number in np.flatnonzero(alignment.scenes == scene):
        truth = reference @ np.linalg.inv(film.views[number])
        there = apply(truth, frame.corners) - apply(alignment.matrices[number], frame.corners)
        wrong[number] = np.linalg.norm(there, axis=1).max()
    return wrong
