import gc
import time
from pathlib import Path

from av.sidedata.sidedata import SideDataContainer

from realtime.programme.standby import PlayersStandby
from tests.realtime.fakes import SIZE, write_clip

S = 1_000_000_000


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
        deadline = time.monotonic() + 60
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


def test_loops_that_were_closed_keep_no_memory(tmp_path: Path) -> None:
    clips = [write_clip(tmp_path / f"{name}.mp4", frames=10, fps=30) for name in ("first", "second")]
    gc.collect()
    before = side_data()
    gc.disable()  # the collector may come late by itself
    standby = PlayersStandby(clips[0], SIZE, print)
    try:
        for n in range(1, 7):
            old, deadline = standby._loop, time.monotonic() + 60
            while standby._loop is old and time.monotonic() < deadline:
                standby.want(clips[n % 2])
                time.sleep(0.01)
        loop = standby._loop
        while loop is not None and not loop._next_ready and time.monotonic() < deadline:
            time.sleep(0.01)  # it holds two pictures while it decodes
        assert 1 <= side_data() - before <= 2  # the test holds the last one that was closed
    finally:
        gc.enable()
        standby.close()


def side_data() -> int:
    return sum(type(each) is SideDataContainer for each in gc.get_objects())
