"""Training samples for the matting network, composed from renders of many people with known alpha.

Each sample is a person over a background, with the faults of real footage: shadows, blur, noise, compression,
colour casts, clothes in the wall's colour, things in the hands. With it come the mask that a landmark net
would give, and the empty plate as estimated from footage: slightly off, shadowed, partly unknown or missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.matting.colours import foreground

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]

ORIGINAL_SHARE, PLAIN_SHARE = 0.25, 0.2
"""Shares of the samples with the render's own background, and with a plain one in the clothes' colours."""
PROP_SHARE, MOTION_SHARE = 0.12, 0.25
"""Shares with something in the hand, and with motion blur."""
NO_PLATE_SHARE = 0.4


@dataclass(frozen=True)
class Render:
    """One rendered person: frames (N, H, W, 3) BGR, alpha (N, H, W), plate (H, W, 3), all uint8, and the
    joints (N, J, 2) in pixels, by name."""

    frames: Picture
    alpha: Picture
    plate: Picture
    joints: Floats
    names: tuple[str, ...]

    @classmethod
    def load(cls, path: Path, every: int) -> Render:
        """Loads a render. path: NNN.mp4, with NNN.npz and NNN.plate.png beside it. every: uses each n-th
        frame."""
        truth = np.load(path.with_suffix(".npz"))
        video = cv2.VideoCapture(str(path))
        frames = []
        while True:
            ok, frame = video.read()
            if not ok:
                break
            frames.append(frame)
        plate = cv2.imread(str(path.with_suffix(".plate.png")))
        return cls(
            np.stack(frames[::every]).astype(np.uint8),
            truth["alpha"][::every],
            np.asarray(plate, np.uint8),
            truth["xy"][::every].astype(np.float32),
            tuple(str(name) for name in truth["names"]),
        )


class Sample(NamedTuple):
    """picture, plate (H, W, 3) BGR; alpha, known (H, W): known is 255 where the plate is known."""

    picture: Picture
    alpha: Picture
    plate: Picture
    known: Picture


def compose(render: Render, row: int, backgrounds: list[Picture], random: np.random.Generator) -> Sample:
    """One sample from frame `row` of a render. backgrounds: empty scenes to choose from."""
    frame, plate = render.frames[row], render.plate
    alpha = render.alpha[row].astype(np.float32) / 255
    person = foreground(frame, np.asarray(alpha * 255 + 0.5, np.uint8)).astype(np.float32)
    shadow = _shadow(frame, plate, alpha)
    kind = random.random()
    if kind < ORIGINAL_SHARE:
        scene = plate.astype(np.float32)
    elif kind < ORIGINAL_SHARE + PLAIN_SHARE:
        scene = _plain(frame, alpha, random)
    else:
        scene = _other(backgrounds, (plate.shape[0], plate.shape[1]), random)
    if random.random() < PROP_SHARE:
        person, alpha = _with_prop(render, row, person, alpha, random)
    premultiplied = person * alpha[..., None]
    if random.random() < MOTION_SHARE:
        kernel = _streak(random)
        premultiplied, alpha = cv2.filter2D(premultiplied, -1, kernel), cv2.filter2D(alpha, -1, kernel)
    shade = 1 - random.uniform(0, 1.1) * (1 - shadow)
    picture = premultiplied + (1 - alpha[..., None]) * scene * shade
    cast = random.uniform(0.85, 1.15) * random.uniform(0.93, 1.07, 3)
    picture, scene = _camera((picture, scene), cast.astype(np.float32), random)
    known_plate, known = _estimated_plate(scene, render, cast, random)
    return Sample(picture, np.clip(alpha * 255 + 0.5, 0, 255).astype(np.uint8), known_plate, known)


def _shadow(frame: Picture, plate: Picture, alpha: Floats) -> Floats:
    """(H, W, 1): how much of the plate's light is left beside the person; 1 under the person."""
    ratio = ((frame.astype(np.float32) + 4) / (plate.astype(np.float32) + 4)).mean(axis=2)
    ratio = np.where(cv2.dilate(alpha, np.ones((5, 5))) > 0, 1, np.clip(ratio, 0.3, 1))
    return np.asarray(cv2.GaussianBlur(ratio.astype(np.float32), (0, 0), 1.0)[..., None], np.float32)


def _plain(frame: Picture, alpha: Floats, random: np.random.Generator) -> Floats:
    """A wall in one of the colours that the person wears, a little uneven."""
    y, x = np.nonzero(alpha > 0.99)
    pick = int(random.integers(len(y)))
    colour = frame[y[pick], x[pick]].astype(np.float32) + random.normal(0, 12, 3)
    height, width = alpha.shape
    coarse = random.normal(0, random.uniform(1, 14), (6, 6, 3)).astype(np.float32)
    return np.asarray(np.clip(colour + cv2.resize(coarse, (width, height)), 0, 255), np.float32)


def _other(backgrounds: list[Picture], shape: tuple[int, int], random: np.random.Generator) -> Floats:
    """A slightly uneven wall in one of the colours that the person wears."""
    scene = _piece(backgrounds[int(random.integers(len(backgrounds)))], shape, random)
    if random.random() < 0.3:
        other = _piece(backgrounds[int(random.integers(len(backgrounds)))], shape, random)
        edge = int(random.integers(shape[1]))
        scene[:, edge:] = other[:, edge:]
    turned = scene[..., random.permutation(3)]
    return np.asarray(np.clip(turned * random.uniform(0.5, 1.4), 0, 255), np.float32)


