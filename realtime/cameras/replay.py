"""A recording of inputs as a camera, `replay://FOLDER`: each picture comes as long after the one before it as
when it was recorded.

Where the camera gave nothing for a while, neither does this one; after the last picture no other comes.
"""

from __future__ import annotations

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
"""How long after its beginning is ordered a recording begins: time to decode its first picture."""

BEGIN_S, LOOK_S = 10.0, 0.01
"""How long that is waited for, and how often it is looked for."""


class ReplaySource:
    """A `video_source.Source`. A picture whose time has passed is left out: the next one is there already."""

    recorded = False
    damaged = 0
    media_ns = None

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
        self._first_ns = stamps[0]
        self._origin_ns = self._read_origin()
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
        """When the next picture is due, monotonic nanoseconds; it lies ahead, if this machine keeps up.

        Raises CaptureError where the replay does not begin.
        """
        if self._origin_ns is None:
            self._origin_ns = self._begin()
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
        return self._origin_ns is not None and self._origin_ns + stamp_ns < time.monotonic_ns()

    def _begin(self) -> int:
        """Which of this machine's times is the recording's time 0, waited for. Raises CaptureError."""
        if self._asked.origin is None:
            return time.monotonic_ns() + LEAD_NS - self._first_ns
        deadline_s = time.monotonic() + BEGIN_S
        while time.monotonic() < deadline_s:
            if (origin_ns := self._read_origin()) is not None:
                return origin_ns
            time.sleep(LOOK_S)
        raise CaptureError(f"camera {self.name}: the replay has not begun within {BEGIN_S:g} s")

    def _read_origin(self) -> int | None:
        """None where it is not known yet. Raises CaptureError."""
        path = self._asked.origin
        try:
            return None if path is None or not path.exists() else int(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CaptureError(f"camera {self.name}: {path} cannot be used: {error}") from error


def write_origin(path: Path, origin_ns: int) -> None:
    """Lets all cameras begin that wait for it. origin_ns: which of this machine's times is 0 in the
    recording. Raises OSError."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(str(origin_ns), encoding="utf-8")
    part.replace(path)


def read_origin(path: Path) -> int:
    """What `Replayed.origin` holds. Raises OSError, ValueError."""
    return int(path.read_text(encoding="utf-8"))
