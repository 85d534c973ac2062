"""Paints the frames of a finished video: the player, the background, and what is shown beside them."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.rendering.renderer import Renderer
from engines.stick_figure import draw_stick_figure
from engines.time_units import NS_PER_S
from tools.dance.dance import Floats, SynthesisError
from tools.footage.video import VideoReader

Picture = NDArray[np.uint8]
DARK = 24


def render(renderer: Renderer, plate: Picture, poses: Sequence[Floats | None]) -> Iterator[Picture]:
    """The player's picture for each of the poses, (33, 4); the plate where there is none.

    plate: (H, W, 3) BGR, or (H, W, 4) all 0 for a `LayerRenderer`. Each picture overwrites the last.
    """
    picture = plate.copy()
    drawn: Floats | None = None
    for pose in poses:
        if pose is None:
            renderer.reset()
            picture[:] = plate
        elif pose is not drawn:  # a held pose is already drawn
            renderer(pose, picture)
        drawn = pose
        yield picture


class Backdrop:
    """A picture, or a video that loops, behind the player: scaled and cropped to fill `size` (width, height).

    Raises SynthesisError, VideoError.
    """

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self._path, self._size = path, size
        self._still: Picture | None = None
        if not path.is_file():
            raise SynthesisError(f"--plate {path}: no such file")
        if cv2.haveImageReader(str(path)):
            picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if picture is None:
                raise SynthesisError(f"--plate {path}: the picture cannot be read")
            self._still = fill(np.asarray(picture, np.uint8), size)
        else:
            frames = _looped(path)
            next(frames)  # can it be decoded?
            frames.close()

    def at(self, times_ns: Iterable[int]) -> Iterator[Picture]:
        """(H, W, 3) BGR for each of the times, which ascend from 0; a video keeps the times of its own
        frames."""
        if self._still is not None:
            for _ in times_ns:
                yield self._still
            return
        frames = _looped(self._path)
        _, frame = next(frames)
        following = next(frames)
        shown: Picture | None = None
        for t_ns in times_ns:
            while following[0] <= t_ns:
                (_, frame), following, shown = following, next(frames), None
            if shown is None:
                shown = fill(frame, self._size)
            yield shown


def _looped(path: Path) -> Generator[tuple[int, Picture], None, None]:
    """A video's frames, repeated, with the time at which each begins, nanoseconds."""
    loop_ns = 0
    while True:
        reader = VideoReader(path)
        last_ns = 0
        try:
            for t_ns, frame in reader:
                last_ns = t_ns
                yield loop_ns + t_ns, frame
        finally:
            reader.close()
        loop_ns += last_ns + round(Fraction(NS_PER_S) / reader.fps)


def fill(picture: Picture, size: tuple[int, int]) -> Picture:
    """The middle of a picture (H, W, 3), scaled so that it just fills `size` (width, height)."""
    height, width = picture.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    scaled = resized(picture, (max(size[0], round(width * scale)), max(size[1], round(height * scale))))
    left, top = (scaled.shape[1] - size[0]) // 2, (scaled.shape[0] - size[1]) // 2
    return np.ascontiguousarray(scaled[top : top + size[1], left : left + size[0]])


def over(layer: Picture, backdrop: Picture) -> Picture:
    """A straight BGRA layer (H, W, 4) over a backdrop (H, W, 3) BGR → (H, W, 3)."""
    alpha = layer[..., 3].astype(np.float32) / 255
    colours = np.ascontiguousarray(layer[..., :3])
    return np.asarray(cv2.blendLinear(colours, backdrop, alpha, 1 - alpha), np.uint8)


def source_panel(size: tuple[int, int], height: int) -> tuple[int, int]:
    """(width, height) of a frame of `size` scaled to `height`, which is even; the width made even."""
    return max(2, round(size[0] * height / size[1] / 2) * 2), height


def beside(frame: Picture, panel: tuple[int, int], pose: Floats | None, picture: Picture) -> Picture:
    """The source's frame scaled to `panel` (width, height), the player's stick figure, the player."""
    figure = np.full_like(picture, DARK)
    if pose is not None:
        draw_stick_figure(figure, pose)
    return np.hstack([resized(frame, panel), figure, picture])


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """Scaled to `size` (width, height)."""
    shrinks = picture.shape[0] > size[1]
    return np.asarray(
        cv2.resize(picture, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC), np.uint8
    )
