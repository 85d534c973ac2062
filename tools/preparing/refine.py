"""The second pass: the plate from the frames that are left, then light and matte of each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engines.extras import POINTS
from engines.pose.extras import Extras
from engines.skeleton import Landmark
from tools.matte import matte, zone
from tools.preparing import rules
from tools.preparing.camera import MAX_GAIN, light
from tools.preparing.journal import Journal
from tools.preparing.pictures import Pictures
from tools.preparing.plate import SAMPLES, empty_scene

MOST_BYTES = 400_000_000
"""The plate's samples take no more memory than this."""
CHANGED, CHANGED_SHARE = 25, 0.1
"""A person moves where more than this share of a box differs from the plate by more than this, of 255."""


@dataclass(frozen=True)
class Shots:
    """The frames that are left: numbers (N,), landmarks (N, 33, 4) smoothed, others (N, 4) as in `Scan`."""

    numbers: NDArray[np.int64]
    landmarks: NDArray[np.float32]
    others: NDArray[np.float32]
    standing_px: float


@dataclass(frozen=True)
class Refined:
    """One row a shot. reasons (N,) str, "" where it is of use; gains (N, 3) as in `camera.light`;
    extras (N, engines.extras.POINTS, 4) as they were found, zeros where nobody looked."""

    reasons: NDArray[np.str_]
    gains: NDArray[np.float32]
    extras: NDArray[np.float32]


def find_plate(pictures: Pictures, shots: Shots) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """As `empty_scene`, from frames in which the player stands as far apart as he ever does."""
    shape = pictures.frame(int(shots.numbers[0])).shape
    size = (shape[1], shape[0])
    chosen = spread(shots.landmarks, min(SAMPLES, max(30, MOST_BYTES // (4 * size[0] * size[1]))))
    side = max(size[1] // 64, 5)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * side + 1, 2 * side + 1))
    frames = np.empty((len(chosen), *shape), np.uint8)
    covered = np.empty((len(chosen), *shape[:2]), np.bool_)
    for row, position in enumerate(chosen):
        number = int(shots.numbers[position])
        frames[row] = pictures.frame(number)
        covered[row] = cv2.dilate(pictures.soft(number), kernel) > 50
        covered[row] |= zone(shots.landmarks[position], size, shots.standing_px, widen=1.1) > 0
    return empty_scene(frames, covered)


def spread(landmarks: NDArray[np.float32], samples: int) -> NDArray[np.int64]:
    """Positions of frames, ascending: half of them evenly in time, half where the feet are furthest from
    those chosen before (so that the floor under his usual place, and his usual shadow, are seen free)."""
    feet = landmarks[:, [Landmark.LEFT_ANKLE, Landmark.RIGHT_ANKLE], :2].mean(axis=1)
    in_time = np.linspace(0, len(feet) - 1, min(samples // 2, len(feet))).astype(np.int64)
    chosen = [0]
    distance = np.linalg.norm(feet - feet[0], axis=1)
    for _ in range(min(samples // 2, len(feet)) - 1):
        furthest = int(distance.argmax())
        chosen.append(furthest)
        distance = np.minimum(distance, np.linalg.norm(feet - feet[furthest], axis=1))
    return np.unique(np.concatenate([in_time, np.array(chosen, np.int64)]))


class Refiner:
    """Writes the mattes of all shots; what is in the journal already is not done again."""

    def __init__(
        self,
        pictures: Pictures,
        journal: Journal,
        plate: NDArray[np.uint8],
        unseen: NDArray[np.bool_],
        extras: Extras | None,
    ) -> None:
        """extras: finds hands and face; None: nobody looks for them."""
        self._pictures, self._journal, self._extras = pictures, journal, extras
        self._plate, self._unseen = plate, unseen

    def __call__(self, shots: Shots, checkpoint: int) -> Refined:
        """checkpoint: frames between two saves. Raises OSError."""
        parts: list[dict[str, NDArray[Any]]] = []
        with tqdm(total=len(shots.numbers), unit="frame", desc="mattes") as bar:
            for start in range(0, len(shots.numbers), checkpoint):
                name = f"refine_{start:08d}"
                rows = range(start, min(start + checkpoint, len(shots.numbers)))
                if name not in self._journal:
                    self._journal.save(name, self._part(shots, rows))
                parts.append(self._journal.load(name))
                bar.update(len(rows))
        columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        return Refined(columns["reasons"], columns["gains"], columns["extras"])

    def _part(self, shots: Shots, rows: range) -> dict[str, NDArray[Any]]:
        reasons, gains = [], []
        extras = np.zeros((len(rows), POINTS, 4), np.float32)
        if self._extras is not None:
            self._extras.reset()  # the same result whether or not the run was interrupted before this part
        for place, row in enumerate(rows):
            frame = self._pictures.frame(int(shots.numbers[row]))
            reason, gain = self._shot(shots, row, frame)
            reasons.append(reason)
            gains.append(gain)
            if reason:
                self._pictures.write_thumb(reason, int(shots.numbers[row]), frame)
            elif self._extras is not None:
                extras[place] = self._extras(frame, shots.landmarks[row])
        return {
            "reasons": np.array(reasons, np.str_),
            "gains": np.array(gains, np.float32),
            "extras": extras,
        }

    def _shot(self, shots: Shots, row: int, frame: NDArray[np.uint8]) -> tuple[str, NDArray[np.float32]]:
        """What is wrong with it, and its light. Writes its matte if nothing is."""
        landmarks, number = shots.landmarks[row], int(shots.numbers[row])
        size = (frame.shape[1], frame.shape[0])
        gain = light(frame, self._plate, zone(landmarks, size, shots.standing_px, widen=1.6))
        if np.abs(gain - 1).max() > MAX_GAIN:
            return rules.OTHER_LIGHT, gain
        plate = np.clip(self._plate * gain, 0, 255).round().astype(np.uint8)
        if _moves(frame, plate, shots.others[row]):
            return rules.BYSTANDER, gain
        alpha = matte(frame, plate, self._pictures.soft(number), landmarks, shots.standing_px, self._unseen)
        if rules.covered(alpha, landmarks, shots.standing_px) < rules.LEAST_COVERED:
            return rules.MISSED, gain
        self._pictures.write_mask(number, alpha)
        return "", gain


def _moves(frame: NDArray[np.uint8], plate: NDArray[np.uint8], box: NDArray[np.float32]) -> bool:
    """Does the box hold something that the plate does not? A poster of a person is part of the plate."""
    if np.isnan(box).any():
        return False
    x0, y0, x1, y1 = box.astype(int)
    inside = (slice(y0, y1), slice(x0, x1))
    difference = cv2.absdiff(frame[inside], plate[inside])
    return bool(difference.size) and float((difference.max(axis=2) > CHANGED).mean()) > CHANGED_SHARE