def _piece(scene: Picture, shape: tuple[int, int], random: np.random.Generator) -> Floats:
    share = random.uniform(0.5, 1.0)
    rows, columns = (int(side * share) for side in scene.shape[:2])
    top, left = (
        int(random.integers(scene.shape[0] - rows + 1)),
        int(random.integers(scene.shape[1] - columns + 1)),
    )
    piece = scene[top : top + rows, left : left + columns]
    if random.random() < 0.5:
        piece = piece[:, ::-1]
    return np.asarray(cv2.resize(piece, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _with_prop(
    render: Render, row: int, person: Floats, alpha: Floats, random: np.random.Generator
) -> tuple[Floats, Floats]:
    """A ball or a box in one hand, in front of it or behind; it counts as part of the person."""
    hand = render.names.index("left_wrist" if random.random() < 0.5 else "right_wrist")
    wrist = render.joints[row, hand] + random.normal(0, 8, 2)
    size = random.uniform(10, 32)
    mask = np.zeros(alpha.shape, np.uint8)
    centre = (int(wrist[0]), int(wrist[1] + random.uniform(0, size)))
    axes = (int(size), int(size * random.uniform(0.5, 1)))
    cv2.ellipse(mask, centre, axes, random.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA)
    soft = mask.astype(np.float32) / 255
    coarse = random.normal(0, 25, (5, 5, 3)).astype(np.float32)
    colour = random.uniform(0, 255, 3).astype(np.float32) + cv2.resize(coarse, alpha.shape[::-1])
    over = soft if random.random() < 0.5 else soft * (1 - alpha)
    person = np.where(
        over[..., None] > 0,
        person * (1 - over[..., None]) + np.clip(colour, 0, 255) * over[..., None],
        person,
    )
    person = np.where((alpha[..., None] < 0.01) & (soft[..., None] > 0), np.clip(colour, 0, 255), person)
    return person.astype(np.float32), np.maximum(alpha, soft)


def _streak(random: np.random.Generator) -> Floats:
    """A kernel for motion blur along a line, sum 1."""
    length = int(random.integers(3, 16)) | 1
    kernel = np.zeros((length, length), np.float32)
    angle = random.uniform(0, np.pi)
    reach = (length // 2) * np.array([np.cos(angle), np.sin(angle)])
    middle = np.array([length // 2, length // 2])
    start, end = (middle - reach).round().astype(int), (middle + reach).round().astype(int)
    cv2.line(kernel, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), 1.0, 1, cv2.LINE_AA)
    return kernel / kernel.sum()


def _camera(
    pictures: tuple[Floats, Floats], cast: Floats, random: np.random.Generator
) -> tuple[Picture, Floats]:
    """The picture as a camera would give it, and the empty scene with the same colours and sharpness."""
    picture, scene = (np.clip(each * cast, 0, 255) for each in pictures)
    gamma = random.uniform(0.8, 1.25)
    picture, scene = (255 * (each / 255) ** gamma for each in (picture, scene))
    if random.random() < 0.4:
        sigma = random.uniform(0.3, 1.2)
        picture, scene = (cv2.GaussianBlur(each, (0, 0), sigma) for each in (picture, scene))
    picture = picture + random.normal(0, random.uniform(0, 5), picture.shape)
    picture = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    if random.random() < 0.7:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(35, 96))]
        picture = cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], cv2.IMREAD_COLOR)
    return np.asarray(picture, np.uint8), scene.astype(np.float32)


def _estimated_plate(
    scene: Floats, render: Render, cast: Floats, random: np.random.Generator
) -> tuple[Picture, Picture]:
    """The scene as estimated from footage, and where it is known."""
    known = np.full(scene.shape[:2], 255, np.uint8)
    if random.random() < NO_PLATE_SHARE:
        return np.zeros(scene.shape, np.uint8), np.zeros_like(known)
    plate = scene * random.uniform(0.96, 1.04)
    if random.random() < 0.5:  # aligned to a fraction of a pixel
        shift = random.normal(0, 0.7, 2)
        move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
        plate = cv2.warpAffine(plate, move, scene.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    if random.random() < 0.4:  # a shadow that was partly always there
        shade = cv2.resize(random.uniform(0.6, 1.3, (8, 8)).astype(np.float32), scene.shape[1::-1])
        plate = plate * np.clip(shade, 0.6, 1)[..., None]
    other = render.alpha[int(random.integers(len(render.alpha)))]
    if random.random() < 0.15:  # a ghost
        ghost = (
            cv2.GaussianBlur(other, (0, 0), 9).astype(np.float32)[..., None] / 255 * random.uniform(0.1, 0.5)
        )
        plate = plate * (1 - ghost) + random.uniform(0, 255, 3) * ghost
    if random.random() < 0.45:  # never seen free: filled with its surround
        hidden = cv2.erode(other, np.ones((3, 3)), iterations=int(random.integers(0, 30)))
        known[hidden > 127] = 0
        plate = np.where(known[..., None] > 0, plate, cv2.GaussianBlur(plate, (0, 0), 25))
    return np.clip(plate + 0.5, 0, 255).astype(np.uint8), known
