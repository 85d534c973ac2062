"""The programme through shared memory: copied once, whole, and only what somebody wants."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from realtime.transport import programme_ring
from realtime.transport.bus import Bus
from realtime.transport.frame_ring import FrameRing
from realtime.transport.programme_ring import (
    MediaTime,
    Part,
    ProgrammeFrame,
    ProgrammeReader,
    ProgrammeWriter,
)

PARTS: tuple[Part, ...] = ("picture", "layer", "clean", "preview")


def frame(tick: int) -> ProgrammeFrame:
    picture = np.full((48, 64, 3), tick, np.uint8)
    return ProgrammeFrame(
        picture, np.full((48, 64, 4), tick, np.uint8), clean=picture + 1, preview=picture + 2
    )


class Repeating:
    """Stands for the socket of the ticks, and can send the last one again."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._last: bytes | None = None

    def send(self, message: bytes, flags: int = 0) -> None:
        self._last = message
        self._socket.send(message, flags)

    def again(self) -> None:
        if self._last is not None:
            self._socket.send(self._last, zmq.NOBLOCK)

    def close(self) -> None:
        self._socket.close()


class Way:
    """A playout's end and the ends of outputs, each of which wants some parts."""

    def __init__(self, folder: Path) -> None:
        self.bus = Bus(folder)
        self.rings = {part: FrameRing.create(48, 64, channels=3 + (part == "layer")) for part in PARTS}
        self.specs = {part: ring.spec for part, ring in self.rings.items()}
        self.writer = ProgrammeWriter(self.bus, self.specs)
        self.ticks = Repeating(self.writer._ticks)
        self.writer._ticks = self.ticks  # type: ignore[assignment]
        self.tick = 0

    def reader(self, name: str, *parts: Part) -> ProgrammeReader:
        """Once the playout knows what it wants, and it hears the playout."""
        reader = ProgrammeReader(self.bus, self.specs, name)
        deadline = time.monotonic() + 60
        while True:
            assert time.monotonic() < deadline
            reader.want(frozenset(parts))
            self.send(frame(0))
            if reader.take(0.05) is not None:
                return reader

    def send(self, given: ProgrammeFrame) -> int:
        """The number of the tick."""
        self.tick += 1
        self.writer.send(given, self.writer.wants(), self.tick, 100 + self.tick)
        return self.tick

    def taken(self, reader: ProgrammeReader, tick: int) -> ProgrammeFrame:
        """The frame of this tick; older ones may be on their way."""
        deadline = time.monotonic() + 60
        while True:
            assert time.monotonic() < deadline
            got = reader.take(0.5)
            if got is None:  # it may wait in the socket for what follows, see `Topic.newest`
                self.ticks.again()
            elif got[1] == tick:
                assert got[2] == 100 + tick
                return got[0]

    def written(self) -> int:
        """How many pictures have been copied into the rings."""
        return sum(int(ring._sequences.max()) for ring in self.rings.values())

    def close(self) -> None:
        self.writer.close()
        self.bus.close()
        for ring in self.rings.values():
            ring.close()


@pytest.fixture
def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    monkeypatch.setattr(programme_ring, "WANTED_FOR_NS", 600_000_000_000)  # however busy the machine is
    way = Way(tmp_path)
    yield way
    way.close()


def test_a_tick_is_copied_once_for_all_outputs_and_nobody_can_change_it(way: Way) -> None:
    readers = [way.reader(f"output {n}", "picture") for n in range(3)]
    before, given = way.written(), frame(7)
    tick = way.send(given)
    assert way.written() == before + 1
    given.picture[:] = 0
    for reader in readers:
        kept = way.taken(reader, tick)
        assert (kept.picture == 7).all()
        assert kept.layer is None and kept.clean is None and kept.preview is None, "nobody wants them"
        with pytest.raises(ValueError, match="read-only"):
            kept.picture[0] = 1


def test_parts_that_are_one_picture_are_copied_once(way: Way) -> None:
    reader = way.reader("output every", "picture", "clean", "preview")
    before, picture = way.written(), frame(3).picture
    tick = way.send(ProgrammeFrame(picture, clean=picture, preview=picture))
    assert way.written() == before + 1
    kept = way.taken(reader, tick)
    assert kept.picture is kept.clean is kept.preview
    assert (kept.picture == 3).all()


def test_the_sound_is_told_when_the_picture_came_in(way: Way) -> None:
    reader = way.reader("output board", "picture")
    assert way.taken(reader, way.send(frame(3)._replace(entered=17))).entered == 17
    assert way.taken(reader, way.send(frame(3))).entered is None


def test_the_sound_is_told_the_place_in_the_file(way: Way) -> None:
    reader = way.reader("output board", "picture")
    times = {"media": MediaTime(1, 2_000_000_000), "clean_media": MediaTime(0, None)}
    kept = way.taken(reader, way.send(frame(3)._replace(**times)))
    assert (kept.media, kept.clean_media) == (times["media"], times["clean_media"])
    assert way.taken(reader, way.send(frame(3))).media is None


