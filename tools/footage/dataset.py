"""A prepared dataset on disk, as `tools.prepare` writes it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.body import Body


class DatasetError(ValueError):
    """A dataset folder that cannot be used; the text names the file."""


@dataclass(frozen=True)
class Footage:
    """A prepared dataset. landmarks: (N, 33, 4), pixels of frames `indices` (N,) of the source, which has
    `fps` frames a second."""

    folder: Path
    size: tuple[int, int]
    fps: float
    landmarks: NDArray[np.float32]
    indices: NDArray[np.int64]
    plate: NDArray[np.uint8]
    body: Body

    @classmethod
    def open(cls, folder: Path) -> Footage:
        """Opens the dataset in `folder`. Raises DatasetError."""
        try:
            summary = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
            landmarks = np.load(folder / "landmarks.npy", allow_pickle=False)
            indices = np.load(folder / "indices.npy", allow_pickle=False)
            body = Body.from_json((folder / "body.json").read_text(encoding="utf-8"))
            width, height = summary["size"]
            fps = float(Fraction(summary.get("fps", "30")))
        except (OSError, ValueError, KeyError, ZeroDivisionError) as error:
            raise DatasetError(
                f"{folder} is no prepared dataset ({error}): run python -m tools.prepare first"
            ) from error
        plate = cv2.imread(str(folder / "plate.png"))
        if plate is None or plate.shape != (height, width, 3) or len(landmarks) != len(indices):
            raise DatasetError(f"{folder} is damaged: prepare it again")
        return cls(folder, (width, height), fps, landmarks, indices, np.asarray(plate, np.uint8), body)

    def digest(self) -> str:
        """Identifies this footage: SHA-256 of its landmarks."""
        return hashlib.sha256(self.landmarks.tobytes()).hexdigest()

    def plate_digest(self) -> str:
        """Identifies the empty scene, which may be another one though the landmarks are the same."""
        return hashlib.sha256(self.plate.tobytes()).hexdigest()

    def first(self, share: float) -> Footage:
        """The first `share` of the footage in time."""
        end = int(len(self.indices) * share)
        return replace(self, landmarks=self.landmarks[:end], indices=self.indices[:end])

    def split(self, held_out: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions to train on and to judge on. The last share `held_out` in time is never trained on."""
        edge = int(len(self.indices) * (1 - held_out))
        every = np.arange(len(self.indices))
        return every[:edge], every[edge:]

    def frame(self, position: int) -> NDArray[np.uint8]:
        """(H, W, 3) BGR."""
        return self._read(f"frames/{self.indices[position]:06d}.jpg", cv2.IMREAD_COLOR)

    def mask(self, position: int) -> NDArray[np.uint8]:
        """(H, W), 255 on the person."""
        return self._read(f"masks/{self.indices[position]:06d}.png", cv2.IMREAD_GRAYSCALE)

    def _read(self, name: str, mode: int) -> NDArray[np.uint8]:
        picture = cv2.imread(str(self.folder / name), mode)
        if picture is None:
            raise DatasetError(f"{self.folder / name} cannot be read: prepare the dataset again")
        return np.asarray(picture, np.uint8)
