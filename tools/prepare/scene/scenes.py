"""Makes the empty scene behind the player, for each scene of the footage.

`prepare` calls `build` once the frames are placed. A scene over which the camera panned is larger than a
picture; each frame's view of it is cut out when it is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.skeleton import Landmark
from tools.alignment.warp import Box, warp, warp_mask
from tools.footage.body_zone import zone
from tools.prepare.files.ahead import WORKERS, in_order
from tools.prepare.files.pictures import Pictures
from tools.prepare.scene.placing import Placement
from tools.prepare.scene.plate import SAMPLES, Plate, empty_scene, plain

MOST_BYTES = 400_000_000
"""The most memory for a scene's samples."""
MOST_VIEWS = 4.0
"""The most pictures to a scene's area: nothing is known of frames beyond it."""
LEAST_SAMPLES = 8
"""A scene seen in fewer frames has no empty picture."""
EMPTY_SHARE = 1 / 3
"""At most this share of the samples are frames without a person."""
SEEN = 40
"""Where the landmark net's mask exceeds this, of 255, the person may be."""
GROWN = 0.02
"""The margin around that, in heights of the picture."""


@dataclass(frozen=True)
class Sampled:
    """One row for each frame that may show the scene. numbers (N,). landmarks (N, 33, 4): in the frame's
    pixels, NaN without a person. maps (N, 3, 3): frame → scene. standing_px (N,): in the frame."""

    numbers: NDArray[np.int64]
    landmarks: NDArray[np.float32]
    maps: NDArray[np.float64]
    standing_px: NDArray[np.float64]


@dataclass(frozen=True)
class EmptyScene:
    """The empty picture of a scene. plate: of `box`, in the scene's pixels."""

    plate: Plate
    box: Box

    @cached_property
    def _known(self) -> NDArray[np.bool_]:
        return ~self.plate.unseen | plain(self.plate)

    def view(
        self, corner: NDArray[np.int64], size: tuple[int, int]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The part of `size` (width, height) that begins at `corner` (x, y): the picture, its edge repeated
        beyond the scene's end; and (H, W) uint8, 255 where it was seen free or is certain (`plate.plain`)."""
        left, top, width, height = self.box
        x = np.clip(np.arange(size[0]) + corner[0] - left, 0, width - 1)
        y = np.clip(np.arange(size[1]) + corner[1] - top, 0, height - 1)
        known = self._known[y][:, x]
        known &= (x == np.arange(size[0]) + corner[0] - left)[None]
        known &= (y == np.arange(size[1]) + corner[1] - top)[:, None]
        return self.plate.picture[y][:, x], np.where(known, np.uint8(255), np.uint8(0))


def box_of(placement: Placement, rows: NDArray[np.bool_], size: tuple[int, int]) -> Box:
    """The part of a scene that the pictures of `rows` show, together with the scene's own view."""
    corners = np.concatenate([placement.views[rows], np.zeros((1, 2), np.int64)])
    low, high = corners.min(axis=0), corners.max(axis=0) + size
    if (high - low).prod() > MOST_VIEWS * size[0] * size[1]:
        low, high = np.zeros(2, np.int64), np.array(size)
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def build(
    pictures: Pictures,
    frames: Sampled,
    box: Box,
    given: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = (),
) -> EmptyScene | None:
    """The empty scene; None where too little was seen. frames: all that show it. given: empty pictures of it
    (height, width of `box`, 3), each with (height, width) 255 where it shows something: there, nothing else
    is used."""
    width, height = box[2], box[3]
    most = int(np.clip(MOST_BYTES // (4 * width * height), 24, SAMPLES))
    chosen = _choose(frames, most)
    if len(chosen) + len(given) < LEAST_SAMPLES and not given:
        return None
    shown = np.empty((len(chosen) + len(given), height, width, 3), np.uint8)
    covered = np.zeros(shown.shape[:3], np.bool_)
    with ThreadPoolExecutor(WORKERS) as pool:
        samples = in_order(pool, partial(_sample, pictures, frames, box), chosen.tolist(), WORKERS)
        for place, sample in enumerate(samples):
            shown[place], covered[place] = sample
    for place, (picture, whole) in enumerate(given, start=len(chosen)):
        shown[place], covered[place] = picture, whole < 255
    covered[: len(chosen)] |= ~covered[len(chosen) :].all(axis=0)
    return EmptyScene(empty_scene(shown, covered), box)


def _sample(
    pictures: Pictures, frames: Sampled, box: Box, row: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    number, landmarks = int(frames.numbers[row]), frames.landmarks[row]
    picture = pictures.scanned(number)
    hidden = np.zeros(picture.shape[:2], np.uint8)
    if np.isfinite(landmarks).all():
        size = (picture.shape[1], picture.shape[0])
        side = 2 * round(GROWN * size[1]) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        hidden = cv2.dilate(np.where(pictures.soft(number) > SEEN, np.uint8(255), np.uint8(0)), kernel)
        hidden |= zone(landmarks, size, float(frames.standing_px[row]), widen=0.6)
    shown, whole = warp(picture, frames.maps[row], box)
    people = warp_mask(hidden, frames.maps[row], box)
    return shown, (people > 10) | (whole < 255)


def _choose(frames: Sampled, most: int) -> NDArray[np.int64]:
    """Rows, ascending. Some of the frames without a person, evenly spread; of the others, half evenly in
    time, half where the player stands farthest from the places chosen before."""
    empty = np.isnan(frames.landmarks).any(axis=(1, 2))
    nobody, somebody = np.flatnonzero(empty), np.flatnonzero(~empty)
    free = nobody[_evenly(len(nobody), int(most * EMPTY_SHARE))]
    left = most - len(free)
    if not len(somebody):
        return free
    feet = frames.landmarks[somebody][:, [Landmark.LEFT_ANKLE, Landmark.RIGHT_ANKLE], :2].mean(axis=1)
    maps = frames.maps[somebody]
    there = np.column_stack([feet, np.ones(len(feet))])[:, None] @ maps.transpose(0, 2, 1)
    there = there[:, 0, :2] / there[:, 0, 2:]
    chosen = [0]
    distance = np.linalg.norm(there - there[0], axis=1)
    for _ in range(min(left // 2, len(there)) - 1):
        furthest = int(distance.argmax())
        chosen.append(furthest)
        distance = np.minimum(distance, np.linalg.norm(there - there[furthest], axis=1))
    picked = np.concatenate([_evenly(len(there), left // 2), np.array(chosen, np.int64)])
    return np.unique(np.concatenate([free, somebody[np.unique(picked)]]))


def _evenly(count: int, most: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, max(count - 1, 0), min(most, count)).astype(np.int64))