def test_each_output_gets_what_it_wants_of_what_all_want(way: Way) -> None:
    board, preview = way.reader("output board", "picture"), way.reader("output page", "preview")
    tick = way.send(frame(9))
    on_board, on_page = way.taken(board, tick), way.taken(preview, tick)
    assert (on_board.picture == 9).all() and on_board.preview is None
    assert on_page.preview is not None and (on_page.preview == 11).all()


def test_where_there_is_no_layer_the_picture_takes_its_place(way: Way) -> None:
    reader = way.reader("output keyed", "layer")
    live = way.taken(reader, way.send(frame(3)))
    assert live.layer is not None and (live.layer == 3).all()
    covered = way.taken(reader, way.send(frame(4)._replace(layer=None)))
    assert covered.layer is None and (covered.picture == 4).all()


def test_a_layer_that_was_not_asked_for_yet_is_waited_for(way: Way) -> None:
    """Else a key would be opaque for a moment."""
    way.reader("output board", "picture")
    keyed = ProgrammeReader(way.bus, way.specs, "output keyed")
    _wait(lambda: bool(way.send(frame(3)) and keyed._ticks.poll(20)))
    keyed._wanted = frozenset({"layer"})
    assert keyed.take(1.0) is None
    assert keyed.overtaken == 0


def test_what_is_on_air_never_takes_the_clean_feeds_place(way: Way) -> None:
    way.reader("output board", "picture")
    clean = ProgrammeReader(way.bus, way.specs, "output clean")
    deadline = time.monotonic() + 60
    while "clean" not in way.writer.wants():
        assert time.monotonic() < deadline
        clean.want(frozenset({"clean"}))
    way.send(frame(3)._replace(clean=None))
    assert clean.take(0.3) is None
    given = way.taken(clean, way.send(frame(4))).clean
    assert given is not None and (given == 5).all()


def test_what_nobody_wants_any_more_is_not_copied(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = way.reader("output board", "picture")
    before = way.written()
    reader.want(frozenset())
    _wait(lambda: not way.writer.wants())
    way.send(frame(1))
    assert way.written() == before
    reader.want(frozenset({"picture"}))
    _wait(lambda: way.writer.wants() == {"picture"})
    monkeypatch.setattr(programme_ring, "WANTED_FOR_NS", 200_000_000)
    _wait(lambda: not way.writer.wants())  # its process has gone, and says nothing


def test_a_tick_whose_pictures_are_overtaken_is_counted(way: Way) -> None:
    reader = way.reader("output slow", "picture")
    way.send(frame(1))
    _wait(lambda: reader._ticks.poll(100) or way.ticks.again())
    for ring in way.rings.values():
        for _ in range(ring.spec.slots):
            with ring.write():
                pass
    assert reader.take(1.0) is None
    assert reader.overtaken == 1


def test_another_playout_takes_over_and_the_outputs_go_on(way: Way) -> None:
    reader = way.reader("output board", "picture")
    way.writer._ticks.close()
    way.writer._heard.close()
    way.writer = ProgrammeWriter(way.bus, way.specs)

    def arrives() -> bool:
        reader.want(frozenset({"picture"}))
        tick = way.send(frame(8))
        got = reader.take(0.05)
        return got is not None and got[1] == tick and bool((got[0].picture == 8).all())

    _wait(arrives)


def _wait(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"nul",
        b"1",
        b'"ab"',
        b"[1, 2]",
        b'["a", [1]]',
        b'["a", "picture"]',
        b'[["a"], []]',
        b"[" * 99_999,
    ],
)
def test_what_no_output_would_say_costs_neither_the_programme_nor_the_outputs(
    way: Way, caplog: pytest.LogCaptureFixture, junk: bytes
) -> None:
    reader = way.reader("board", "picture")
    sender = way.bus.sender("wants", "somebody")
    for _ in range(3):
        sender.send(junk)
        tick = way.send(frame(7))
        assert way.taken(reader, tick).picture[0, 0, 0] == 7
    deadline = time.monotonic() + 60
    while not caplog.records:
        assert time.monotonic() < deadline
        way.send(frame(7))
    assert len(caplog.records) == 1, "it is told once"


def test_a_flood_of_wishes_holds_no_tick_up_and_is_not_kept(way: Way) -> None:
    sender = way.bus.sender("wants", "somebody")
    for n in range(300):
        sender.send(f'["stranger {n}", ["none"]]'.encode())
    deadline = time.monotonic() + 60
    while not way.writer._wanted:
        assert time.monotonic() < deadline
        way.writer.wants()
    assert len(way.writer._wanted) <= programme_ring.MOST_MESSAGES
