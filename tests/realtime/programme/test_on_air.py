"""What the outputs are handed, tick by tick: preview, key, backgrounds, DUMP, and SLATE when all fails."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.config.backgrounds import LiveCamera
from realtime.config.layers import PictureLayer
from realtime.config.outputs import Ndi
from realtime.outputs.sink import Format
from realtime.outputs.worker import Tick, WorkerSink
from realtime.pictures.picture import slate
from realtime.stages.context import StageContext
from realtime.stages.stage_main import stage_main
from realtime.stages.table import PERFORMER
from realtime.transport.bus import Ticket
from realtime.transport.orders import Orders
from realtime.transport.people import People
from tests.realtime.fakes import SIZE
from tests.realtime.programme.on_air import GREEN, STANDBY, Start, Viewer, Viewers, grey_of, preview
from tests.realtime.test_show_runs import wait_for


def test_pictures_that_cannot_be_trusted_go_to_the_preview_but_not_on_air(start: Start) -> None:
    board, viewer = start(start="live")
    board.live(200)
    seen = set()
    first = board.now
    while preview(viewer) != 150 or grey_of(viewer.frames[-1]) not in STANDBY:
        assert board.now < first + 200
        board.frame(150, trusted=False)
        board.tick()
        seen.add(grey_of(viewer.frames[-1]))
    assert 150 not in seen, "neither while it is LIVE still, nor as the HOLD"
    board.live(200)
    assert board.playout._meter.take().counts["dropped.not_trusted"] > 0


def test_the_preview_is_the_newest_player_whatever_is_on_air(start: Start) -> None:
    board, viewer = start(start="standby")
    for grey in (150, 160):
        board.frame(grey)
        board.tick()
        assert preview(viewer) == grey
        assert grey_of(viewer.frames[-1]) in STANDBY
    board.order(slate=True)
    board.frame(170)
    board.tick()
    assert preview(viewer) == 170
    assert (viewer.frames[-1].picture == board.playout._sources.slate.picture).all()


def test_a_preview_that_nobody_watches_is_not_made(start: Start) -> None:
    board, _ = start()
    board.playout._outputs = Viewers([Viewer("programme")])
    board.playout._sources.preview = lambda: pytest.fail("made for nobody")  # type: ignore[method-assign]
    board.tick(3)


def test_the_preview_of_the_camera_shows_who_is_there(start: Start) -> None:
    board, viewer = start()
    seen = board.bus.sender("people", "performer")
    board.order(camera_preview=True)
    board.frame(90, "camera")
    people = People(SIZE, ((1, 0.25, 0.25, 0.75, 0.75),), 1)
    board.arrives(seen, people.pack(), board.playout._sources, "_people")
    board.tick()
    shown = viewer.frames[-1].preview
    assert shown is not None
    assert shown[5, 5].tolist() == [90, 90, 90]
    assert (shown[24, 40:80] != 90).any(axis=1).all(), "the upper edge of the box"
    assert grey_of(viewer.frames[-1]) in STANDBY


def test_take_fades_and_cut_cuts(start: Start) -> None:
    board, viewer = start(start="standby")
    for _ in range(8):
        board.frame(200)
        board.tick()
    board.order(taken=True, transition_s=4 / 30)
    greys = []
    for _ in range(6):
        board.frame(200)
        board.tick()
        greys.append(grey_of(viewer.frames[-1]))
    assert greys == sorted(greys) and greys[0] < 150 and greys[4:] == [200, 200]
    board.order(taken=False, transition_s=0.0)
    board.frame(200)
    board.tick()
    assert grey_of(viewer.frames[-1]) in STANDBY


NDI = Ndi(kind="ndi", alpha=True)


CAMERA = LiveCamera(kind="camera", name="camera")


def test_fill_and_key_go_out_over_the_background_that_was_chosen(start: Start) -> None:
    board, viewer = start(outputs=(NDI,), backgrounds=(GREEN, CAMERA), background="green")
    board.live((10, 20, 30, 128))
    board.tick()
    frame = viewer.frames[-1]
    assert frame.layer is not None and frame.layer[5, 5].tolist() == [10, 20, 30, 128]
    alpha = 128 / 255
    expected = alpha * np.array([10, 20, 30]) + (1 - alpha) * np.array([0x40, 0xB1, 0])
    assert np.abs(frame.picture[5, 5] - expected).max() <= 1
    board.frame(250, "camera")
    board.frame((0, 0, 0, 0))
    board.order(background="camera")
    board.tick()
    assert (viewer.frames[-1].picture == 250).all()
    assert viewer.frames[-1].layer is not None and not viewer.frames[-1].layer.any()
    board.order(slate=True)
    board.tick()
    assert viewer.frames[-1].layer is None, "a slate is opaque"


def test_the_plate_changes_with_the_first_frame_of_the_next_player(start: Start, tmp_path: Path) -> None:
    plates = tuple(tmp_path / f"{grey}.png" for grey in (30, 60))
    for path in plates:
        cv2.imwrite(str(path), np.full((SIZE[1], SIZE[0], 3), int(path.stem), np.uint8))
    board, viewer = start(plates=plates, outputs=(NDI,))
    nobody = (0, 0, 0, 0)
    board.live(nobody)
    board.order(player="Two")
    for player, grey in ((0, 30), (1, 60), (0, 30)):
        board.frame(nobody, player=player)
        board.tick()
        assert (viewer.frames[-1].picture == grey).all()


def test_a_show_without_key_and_backgrounds_has_no_layers(start: Start) -> None:
    board, viewer = start()
    board.live()
    assert board.frames.spec.channels == 3
    assert viewer.frames[-1].layer is None and grey_of(viewer.frames[-1]) == 200


def test_a_dump_is_done_once_and_only_if_it_comes_during_the_show(start: Start) -> None:
    board, viewer = start()
    board.order(taken=True, dumps=3)  # from before the playout's start
    board.live()
    board.order(dumps=4)
    board.frame(200, age_ms=20)
    board.tick()
    assert grey_of(viewer.frames[-1]) in STANDBY
    dropped = board.playout._meter.take().counts
    assert dropped["dropped.not_on_air"] > 0
    for _ in range(12):
        board.frame(210)
        board.tick()
    assert grey_of(viewer.frames[-1]) == 210


def test_the_programme_runs_behind_by_the_delay_and_the_preview_does_not(start: Start) -> None:
    board, viewer = start()
    board.order(delay_s=5 / 30)
    board.live()
    greys = []
    for grey in range(201, 213):
        board.frame(grey)
        board.tick()
        assert preview(viewer) == grey
        greys.append(grey_of(viewer.frames[-1]))
    assert greys[6:] == list(range(202, 208))
    assert board.playout._status(board.now).delay_s == pytest.approx(5 / 30, abs=0.01)


class Stalled(WorkerSink):
    """An output whose encoder stands still in the middle of a picture until it is let go."""

    def __init__(self) -> None:
        super().__init__("stalled", "encoder", Format(SIZE, Fraction(30)), frozenset(["picture"]), where="")
        self.stuck, self.let_go = threading.Event(), threading.Event()
        self.written: list[int] = []
        self._start()

    def _open(self) -> None:
        pass

    def _write(self, tick: Tick) -> None:
        self.stuck.set()
        self.let_go.wait()
        self.written.append(tick.number)

    def _shut(self) -> None:
        pass


def test_the_slate_reaches_every_output_at_one_tick_whatever_has_failed(start: Start) -> None:
    """The performer stopped in the middle of a fade, two seconds of delay, an encoder that stands still, and
    50 viewers: the slate is the next picture of each of them."""
    viewers = [Viewer(f"viewer {n}") for n in range(50)]
    encoder = Stalled()
    board, viewer = start(*viewers, encoder)
    slate = board.playout._sources.slate.picture
    context = StageContext(PERFORMER, board.rig, 0)
    performer = multiprocessing.get_context("spawn").Process(target=stage_main, args=(context,), daemon=True)
    performer.start()
    board.clock.is_real = True
    try:
        board.order(delay_s=0.2)
        wait_for(lambda: board.tick() or board.playout._air.state.name == "LIVE")  # type: ignore[union-attr]
        assert encoder.stuck.wait(60)
        assert performer.pid is not None
        os.kill(performer.pid, signal.SIGSTOP)
        board.order(taken=False, transition_s=5.0, delay_s=2.0)
        board.tick(5)
        assert not any((each.frames[-1].picture == slate).all() for each in viewers)

        board.order(slate=True)
        ordered_at = board.now
        board.tick(3)

        for each in (*viewers, viewer):
            tick = next(t for t, frame in zip(each.ticks, each.frames, strict=True) if t >= ordered_at)
            assert tick == ordered_at
            assert all((frame.picture == slate).all() for frame in each.frames[-3:])
        encoder.let_go.set()
        wait_for(lambda: encoder.written[1:])
        assert encoder.written[1] >= ordered_at, "its next picture is the slate"
    finally:
        encoder.let_go.set()
        performer.kill()
        performer.join()


def test_a_playout_that_is_started_again_obeys_the_operator_from_its_first_tick(
    start: Start, tmp_path: Path
) -> None:
    """Not the show file, until the next orders come: the slate would be off, a layer on, the delay gone."""
    cv2.imwrite(str(tmp_path / "logo.png"), np.full((10, 10, 4), 255, np.uint8))
    logo = PictureLayer(
        kind="picture", name="logo", file=tmp_path / "logo.png", on=True, x=0, y=0, anchor="top left",
        width=0.25, over_slate=True,
    )  # fmt: skip
    wanted = Orders(slate=True, layers={"logo": False}, delay_s=1.0)
    board, viewer = start(layers=(logo,), orders=wanted)
    board.tick()
    np.testing.assert_array_equal(viewer.frames[-1].picture, board.playout._sources.slate.picture)
    board.order(slate=False, taken=True)
    for _ in range(20):
        board.frame(200)
        board.tick()
        assert (viewer.frames[-1].picture != 200).any(), "the delay fills behind the safe picture"


def test_a_slate_for_several_players_names_none(start: Start, tmp_path: Path) -> None:
    board, _ = start(players=(tmp_path / "other",))
    assert (board.playout._sources.slate.picture == slate(*SIZE, "Dancecam")).all()
    board, _ = start()
    assert (board.playout._sources.slate.picture == slate(*SIZE, "Fake")).all()


def test_frames_that_nobody_saw_are_counted_with_their_cause(start: Start) -> None:
    board, _ = start(start="standby")
    for _ in range(4):
        board.frame(200)
        board.tick()
    counts = board.playout._meter.take().counts
    assert counts["dropped.not_on_air"] == board._sent
    assert "frames.shown" not in counts
    assert isinstance(board.playout._sources.live.newest, Ticket)


def test_a_layer_lies_over_the_programme_alone(start: Start, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "logo.png"), np.full((10, 10, 4), 255, np.uint8))
    look = {"x": 0, "y": 0, "anchor": "top left", "width": 0.25, "fade_s": 0}
    logo = PictureLayer(kind="picture", name="logo", file=tmp_path / "logo.png", **look)
    clean = Viewer("clean", "clean")
    board, viewer = start(clean, layers=(logo,), start="live")
    board.live()
    assert (viewer.frames[-1].picture == 200).all()
    board.order(layers={"logo": True})
    for _ in range(3):  # also of a picture that stands still
        board.tick()
        assert (viewer.frames[-1].picture[2, 2] == 255).all()
        assert (viewer.frames[-1].picture[-2, -2] == 200).all()
        assert (viewer.frames[-1].preview == 200).all()
        assert (viewer.frames[-1].clean == 200).all()
    board.order(slate=True)
    board.tick()
    np.testing.assert_array_equal(viewer.frames[-1].picture, board.playout._sources.slate.picture)
    board.order(slate=False)
    board.tick()
    assert (viewer.frames[-1].picture[2, 2] == 255).all()
    board.order(layers={"logo": False}, fade_s=0.0)
    board.frame(200)
    board.tick()
    assert (viewer.frames[-1].picture[2, 2] != 255).all()
