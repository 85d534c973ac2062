"""The playout's parts; the whole process runs in test_show_runs.py."""

import time
from pathlib import Path

import numpy as np
import pytest

from realtime.capture import CaptureError
from realtime.picture import backdrop, place, slate
from realtime.players_standby import PlayersStandby
from realtime.standby import StandbyLoop
from tests.realtime.fakes import SIZE, write_clip

S = 1_000_000_000


@pytest.mark.parametrize("size", [(64, 64), (512, 512), (1920, 1080), (300, 900)])
def test_nothing_that_is_shown_is_black(size: tuple[int, int]) -> None:
    card = slate(*size, "Kévin Überschall-Langname der Dritte")
    assert card.shape == (size[1], size[0], 3)
    assert card.max(axis=2).min() > 20
    assert card.std() > 5
    picture = backdrop(*size)
    place(np.full((30, 50, 3), 99, np.uint8), picture)
    assert (picture == 99).all(axis=2).sum() >= min(
        size[0] * size[0] * 30 // 50, size[1] * size[1] * 50 // 30
    ) * 0.9
    assert picture.max(axis=2).min() > 20


def test_the_standby_loop_plays_at_its_own_rate_and_goes_round(tmp_path: Path) -> None:
    loop = StandbyLoop(write_clip(tmp_path / "standby.mp4", frames=10, fps=30), SIZE)
    try:
        greys = []
        for tick in range(60):
            greys.append(round(float(loop.picture(tick * S // 60).mean())))
            time.sleep(0.01)
        changes = np.flatnonzero(np.diff(greys))
        assert 24 <= len(changes) <= 30  # half of the ticks have a new picture
        assert greys.count(max(greys)) >= 4  # it came round again
        still = loop.picture(0).copy()
        time.sleep(0.05)
        assert (loop.picture(0) == still).all()
        assert loop.error is None
    finally:
        loop.close()


def test_a_standby_loop_that_is_no_video_is_named(tmp_path: Path) -> None:
    path = tmp_path / "standby.mp4"
    path.write_bytes(b"no")
    with pytest.raises(CaptureError, match=r"standby\.mp4"):
        StandbyLoop(path, SIZE)


def test_another_players_standby_loop_takes_over_without_waiting(tmp_path: Path) -> None:
    lines: list[str] = []
    first, second = (write_clip(tmp_path / f"{name}.mp4", frames=10, fps=30) for name in ("first", "second"))
    standby = PlayersStandby(first, SIZE, lines.append)
    try:
        assert standby.is_ready and standby.picture(0) is not None
        standby.want(first)
        standby.want(second)
        assert standby.picture(S) is not None  # the first one's, until the second one's is open
        old = standby._loop
        deadline = time.monotonic() + 20
        while standby._loop is old and time.monotonic() < deadline:
            standby.want(second)
            time.sleep(0.01)
        assert standby._loop is not old and standby.picture(100 * S) is not None
        (tmp_path / "broken.mp4").write_bytes(b"no")
        while standby.is_ready and time.monotonic() < deadline:
            standby.want(tmp_path / "broken.mp4")
            time.sleep(0.01)
        assert standby.picture(101 * S) is None
        assert len(lines) == 1 and "broken.mp4" in lines[0] and "the slate takes its place" in lines[0]
    finally:
        standby.close()
