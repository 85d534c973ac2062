"""A show without networks: fakes that are quick, and files that are small."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.pose.tracking.choosing import Rule
from engines.pose.tracking.floor import Floor
from realtime.config.show import Show, WebRtc
from realtime.performer.networks import Nets, Second, Trial
from realtime.supervise.rig import Player
from realtime.transport.people import Sighted

SIZE = (128, 96)


class FakePerson:
    person_id = 1
    score = 1.0
    landmarks = np.full((33, 4), 10, np.float32)


class FakeTracker:
    """Finds somebody in every picture that is not black."""

    backend = "fake pose"
    people: tuple[Sighted, ...] = ()
    is_looking = False
    is_missing = False

    def reset(self) -> None:
        pass

    def follow(self, person_id: int | None) -> None:
        pass

    def look_at(self, x: float, y: float, size: tuple[int, int]) -> None:
        pass

    def choose(self, rule: Rule, mark: tuple[float, float], floor: Floor | None) -> None:
        pass

    def __call__(self, frame: NDArray[np.uint8], t_ns: int) -> FakePerson | None:
        time.sleep(0.005)
        return FakePerson() if frame.any() else None


class TrackerOf(FakeTracker):
    """Finds what a function finds."""

    def __init__(self, find: Callable[[NDArray[np.uint8], int], FakePerson | None]) -> None:
        self._find = find

    def __call__(self, frame: NDArray[np.uint8], t_ns: int) -> FakePerson | None:
        return self._find(frame, t_ns)


class FakeRetarget:
    mirror = locked = False
    known = "sound"

    def __call__(
        self, landmarks: NDArray[np.float32], frame_size: tuple[int, int], t_ns: int
    ) -> NDArray[np.float32]:
        return landmarks

    def redo(self) -> None:
        pass

    def reset(self) -> None:
        pass


class FakeRender:
    backend = "fake generator"
    likeness = 1.0
    spent_ns: Mapping[str, int] = MappingProxyType({"doll": 2_000_000, "net": 6_000_000})

    def __call__(self, landmarks: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
        time.sleep(0.01)
        out[:] = 200

    def reset(self) -> None:
        pass


class FakeBoth:
    """Paints the first player into the left half of a grey picture, the second into the right half."""

    likeness = (1.0, 1.0)
    spent_ns: Mapping[str, int] = MappingProxyType({"doll": 2_000_000})
    GREY, FIRST, SECOND = 50, 100, 200

    def __init__(self) -> None:
        self.poses: list[Sequence[NDArray[np.float32] | None]] = []
        self.resets = self.first_resets = 0

    def __call__(self, poses: Sequence[NDArray[np.float32] | None], out: NDArray[np.uint8]) -> None:
        time.sleep(0.01)
        self.poses = [*self.poses[-99:], poses]
        middle = out.shape[1] // 2
        out[:, :middle] = self.GREY if poses[0] is None else self.FIRST
        out[:, middle:] = self.GREY if poses[1] is None else self.SECOND

    def reset(self) -> None:
        self.first_resets += 1

    def reset_second(self) -> None:
        self.resets += 1


class SecondPerson(FakePerson):
    person_id = 2


def fake_nets(show: Show) -> Nets:
    return Nets(FakeTracker(), FakeRetarget(), FakeRender(), lambda picture, landmarks: None)


def fake_duet_nets(show: Show) -> Nets:
    """Finds two people in every picture that is not black."""
    nets, other = fake_nets(show), FakeTracker()

    def find(frame: NDArray[np.uint8], t_ns: int) -> tuple[FakePerson | None, FakePerson | None]:
        first = nets.tracker(frame, t_ns)
        return (None, None) if first is None else (FakePerson(), SecondPerson())

    def trial(dancers: int) -> Trial:
        return lambda: time.sleep(0.001), lambda: time.sleep(0.01 * dancers)

    return replace(nets, second=Second(find, other, FakeRetarget(), FakeBoth(), trial))


def broken_nets(show: Show) -> Nets:
    raise RuntimeError("the engine\nis broken")


class Heard:
    """A console that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def status(self, line: str) -> None:
        assert "\n" not in line


def write_clip(path: Path, *, frames: int = 24, fps: int = 24, size: tuple[int, int] = SIZE) -> Path:
    """A video whose n-th picture is of the grey 40 + 5 n."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    assert writer.isOpened()
    for n in range(frames):
        writer.write(np.full((size[1], size[0], 3), 40 + 5 * n, np.uint8))
    writer.release()
    return path


def fake_show(folder: Path, **changes: object) -> tuple[Show, Player]:
    """A show that needs no page and no pack."""
    clip = write_clip(folder / "clip.mp4")
    show = Show(camera=str(clip), start="live", webrtc=WebRtc(port=0)).model_copy(update=changes)
    return show, Player("Fake", SIZE, write_clip(folder / "standby.mp4", frames=10))
