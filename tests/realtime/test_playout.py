"""The playout's parts; the whole process runs in test_show_runs.py."""

import time
from pathlib import Path

import numpy as np
import pytest

from realtime.bus import Ticket
from realtime.capture import CaptureError
from realtime.frame_ring import FrameRing
from realtime.picture import backdrop, place, slate
from realtime.playout import RingReader
from realtime.standby import StandbyLoop
from tests.realtime.fakes import SIZE, write_clip

S = 1_000_000_000


def write(ring: FrameRing, grey: int) -> Ticket:
    with ring.write() as slot:
        slot.picture[:] = grey
    return Ticket(0, slot.index, slot.sequence, True, 0, 0, 0, 0, 0)


def test_an_overtaken_picture_leaves_the_one_before_it_on_air() -> None:
    with FrameRing.create(4, 4, slots=2) as ring:
        reader = RingReader(ring, (4, 4))
        assert reader.read(write(ring, 10))
        lost = write(ring, 20)
        for grey in (30, 40):
            write(ring, grey)
        assert not reader.read(lost)
        assert (reader.picture == 10).all()


def test_a_player_of_another_size_is_fitted_into_the_programme() -> None:
    with FrameRing.create(40, 40) as ring:
        reader = RingReader(ring, (160, 80))
        assert reader.read(write(ring, 200))
        assert reader.picture.shape == (80, 160, 3)
        assert (reader.picture[:, 41:119] == 200).all()
        assert (reader.picture[:, :39] == backdrop(160, 80)[:, :39]).all()


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
