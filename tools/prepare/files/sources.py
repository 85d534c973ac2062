"""The videos from which a dataset is made, and the numbering of their frames."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import realtime.pictures
from engines.pack.manifest import LEAST_SIDE
from engines.time_units import NS_PER_S
from realtime.pictures.picture import fill
from tools.footage.video import VideoReader
from tools.footage.video_folders import ENDINGS, videos_in
from tools.prepare.files import PrepareError
from tools.prepare.files.pictures import fit_height

CODE = ("prepare", "prepare/files", "prepare/scene", "alignment", "matting")
"""The folders of tools whose code affects a dataset."""
GAP = 1000
"""Numbers between the last frame of one video and the first of the next."""
TOO_CLOSE = 0.75
"""A frame that follows the last one by less than this share of the usual interval is left out."""


@dataclass(frozen=True)
class Options:
    """The options of a run. height: taller pictures are scaled down to it. landmarks: "heavy", "full", or
    "auto": heavy where available. checkpoint: frames between two saves. size: (width, height) to which the
    middle of every picture is scaled, whatever the height; None: whole pictures. empty: a picture or a video
    of the scene without the player."""

    height: int = 720
    backend: str = "auto"
    landmarks: str = "auto"
    checkpoint: int = 120
    size: tuple[int, int] | None = None
    empty: Path | None = None

    def fitted(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A video's picture (H, W, 3), cut and scaled for the dataset."""
        if self.size is None:
            return fit_height(frame, self.height)
        cut = np.empty((self.size[1], self.size[0], 3), np.uint8)
        fill(frame, cut)
        return cut


@dataclass(frozen=True)
class Source:
    """A video and its first frame, in the size that all videos get."""

    path: Path
    fps: Fraction
    frames: int
    first: NDArray[np.uint8]


def find_videos(paths: Sequence[Path]) -> list[Path]:
    """The files of `paths`, with each folder replaced by its videos, sorted by name. Raises PrepareError."""
    videos: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = videos_in(path)
            if not found:
                raise PrepareError(f"{path} holds no video ({', '.join(sorted(ENDINGS))})")
            videos += found
        else:
            videos.append(path)
    seen: set[Path] = set()
    for video in videos:
        if video.resolve() in seen:
            raise PrepareError(f"{video} is named twice")
        seen.add(video.resolve())
    return videos


def open_sources(videos: Sequence[Path], options: Options) -> list[Source]:
    """Reads the first frame of each video. Raises VideoError, and PrepareError where sizes differ."""
    sources = []
    for path in videos:
        with VideoReader(path) as reader:
            _, frame = next(iter(reader))
            first = options.fitted(frame)
            sources.append(Source(path, reader.fps, reader.frames, first))
        if min(first.shape[:2]) < LEAST_SIDE:
            raise PrepareError(f"{path} is smaller than {LEAST_SIDE}x{LEAST_SIDE} pixels")
        if first.shape != sources[0].first.shape:
            raise PrepareError(
                f"{path} is {_size(first)} where {sources[0].path.name} is {_size(sources[0].first)}: "
                "film all takes with the same settings, or prepare them apart"
            )
    return sources


def digest(videos: Sequence[Path], options: Options, net: str) -> str:
    """SHA-256 of everything that the result depends on: the videos, the options, the landmark net's name, the
    code."""
    total = hashlib.sha256(repr((*astuple(options), net)).encode())
    tools = Path(__file__).parents[2]
    rooms = (*(tools / name for name in CODE), Path(realtime.pictures.__file__).parent)
    code = [path for room in rooms for path in sorted(room.iterdir()) if path.is_file()]
    given = [path for path in (options.empty, *videos) if path is not None]
    for path in [*code, *given]:
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


class Numbering:
    """Numbers frames by time: a difference of one is one frame at the dataset's rate `fps`.

    Frames of a faster video, and frames that a recorder bunched together, are thinned; dropped frames leave
    gaps.
    """

    def __init__(self, first: int, fps: Fraction) -> None:
        self.first, self._fps = first, fps
        self.last: int | None = None
        self.last_ns = 0

    def __call__(self, t_ns: int) -> int | None:
        """The number of a frame at `t_ns` since the start of its video; None where it is left out."""
        if self.last is not None and (t_ns - self.last_ns) * self._fps < TOO_CLOSE * NS_PER_S:
            return None
        number = self.first + round(t_ns * self._fps / NS_PER_S)
        self.last = number if self.last is None else max(self.last + 1, number)
        self.last_ns = t_ns
        return self.last


def _size(picture: NDArray[np.uint8]) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"
