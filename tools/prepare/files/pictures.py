"""The pictures of a dataset in the making: how they are named, cut, read and written."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.pack.manifest import MULTIPLE

SIDE_MULTIPLE = MULTIPLE
"""Pictures are cut to sides that a player pack allows: 1280x720 and 1920x1080 stay whole."""


THUMB_HEIGHT, THUMB_EVERY = 160, 10
QUICK_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1)
"""Masks decode a third faster than with OpenCV's default, and are smaller."""


class Pictures:
    """The picture files of a run. frames/ and masks/ stay in the dataset; work/ does not: it has the frames
    as they were read, the landmark net's masks, and thumbnails."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self._frames, self._masks, self._soft = folder / "frames", folder / "masks", self.work / "soft"
        self.thumbs, self._scanned = self.work / "thumbs", self.work / "scanned"
        for each in (self._frames, self._masks, self.work, self._soft, self.thumbs, self._scanned):
            each.mkdir(exist_ok=True)

    def write_scanned(self, number: int, picture: NDArray[np.uint8]) -> None:
        """Writes a frame as it was read."""
        write(self._scanned / f"{number:06d}.jpg", picture, quality=97)

    def write_final(self, number: int, picture: NDArray[np.uint8] | None) -> None:
        """Writes a frame of the dataset; None: as it was read."""
        path = self._frames / f"{number:06d}.jpg"
        if picture is not None:
            write(path, picture, quality=97)
            return
        path.unlink(missing_ok=True)
        try:
            path.hardlink_to(self._scanned / path.name)
        except OSError:  # a file system without links
            shutil.copyfile(self._scanned / path.name, path)

    def write_soft(self, number: int, mask: NDArray[np.uint8]) -> None:
        """Writes the landmark net's mask (H, W) uint8."""
        write(self._soft / f"{number:06d}.png", mask)

    def write_mask(self, number: int, mask: NDArray[np.uint8]) -> None:
        """Writes the final matte (H, W) uint8."""
        write(self._masks / f"{number:06d}.png", mask)

    def write_thumb(self, reason: str, number: int, picture: NDArray[np.uint8]) -> None:
        """Keeps a picture of a dropped frame for the report; a few for each reason, spread in time."""
        folder = self.thumbs / reason
        folder.mkdir(exist_ok=True)
        if number % THUMB_EVERY == 0 or not any(folder.iterdir()):
            scale = THUMB_HEIGHT / picture.shape[0]
            small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            write(folder / f"{number:06d}.jpg", np.asarray(small, np.uint8))

    def frame(self, number: int) -> NDArray[np.uint8]:
        """A frame as the dataset has it."""
        return read(self._frames / f"{number:06d}.jpg")

    def scanned(self, number: int) -> NDArray[np.uint8]:
        """A frame as it was read."""
        return read(self._scanned / f"{number:06d}.jpg")

    def soft(self, number: int) -> NDArray[np.uint8]:
        return read(self._soft / f"{number:06d}.png", cv2.IMREAD_GRAYSCALE)

    def mask(self, number: int) -> NDArray[np.uint8]:
        return read(self._masks / f"{number:06d}.png", cv2.IMREAD_GRAYSCALE)

    def keep_only(self, numbers: NDArray[np.int64]) -> None:
        """Removes the frames and masks of all other numbers."""
        kept = {int(number) for number in numbers}
        for folder in (self._frames, self._masks):
            for path in folder.iterdir():
                if path.stem.isdigit() and int(path.stem) not in kept:
                    path.unlink()


def fit_height(frame: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    """Scales a taller picture down, then cuts it around its middle to multiples of `SIDE_MULTIPLE`."""
    if frame.shape[0] > height:
        width = round(frame.shape[1] * height / frame.shape[0])
        frame = np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    rows, columns = (side - side % SIDE_MULTIPLE for side in frame.shape[:2])
    top, left = (frame.shape[0] - rows) // 2, (frame.shape[1] - columns) // 2
    return frame[top : top + rows, left : left + columns]


def encoded(picture: NDArray[np.uint8], ending: str, quality: int = 90) -> bytes:
    """The picture as a file with this ending (.jpg, .png)."""
    _, content = cv2.imencode(ending, picture, [cv2.IMWRITE_JPEG_QUALITY, quality, *QUICK_PNG])
    return bytes(content)


def write(path: Path, picture: NDArray[np.uint8], quality: int = 90) -> None:
    """Writes a picture. Raises OSError, which cv2.imwrite does not: a full disk must be noticed."""
    path.write_bytes(encoded(picture, path.suffix, quality))


def read(path: Path, mode: int = cv2.IMREAD_COLOR) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), mode)
    if picture is None:
        raise OSError(f"{path} cannot be read back: is the disk full?")
    return np.asarray(picture, np.uint8)
