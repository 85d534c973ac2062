"""The programme's jitter buffer: arrivals that are made up, and pictures in a real ring."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from realtime.programme.live_feed import LivePlayer
from realtime.programme.timing.jitter import WINDOW_TICKS, JitterBuffer
from realtime.transport.bus import Bus, Ticket
from realtime.transport.frame_ring import FrameRing
from realtime.transport.frames import RingReader
from realtime.transport.telemetry import Meter

SHAPE = (8, 8, 3)
PERIOD_NS = 33_333_333


def test_nothing_is_kept_back_while_every_tick_finds_a_frame() -> None:
    buffer = JitterBuffer()
    assert not any(buffer.keeps_back(arrived) for arrived in (1, 2, 1, 3, 2, 2) * 50)


def test_one_empty_tick_changes_nothing_and_two_keep_the_newest_back_for_a_while() -> None:
    buffer = JitterBuffer()
    assert not any(buffer.keeps_back(arrived) for arrived in (0, 2, *[1] * WINDOW_TICKS))
    for arrived in (0, 2, 0):
        kept = buffer.keeps_back(arrived)
    assert kept
    kept_back = [buffer.keeps_back(1) for _ in range(2 * WINDOW_TICKS)]
    assert kept_back == sorted(kept_back, reverse=True)
    assert sum(kept_back) == WINDOW_TICKS - 3, "until the first of the two is forgotten"


class Feed:
    """A performer that finishes frame n at a time of its own, and the playout's end."""

    def __init__(self, ring: FrameRing, bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ring = ring
        self._reader = RingReader(bus, "tickets", ring.spec)
        self._waiting: Ticket | None = None
        monkeypatch.setattr(self._reader, "newest", self._newest)
        self.player = LivePlayer(self._reader, (8, 8), Meter(), layered=False)
        self.painted = 0

    def _newest(self) -> Ticket | None:
        ticket, self._waiting = self._waiting, None
        return ticket

    def paint(self, captured_ns: int, *, good: bool = True, trusted: bool = True) -> None:
        with self._ring.write() as slot:
            self.painted += 1
            slot.picture[:] = self.painted % 256
        ticket = Ticket(self.painted, slot.index, slot.sequence, good, self.painted, 0, captured_ns, 0, 0)
        before_ns = captured_ns - PERIOD_NS if self.painted > 1 else 0
        self._waiting = ticket._replace(trusted=trusted, before_ns=before_ns)

    def tick(self) -> tuple[int | None, int]:
        """Which frame is shown, and how many were lost."""
        ticket, lost = self.player.hear(on_air=True)
        if ticket is None:
            return None, lost
        picture = self.player.shot(None).picture
        assert np.all(picture == ticket.frame_id % 256), "the picture is the ticket's"
        assert ticket.captured_ns == ticket.frame_id * PERIOD_NS
        return ticket.frame_id, lost


@pytest.fixture
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    bus = Bus(tmp_path)
    with FrameRing.create(*SHAPE[:2]) as ring:
        yield Feed(ring, bus, monkeypatch)
    bus.close()


def shown(feed: Feed, finished: list[float], ticks: int) -> tuple[list[int], int]:
    """finished: when frame n + 1 is finished, in ticks."""
    frames, lost, due = [], 0, 0
    for tick in range(1, ticks + 1):
        while due < len(finished) and finished[due] < tick:
            due += 1
            feed.paint(due * PERIOD_NS)
        frame, overtaken = feed.tick()
        lost += overtaken
        frames += [] if frame is None else [frame]
    return frames, lost


def test_frames_that_arrive_about_when_a_tick_is_due_are_all_shown(feed: Feed) -> None:
    jitter = np.random.default_rng(0).uniform(-0.3, 0.3, 300)
    frames, lost = shown(feed, list(np.arange(1, 301) + jitter), 302)
    assert lost <= 3
    assert len(frames) >= 297
    assert frames == sorted(frames)


def test_frames_that_arrive_well_between_ticks_wait_for_none(feed: Feed) -> None:
    frames, lost = shown(feed, [n + 0.5 for n in range(300)], 300)
    assert (frames, lost) == (list(range(1, 301)), 0)


def test_two_late_frames_make_the_programme_late_for_a_while(feed: Feed) -> None:
    finished = [n + 0.5 for n in range(400)]
    for late in (50, 60):
        finished[late] += 0.9  # a tick finds none, the next finds two
    frames, lost = shown(feed, finished, 400)
    assert (lost, len(frames)) == (2, 398), "one for the first, one when it is no longer late"
    assert frames[-1] == 400


def test_of_twice_as_many_frames_the_newest_is_shown(feed: Feed) -> None:
    frames, lost = shown(feed, [n / 2 + 0.1 for n in range(200)], 100)
    assert frames == list(range(2, 201, 2))
    assert lost == 100


def test_a_frame_of_a_fan_who_left_does_not_wait(feed: Feed) -> None:
    feed.tick()
    feed.tick()
    feed.paint(PERIOD_NS)
    feed.paint(2 * PERIOD_NS)
    assert feed.tick() == (1, 0)
    feed.paint(3 * PERIOD_NS, good=False)
    assert feed.tick() == (None, 2)
