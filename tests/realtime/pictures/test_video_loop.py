import time
from pathlib import Path

import numpy as np
import pytest

from realtime.pictures.opening import VideoError
from realtime.pictures.video_loop import VideoLoop
from tests.realtime.fakes import SIZE, write_clip

S = 1_000_000_000


def test_the_standby_loop_plays_at_its_own_rate_and_goes_round(tmp_path: Path) -> None:
    loop = VideoLoop(write_clip(tmp_path / "standby.mp4", frames=10, fps=30), SIZE)
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
    with pytest.raises(VideoError, match=r"standby\.mp4"):
        VideoLoop(path, SIZE)
