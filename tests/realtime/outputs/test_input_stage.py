"""The recorder of inputs: fed by the performer's end and a playout's, without their processes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from realtime.config.inputs import RecordInputs
from realtime.config.show import Show
from realtime.inputs.lines import read_lines
from realtime.inputs.track_reader import Track
from realtime.inputs.track_writer import TrackWriter
from realtime.outputs import input_stage
from realtime.outputs.input_stage import InputRecorder, TrackThread
from realtime.outputs.worker import Counts
from realtime.performer.capture_thread import Captured
from realtime.performer.inputs_tap import InputsTap
from realtime.stages.context import Rig, StageContext
from realtime.stages.stage_link import StageLink
from realtime.stages.table import stages_of
from realtime.transport.bus import Bus
from realtime.transport.frame_ring import FrameRing
from realtime.transport.programme_ring import ProgrammeFrame, ProgrammeWriter
from tests.realtime.fakes import SIZE, fake_nets
from tests.realtime.outputs.feeding import LONGEST_CALL_S

MS = 1_000_000
END_S = 60.0


def grey(number: int) -> int:
    """Of a picture of the camera: brighter each time, and dark again after a hundred."""
    return 40 + 2 * (number % 100)


def wait_for_end(track: TrackThread) -> None:
    """Waits until a track that was closed is whole, however busy the machine is."""
    for thread in (track._thread, track._writer._lines._thread):
        thread.join(END_S)
        assert not thread.is_alive()


class Place:
    """The recorder, with the other ends of its sockets and rings."""

    def __init__(self, folder: Path, **asked: Any) -> None:
        self.folder = folder / "recording"
        self.folder.mkdir()
        settings = RecordInputs(folder=self.folder, size=(64, 64), **asked)
        self.rings = [
            FrameRing.create(settings.size[1], settings.size[0]),
            FrameRing.create(SIZE[1], SIZE[0]),
        ]
        show = Show(record_inputs=settings)
        spec = self.rings[1].spec
        self.bus = Bus(folder)
        rig = Rig(
            show, "Fake", SIZE, SIZE, Path(), folder, spec, spec, fake_nets,
            programme={"picture": spec}, inputs=self.rings[0].spec,
        )  # fmt: skip
        self.tap = InputsTap(self.bus, rig)
        self.programme = ProgrammeWriter(self.bus, rig.programme)
        self.shown = self.bus.sender("shown", "playout")
        stage = stages_of(show)["output inputs"]
        self.supervisor = self.bus.receiver("status", "supervisor")
        self.link = StageLink(StageContext(stage, rig, 0), self.bus)
        self.recorder = InputRecorder(settings, rig, self.link, stage.name)
        self.number = 0

    def capture(self, size: tuple[int, int] = (64, 48), step_ns: int = 40 * MS) -> None:
        """One picture of the camera."""
        picture = np.full((size[1], size[0], 3), grey(self.number), np.uint8)
        self.tap.take(Captured(self.number, picture, 10**12 + self.number * step_ns), 0)
        self.number += 1

    def tick(self, number: int) -> None:
        frame = ProgrammeFrame(np.full((SIZE[1], SIZE[0], 3), 99, np.uint8))
        self.programme.send(frame, self.programme.wants(), number, number * 40 * MS)
        self.shown.send(json.dumps({"tick": number, "due_ns": number * 40 * MS}).encode())

    def until(self, what: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not what():
            assert time.monotonic() < deadline, "it did not happen"
            self.recorder.step()

    def keep(self, **given: Any) -> None:
        """Captures until one of these pictures is kept: the sockets need a moment to find each other, and
        pictures of before may still be on their way."""
        first = self.number
        deadline = time.monotonic() + 60
        while all(line["frame_id"] < first for line in read_lines(self.folder / "camera.jsonl")):
            assert time.monotonic() < deadline, "it was not kept"
            self.capture(**given)
            self.recorder.step()
            self.recorder.step()  # the tap's thread needs a moment

    def end(self) -> None:
        """Ends the recording, and waits until all of it is on the disk."""
        ticks = self.recorder._ticks
        self.recorder.close()
        for track in self.recorder._tracks:
            wait_for_end(track)
        if ticks is not None:
            ticks._thread.join(END_S)
            assert not ticks._thread.is_alive()

    def told(self) -> list[str]:
        return [text for _, text in self.link.meter.take().events]

    def close(self) -> None:
        self.recorder.close()
        self.tap.close()
        self.tap._thread.join(END_S)  # it must have left its socket and its ring
        self.programme.close()
        self.bus.close()
        for ring in self.rings:
            ring.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    yield found
    found.close()


def test_pictures_are_kept_with_their_own_stamps(place: Place) -> None:
    assert place.told() == [f"the camera's pictures are being kept in {place.folder}"]
    for _ in range(10):
        place.keep()
    place.end()
    track = Track(place.folder, "camera")
    found = list(track.pictures())
    assert len(found) == len(track.lines) >= 10
    for _, line, picture in found:
        n = line["frame_id"]
        assert (line["captured_ns"], line["camera"]) == (10**12 + n * 40 * MS, 0)
        assert picture.shape == (48, 64, 3)
        assert abs(float(picture.mean()) - grey(n)) < 2
    middle = len(found) // 2
    assert [index for index, _, _ in track.pictures(middle)] == list(range(middle, len(found)))


def test_larger_pictures_are_made_smaller_and_another_size_begins_another_video(place: Place) -> None:
    place.keep()
    place.keep(size=(128, 64))
    place.keep(size=(50, 33))
    place.end()
    found = Track(place.folder, "camera").pictures()
    kept = sorted({(line["video"], picture.shape) for _, line, picture in found})
    assert kept == [(0, (48, 64, 3)), (1, (32, 64, 3)), (2, (32, 50, 3))]


def test_a_lower_rate_is_kept_if_it_is_asked_for(tmp_path: Path) -> None:
    place = Place(tmp_path, fps=Fraction(5))
    put: list[object] = []
    place.tap._latest.put = put.append  # type: ignore[method-assign]
    for _ in range(100):  # 4 seconds of 25 a second
        place.capture()
    assert 19 <= len(put) <= 21
    place.close()


def test_ticks_and_small_pictures_of_the_programme_are_kept(place: Place) -> None:
    place.until(lambda: place.programme.wants() == {"picture"})
    number = 0

    def kept() -> bool:
        nonlocal number
        place.tick(number)
        number += 1
        return sum(1 for _ in read_lines(place.folder / "programme.jsonl")) >= 8

    place.until(kept)
    place.end()
    ticks = [line["tick"] for line in read_lines(place.folder / "ticks.jsonl")]
    assert ticks == sorted(set(ticks)) and len(ticks) >= 29, "every tick is kept"
    samples = list(Track(place.folder, "programme").pictures())
    due = [line["tick"] for _, line, _ in samples]
    assert due == sorted(set(due))
    # A tick's picture and what is told of it come by two ways, of which either may be late for once.
    assert np.median(np.diff(due)) >= 4, "about 5 a second"
    assert samples[0][2].shape == (360, 480, 3)
    assert abs(float(samples[0][2].mean()) - 99) < 2


def test_a_full_disk_ends_the_recording_with_one_line(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.keep()
    place.told()
    monkeypatch.setattr(input_stage, "free_bytes", lambda folder: 5 * 2**20)
    place.recorder._next_look_s = 0.0
    for _ in range(5):
        place.capture()
        place.recorder.step()
    (line,) = place.told()
    assert line == (
        f"the recording in {place.folder} was ended: the disk has only 5 MB left; the show goes on"
    )
    status = place.recorder.status()
    assert (status.state, status.reason) == ("failed", line)
    place.until(lambda: place.programme.wants() == frozenset())
    place.end()
    assert list(Track(place.folder, "camera").pictures()), "what was kept can be read"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (av.error.ArgumentError(1, "Invalid data"), "Invalid data"),
        (RuntimeError("no encoder"), "RuntimeError: no encoder"),
    ],
)
def test_a_disk_or_an_encoder_that_refuses_ends_it_too(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def refuse(self: TrackWriter, *given: object) -> None:
        raise error

    place.keep()
    place.told()
    monkeypatch.setattr(TrackWriter, "write", refuse)
    place.capture()
    place.until(lambda: place.recorder.status().state == "failed" or place.capture())
    (line,) = place.told()
    assert f"{place.folder} cannot be written: {said}; the show goes on" in line


def test_a_slow_encoder_costs_pictures_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, goes_on = TrackWriter.write, threading.Event()

    def slowly(self: TrackWriter, *given: Any) -> None:
        goes_on.wait(3 * LONGEST_CALL_S)
        write(self, *given)

    monkeypatch.setattr(TrackWriter, "write", slowly)
    counts = Counts()
    track = TrackThread(tmp_path, "camera", counts)
    picture = np.zeros((48, 64, 3), np.uint8)
    for n in range(50):
        began_s = time.monotonic()
        track.put(input_stage.Kept(picture, n * 40 * MS, {"n_put": n}))
        assert time.monotonic() - began_s < LONGEST_CALL_S, "nobody waits for it"
    goes_on.set()
    track.close()
    wait_for_end(track)
    kept = [line["n_put"] for line in Track(tmp_path, "camera").lines]
    assert kept[-1] == 49, "the newest wins"
    assert counts.dropped() == {"camera_overtaken": 50 - len(kept)}
    assert counts.sent == len(kept)


def test_without_a_recorder_the_performer_goes_on(place: Place) -> None:
    place.recorder.close()
    for _ in range(100):
        place.capture()
    assert place.number == 100
