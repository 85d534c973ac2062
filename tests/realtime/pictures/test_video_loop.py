import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime.pictures.opening import VideoError
from realtime.pictures.video_loop import Loop, VideoLoop
from tests.realtime.fakes import SIZE, write_clip

S = 1_000_000_000


def wait_for_next(loop: Loop[Any]) -> None:
    """As if the decoder were always in time."""
    deadline = time.monotonic() + 60
    while not loop._next_ready:
        assert time.monotonic() < deadline
        time.sleep(0.0001)


def test_the_standby_loop_plays_at_its_own_rate_and_goes_round(tmp_path: Path) -> None:
    loop = VideoLoop(write_clip(tmp_path / "standby.mp4", frames=10, fps=30), SIZE)
    try:
        greys = []
        for tick in range(60):
            wait_for_next(loop)
            greys.append(round(float(loop.picture(tick * S // 60).mean())))
        changes = np.flatnonzero(np.diff(greys))
        assert 24 <= len(changes) <= 30  # half of the ticks have a new picture
        assert greys.count(max(greys)) >= 4  # it came round again
        wait_for_next(loop)
        still = loop.picture(0).copy()
        wait_for_next(loop)
        assert (loop.picture(0) == still).all()
        assert loop.error is None
    finally:
        loop.close()


def test_a_standby_loop_that_is_no_video_is_named(tmp_path: Path) -> None:
    path = tmp_path / "standby.mp4"
    path.write_bytes(b"no")
    with pytest.raises(VideoError, match=r"standby\.mp4"):
        VideoLoop(path, SIZE)


class Numbered:
    """A video whose pictures are their numbers, and take no time to decode."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._number = -1

    def grab(self) -> int:
        self._number += 1
        return round(self._number * S / self._fps)

    def picture(self) -> NDArray[np.uint8]:
        return np.array([self._number], np.int64)  # type: ignore[return-value]

    def close(self) -> None:
        pass


def shown(loop: Loop[NDArray[np.int64]], at_ns: int) -> int:
    """The number that is seen at a tick, where the decoder was in time."""
    wait_for_next(loop)
    return int(loop.picture(at_ns)[0])


def numbered(fps: float) -> Loop[NDArray[np.int64]]:
    def keep(picture: NDArray[np.uint8], buffer: NDArray[np.int64]) -> None:
        buffer[:] = picture

    return Loop(Numbered(fps), (np.zeros(1, np.int64), np.zeros(1, np.int64)), keep)


@pytest.mark.parametrize(
    ("fps", "ticks"), [(50, 25), (60, 30), (59.94, 50), (30, 25), (25, 30), (30, 60), (240, 24), (30, 30)]
)
def test_a_loop_keeps_its_speed_whatever_the_programmes_rate(fps: float, ticks: float) -> None:
    loop = numbered(fps)
    try:
        for tick in range(200):
            number = shown(loop, round(tick * S / ticks))
            assert number == pytest.approx(tick * fps / ticks, abs=max(1, fps / ticks) + 0.5)
    finally:
        loop.close()


def test_a_loop_that_was_looked_away_from_stands_still_meanwhile() -> None:
    loop = numbered(25)
    try:
        numbers = [shown(loop, 3600 * S + tick * S // 30) for tick in range(30)]
        assert numbers[-1] == pytest.approx(24, abs=2), "an hour before it was first shown does not count"
        numbers += [shown(loop, 7200 * S + tick * S // 30) for tick in range(30)]
        assert numbers[30] - numbers[29] <= 1
        assert numbers[-1] == pytest.approx(48, abs=3)
        assert max(np.diff(numbers)) <= 1
    finally:
        loop.close()


def test_a_decoder_that_is_too_slow_makes_no_loop_race_afterwards() -> None:
    class Slow(Numbered):
        def grab(self) -> int:
            time.sleep(0.02 * (self._number < 20))
            return super().grab()

    def keep(picture: NDArray[np.uint8], buffer: NDArray[np.int64]) -> None:
        buffer[:] = picture

    loop = Loop(Slow(30), (np.zeros(1, np.int64), np.zeros(1, np.int64)), keep)
    try:
        at_ns = 0
        while loop._next_at_ns < S * 20 // 30:
            at_ns += S // 30
            loop.picture(at_ns)
            time.sleep(0.002)  # ten times as fast as it decodes
        first = shown(loop, at_ns)
        last = [shown(loop, at_ns + tick * S // 30) for tick in range(1, 61)][-1]
        assert last - first < 60 + 20, "half a second may be caught up"
    finally:
        loop.close()
