"""The live player before the background, whatever is on air."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from realtime.config.outputs import Recorder
from realtime.outputs.recording import RecorderSink
from realtime.outputs.sink import Format
from realtime.pictures.picture import backdrop
from tests.realtime.fakes import SIZE
from tests.realtime.outputs.feeding import wait_for_state, wait_until
from tests.realtime.programme.on_air import GREEN, STANDBY, Start, Viewer, Viewers, grey_of


def test_the_clean_feed_is_the_live_player_whatever_is_on_air(start: Start) -> None:
    clean = Viewer("clean", "clean")
    board, viewer = start(clean, start="standby")
    grey = 150

    def shown(**orders: object) -> tuple[int, int]:
        """On air, and in the clean feed, with the next frame of the player."""
        nonlocal grey
        grey += 1
        board.order(**orders)
        board.frame(grey)
        board.tick()
        picture = clean.frames[-1].clean
        assert picture is not None
        assert (picture == grey).all()
        return grey_of(viewer.frames[-1]), grey

    board.tick()
    first = clean.frames[-1].clean
    assert first is not None and (first == backdrop(*SIZE)).all(), "nobody has danced yet"
    assert shown()[0] in STANDBY
    for _ in range(12):
        shown()
    fading, now = shown(taken=True, transition_s=0.2)
    assert fading < now
    for _ in range(8):
        on_air, now = shown()
    assert on_air == now
    (frozen, _), (still, now) = shown(frozen=True), shown()
    assert frozen == still < now
    delayed, now = [shown(frozen=False, delay_s=3 / 30) for _ in range(12)][-1]
    assert delayed < now
    assert shown(dumps=1)[0] in STANDBY
    shown(slate=True)
    assert (viewer.frames[-1].picture == board.playout._sources.slate.picture).all()
    board.tick(5)
    held = clean.frames[-1].clean
    assert held is not None and (held == grey).all(), "no frame comes: his last picture"


def test_the_clean_feed_is_before_the_background_that_was_chosen(start: Start) -> None:
    clean = Viewer("clean", "clean")
    board, _ = start(clean, backgrounds=(GREEN,), background="green")
    board.order(slate=True)
    board.frame((10, 20, 30, 0))
    board.tick()
    picture = clean.frames[-1].clean
    assert picture is not None and (picture == (0x40, 0xB1, 0)).all()


def test_a_clean_feed_that_nobody_records_is_not_made(start: Start) -> None:
    board, _ = start(backgrounds=(GREEN,), start="standby")
    board.playout._outputs = Viewers([Viewer("programme")])
    board.playout._sources.live.shot = lambda _: pytest.fail("made for nobody")  # type: ignore[method-assign]
    board.frame((10, 20, 30, 0))
    board.tick(3)


def test_a_clean_recording_has_the_player_while_the_programme_has_the_slate(
    start: Start, tmp_path: Path
) -> None:
    folders = {feed: tmp_path / feed for feed in ("programme", "clean")}
    recorders = [
        RecorderSink(
            Recorder(kind="recorder", name=feed, feed=feed, folder=folder), Format(SIZE, Fraction(30))
        )
        for feed, folder in folders.items()
    ]
    board, _ = start(*recorders)
    board.live(200)
    for recorder in recorders:
        recorder.order("start")
        wait_for_state(recorder, "running")

    def play(ticks: int) -> None:
        for _ in range(ticks):
            sent = [recorder.status().sent for recorder in recorders]
            board.frame(200)
            board.tick()
            for recorder, before in zip(recorders, sent, strict=True):
                wait_until(lambda r=recorder, b=before: r.status().sent > b, "the tick is recorded")

    play(10)
    board.order(slate=True)
    play(10)
    for recorder in recorders:
        recorder.order("stop")
        wait_for_state(recorder, "off")
    pictures = {}
    for feed, folder in folders.items():
        (path,) = folder.iterdir()
        with av.open(str(path)) as file:
            pictures[feed] = [picture.to_ndarray(format="bgr24") for picture in file.decode(video=0)]
    for recorded in pictures.values():
        assert len(recorded) in (20, 21), "the tick in which a recorder was started is in its file, or is not"
    for picture in (*pictures["clean"], *pictures["programme"][:10]):
        assert np.abs(picture.astype(int) - 200).max() <= 4
    slate = board.playout._sources.slate.picture.astype(int)
    for picture in pictures["programme"][-10:]:
        assert np.abs(picture - slate).mean() < 10
        assert picture.mean() < 100
