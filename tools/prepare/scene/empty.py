"""The scene without the player, as the crew filmed or photographed it (`--empty`)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.alignment.measure import Chunk, Meter
from tools.alignment.solve import STILL, TAKEN_FOR_STILL, Alignment
from tools.alignment.warp import Box, warp
from tools.footage.video import VideoReader
from tools.prepare.files import PrepareError
from tools.prepare.files.sources import Options

MOST_PICTURES = 24
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})


def load_empty(path: Path, options: Options, size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """Pictures of `size` (width, height); several if it is a video. Raises VideoError, PrepareError."""
    if path.suffix.lower() in PICTURES:
        picture = cv2.imread(str(path)) if path.is_file() else None
        if picture is None:
            raise PrepareError(f"--empty {path}: no such picture, or not one that can be read")
        found = [np.asarray(picture, np.uint8)]
    else:
        with VideoReader(path) as reader:
            step = max(1, (reader.frames or MOST_PICTURES) // MOST_PICTURES)
            found = [frame for place, (_, frame) in enumerate(reader) if place % step == 0][:MOST_PICTURES]
    fitted = [options.fitted(picture) for picture in found]
    if fitted[0].shape[1::-1] != size:
        width, height = fitted[0].shape[1::-1]
        raise PrepareError(
            f"--empty {path} is {width}x{height} where the footage is {size[0]}x{size[1]}: "
            "film it with the same camera and settings"
        )
    return fitted


def measure_empty(pictures: list[NDArray[np.uint8]]) -> Chunk:
    """The pictures' input for `align`, to follow the footage's chunks."""
    height, width = pictures[0].shape[:2]
    meter = Meter((width, height))
    for picture in pictures:
        meter(picture, np.zeros((height, width), np.uint8))
    return meter.finish()


def in_scene(
    pictures: list[NDArray[np.uint8]], alignment: Alignment, scene: int, box: Box
) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """The empty pictures at the place of `box` in the scene, each as `warp` returns it.

    alignment: of the footage, followed by `pictures`. Empty where they show another scene.
    """
    first = len(alignment.scenes) - len(pictures)
    still = scene >= 0 and alignment.found[scene].kind in (STILL, TAKEN_FOR_STILL)
    shown = []
    for place, picture in enumerate(pictures):
        matrix = None
        if scene >= 0 and alignment.scenes[first + place] == scene:
            matrix = alignment.matrices[first + place]
        elif still and alignment.plain[first + place]:
            matrix = np.eye(3)  # nothing to align by
        if matrix is not None:
            shown.append(warp(picture, matrix, box))
    return shown
