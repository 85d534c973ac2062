"""What the outputs and the operator are told of time: the sound's place, how late the board is, the flash."""

from __future__ import annotations

import pytest

from calibration import marker
from realtime.transport.bus import MarkerReading
from tests.realtime.programme.on_air import S, Start


def test_the_sound_knows_when_the_picture_came_in(start: Start) -> None:
    board, viewer = start(start="live")
    board.live()
    assert viewer.frames[-1].entered == board.now - 1
    board.order(delay_s=0.2)
    ticks = round(0.2 * 30)
    for _ in range(9 * ticks):
        board.frame(200)
        board.tick()
    assert viewer.frames[-1].entered == board.now - 1 - ticks
    dumped = board.now
    board.order(dumps=1, taken=False)
    board.tick(3 * ticks)
    after = [frame.entered or 0 for frame in viewer.frames[-3 * ticks :]]
    assert min(after) >= dumped - 1, "nothing from before the dump is heard"
    assert after[-1] == board.now - 1 - ticks
    board.order(slate=True)
    board.tick()
    assert viewer.frames[-1].entered is None


def test_the_sound_knows_which_place_of_the_file_is_on_air(start: Start) -> None:
    board, viewer = start(start="live")
    clock, lag_ns = board.playout._clock, 80_000_000
    started_ns = clock.due_ns(0) - 10 * S

    def play(ticks: int) -> None:
        for _ in range(ticks):
            captured_ns = clock.due_ns(board.now) - lag_ns
            board.frame(200, captured_ns=captured_ns, camera=1, media_ns=captured_ns - started_ns)
            board.tick()

    def off_ms(delay_s: float) -> float:
        media = viewer.frames[-1].media
        assert media is not None and media.camera == 1 and media.ns is not None
        return (media.ns - (clock.due_ns(board.now - 1) - lag_ns - delay_s * S - started_ns)) / 1e6

    board.tick()
    assert viewer.frames[-1].media is None, "no frame has come"
    play(10)
    assert off_ms(0) == pytest.approx(0, abs=0.2)
    board.tick(10)
    assert off_ms(0) == pytest.approx(0, abs=0.2), "no frame comes, it goes on"
    board.order(delay_s=0.2, slate=True)
    play(3)
    assert off_ms(0.2) == pytest.approx(0, abs=1), "on the slate it goes on, as late as the delay will be"
    clean = viewer.frames[-1].clean_media
    assert clean is not None and clean.ns is not None
    assert clean.ns - (viewer.frames[-1].media or clean)[1] == pytest.approx(0.2 * S, abs=1e6)
    board.order(slate=False)
    play(20)
    assert off_ms(0.2) == pytest.approx(0, abs=1)
    board.frame(200, captured_ns=clock.due_ns(board.now) - lag_ns)
    board.tick(8)
    assert viewer.frames[-1].media == (0, None), "a device is on"


def test_a_marker_that_the_camera_reads_says_how_late_it_is(start: Start) -> None:
    board, viewer = start()
    board.live()
    board.order(measuring=True)
    board.tick()
    assert marker.read(viewer.frames[-1].picture) == viewer.ticks[-1] % marker.MODULUS
    readings, playout = board.bus.sender("markers", "performer"), board.playout
    captured_ns = playout._clock.due_ns(board.now - 1) + 80_000_000
    reading = MarkerReading(board.now - 1, captured_ns)
    board.arrives(readings, reading.pack(), playout, "_markers_socket")
    board.tick()
    lag = playout._status(board.now).loop_lag
    assert lag is not None
    assert lag.median_ms == pytest.approx(80, abs=0.1)
    board.arrives(readings, b"\x00" + reading.pack()[1:], playout, "_markers_socket")
    board.tick()
    board.order(measuring=False)
    board.tick()
    assert marker.read(viewer.frames[-1].picture) is None
    assert playout._status(board.now).loop_lag == lag, "it stays known"
    board.order(measuring=True)
    board.tick()
    assert playout._status(board.now).loop_lag is None, "measured anew"


def test_a_flash_is_white_and_its_time_is_told(start: Start) -> None:
    board, viewer = start()
    board.live()
    board.order(flashes=1)
    board.tick(4)
    whites = [bool((frame.picture == 255).all()) for frame in viewer.frames[-5:]]
    assert whites == [False, True, True, True, False]
    told = [text for _, text in board.playout._meter.take().events if text.startswith("flash at ")]
    assert len(told) == 1
    since_s = (board.clock.monotonic_ns() - board.playout._clock.due_ns(board.now - 4)) / 1e9
    assert float(told[0].split()[2]) == pytest.approx(board.clock.time_ns() / 1e9 - since_s, abs=0.01)
