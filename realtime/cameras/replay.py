"""A recording of inputs as a camera, `replay://FOLDER`: each picture comes as long after the one before it as
when it was recorded.

Where the camera gave nothing for a while, neither does this one; after the last picture no other comes.
"""

from __future__ import annotations

import contextlib
import os
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

from engines.time_units import NS_PER_S
from realtime.cameras.camera_name import CaptureError, Replayed
from realtime.inputs.folder import CAMERA, RecordingError
from realtime.inputs.track_reader import Track
from realtime.pictures.picture import Picture

USUAL_FPS = 30.0
NEVER_NS = 24 * 3600 * NS_PER_S
"""How far ahead a picture is due that is never to come."""

LEAD_NS = NS_PER_S // 20
"""How long after it was opened a recording begins: time to decode its first picture."""


class ReplaySource:
    """A `video_source.Source`. A picture whose time has passed is left out: the next one is there already."""

    recorded = False
    damaged = 0

    def __init__(self, asked: Replayed, camera: str) -> None:
        """Raises CaptureError."""
        self.name = camera
        self._asked = asked
        try:
            self._track = Track(asked.folder, CAMERA)
        except RecordingError as error:
            raise CaptureError(f"camera {camera}: {error}") from error
        ours = (index for index, line in enumerate(self._track.lines) if line.get("camera", 0) == asked.place)
        self._due_ns = {index: int(self._track.lines[index]["captured_ns"]) for index in ours}
        if not self._due_ns:
            raise CaptureError(f"camera {camera}: nothing was recorded of it")
        stamps = list(self._due_ns.values())
        steps = [after - before for before, after in pairwise(stamps) if after > before]
        self.fps = NS_PER_S / median(steps) if steps else USUAL_FPS
        self._origin_ns = self._origin(stamps[0])
        start = next((i for i, stamp_ns in self._due_ns.items() if not self._is_over(stamp_ns)), None)
        self._pictures = self._track.pictures(
            min(self._due_ns) if start is None else start, lambda line: line.get("camera", 0) == asked.place
        )
        first = next(self._pictures, None)
        if first is None:
            raise CaptureError(f"camera {camera}: no picture in it can be read")
        self._next: tuple[int, object, Picture] | None = None if start is None else first
        self._picture = first[2]
        self.gives = f"{self._picture.shape[1]}x{self._picture.shape[0]} replay {self.fps:.1f}"

    def grab(self) -> int:
        """When the next picture is due, monotonic nanoseconds; it lies ahead, if this machine keeps up."""
        while (found := self._next) is not None:
            self._picture, stamp_ns = found[2], self._due_ns[found[0]]
            self._next = next(self._pictures, None)
            if self._next is None or not self._is_over(self._due_ns[self._next[0]]):
                return self._origin_ns + stamp_ns
        return time.monotonic_ns() + NEVER_NS

    def picture(self) -> Picture:
        """The picture of the last `grab`, (H, W, 3) uint8 BGR."""
        return self._picture

    def close(self) -> None:
        self._pictures.close()

    def _is_over(self, stamp_ns: int) -> bool:
        """Whether a picture with this stamp was due before now."""
        return self._origin_ns + stamp_ns < time.monotonic_ns()

    def _origin(self, first_ns: int) -> int:
        """Which of this machine's times is the recording's time 0."""
        origin_ns = time.monotonic_ns() + LEAD_NS - first_ns
        path = self._asked.origin
        if path is None:
            return origin_ns
        made = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            made.write_text(str(origin_ns), encoding="utf-8")
            with contextlib.suppress(FileExistsError):
                os.link(made, path)  # whole at once, and never over another one
            made.unlink()
            return read_origin(path)
        except (OSError, ValueError) as error:
            raise CaptureError(f"camera {self.name}: {path} cannot be used: {error}") from error


def read_origin(path: Path) -> int:
    """What `Replayed.origin` holds. Raises OSError, ValueError."""
    return int(path.read_text(encoding="utf-8"))
