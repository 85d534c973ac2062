from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from realtime.programme.ladder import Inputs, Ladder, State
from realtime.programme.mixer import Shot, Source
from realtime.programme.programme import OnAir, Programme

MS = 1_000_000
PERIOD = 40 * MS
HEALTHY = 400 * MS
MOST_DELAY = 10


def shot(number: int, captured_ns: int | None = None) -> Shot:
    return Shot(np.full((1, 2, 3), number, np.uint8), captured_ns=captured_ns)


SLATE, SAFE = shot(201), shot(202)


@dataclass
class Board:
    """A programme, its sources and its operator, on made-up time. `frames`: a new one comes at each tick."""

    healthy_ns: int = HEALTHY
    camera: bool = False
    now_ns: int = 1000 * MS
    taken: bool = True
    frozen: bool = False
    slate: bool = False
    fade: int = 0
    delay: int = 0
    newest: Shot | None = None
    frames_in: int = 0
    lost: int = 0
    shown: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        ladder = Ladder(hold_ns=200 * MS, healthy_ns=self.healthy_ns, proof_ns=self.healthy_ns)
        self.programme = Programme(ladder, SLATE, MOST_DELAY)

    def shot_of(self, source: Source) -> Shot:
        if source is Source.LIVE:
            return self.newest or SAFE
        if source is Source.FALLBACK and self.camera:
            return shot(203, self.now_ns - 10 * MS)
        return SLATE if source is Source.SLATE else SAFE

    def tick(self, *, frame_age_ms: int | None = 30) -> OnAir:
        """frame_age_ms: how long ago the frame that has come was captured; None where none has come."""
        self.now_ns += PERIOD
        frame_ns = None
        if frame_age_ms is not None:
            frame_ns = self.now_ns - frame_age_ms * MS
            self.newest = shot(self.now_ns // PERIOD % 200, frame_ns)
        newest_ns = None if self.newest is None else self.now_ns if frame_ns else self.now_ns - 90 * MS
        inputs = Inputs(
            newest_ns,
            80 * MS,
            self.taken,
            self.frozen,
            self.slate,
            captured_ns=None if self.newest is None else self.newest.captured_ns,
        )
        out = self.programme.step(
            self.now_ns,
            PERIOD,
            inputs,
            self.shot_of,
            fade_ticks=self.fade,
            delay_ticks=self.delay,
            frame_ns=frame_ns,
        )
        self.frames_in += frame_ns is not None and self.programme.coming is State.LIVE
        self.lost += out.lost
        if out.frame_ns is not None:
            self.shown.append(out.frame_ns)
        return out

    def run(self, ticks: int) -> list[OnAir]:
        return [self.tick() for _ in range(ticks)]

    def dump(self) -> None:
        self.programme.dump(self.now_ns, SAFE)


def went_live(**settings: object) -> Board:
    board = Board(**settings)  # type: ignore[arg-type]
    assert board.run(30)[-1].state is State.LIVE
    return board


def test_the_slate_cuts_past_fade_and_delay() -> None:
    board = went_live(delay=8)
    board.fade, board.taken = 50, False
    board.run(3)
    board.slate = True
    for out in board.run(20):
        assert out.shot is SLATE and out.state is State.SLATE


def test_what_was_not_seen_before_the_slate_is_not_seen_after_it() -> None:
    board = went_live(delay=8)
    board.slate = True
    slated_ns = board.now_ns
    out = board.tick()
    assert out.lost == 8
    board.slate = False
    outs = board.run(12)
    assert [out.shot for out in outs[:8]] == [SAFE] * 8
    assert outs[8].state is State.LIVE
    assert min(board.shown[-4:]) > slated_ns


def test_a_dump_drops_to_the_safe_picture_and_the_delay_builds_up_again() -> None:
    board = went_live(delay=8)
    board.dump()
    dumped_ns = board.now_ns
    first = board.tick()
    assert first.shot is SAFE and first.lost == 8
    safe = 1
    while (out := board.tick()).state is not State.LIVE:
        assert (out.shot.picture == SAFE.picture).all() and out.shot.captured_ns is None
        safe += 1
    assert safe * PERIOD >= 8 * PERIOD + HEALTHY
    assert out.shot.captured_ns == board.now_ns - 8 * PERIOD - 30 * MS
    assert out.shot.captured_ns > dumped_ns


def test_a_dump_without_a_delay_takes_the_live_picture_off_until_it_is_proven_again() -> None:
    board = went_live()
    board.dump()
    outs = board.run(20)
    assert next(n for n, out in enumerate(outs) if out.state is State.LIVE) * PERIOD >= HEALTHY
    assert outs[0].shot is SAFE


def test_the_camera_is_not_safe() -> None:
    board = went_live(camera=True)
    board.taken = False
    assert board.tick().shot.captured_ns is not None
    board.dump()
    assert all(out.shot is SAFE for out in board.run(5))
    board.taken = True
    board.run(20)
    board.taken = False
    assert board.tick().shot.captured_ns is not None, "it is a fallback again"


def test_a_freeze_does_not_survive_a_dump() -> None:
    board = went_live()
    board.frozen = True
    frozen = board.run(3)
    assert frozen[0].state is State.FREEZE and frozen[0].shot.captured_ns is not None
    board.dump()
    for out in board.run(3):
        assert out.shot.captured_ns is None and (out.shot.picture == SAFE.picture).all()


def test_the_state_on_air_is_that_of_the_delayed_picture() -> None:
    board = went_live(delay=5)
    board.taken = False
    states = [out.state for out in board.run(7)]
    assert states == [State.LIVE] * 5 + [State.FALLBACK] * 2
    assert board.programme.coming is State.FALLBACK
    assert board.programme.delay_ticks == 5


STEPS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(1, 300)),  # age of the frame that has come, ms
        st.sampled_from(["", "", "", "", "slate", "frozen", "not taken", "dump"]),
        st.integers(0, 4),  # fade
        st.integers(0, MOST_DELAY),  # delay, kept for a while
    ),
    max_size=120,
)


@given(STEPS, st.sampled_from([0, HEALTHY]), st.booleans())
def test_slate_and_dump_keep_their_word_whatever_comes(
    steps: list[tuple[int | None, str, int, int]], healthy_ns: int, camera: bool
) -> None:
    board = Board(healthy_ns=healthy_ns, camera=camera)
    dumped_ns = -1
    for n, (age_ms, order, fade, delay) in enumerate(steps):
        board.slate, board.frozen, board.taken = order == "slate", order == "frozen", order != "not taken"
        board.fade = fade
        if n % 20 == 0:
            board.delay = delay
        if order == "dump":
            board.dump()
            dumped_ns = board.now_ns
        out = board.tick(frame_age_ms=age_ms)
        if order == "slate":
            assert out.shot is SLATE and out.state is State.SLATE
        if order == "dump":
            assert (out.shot.picture == SAFE.picture).all() or (out.shot.captured_ns or 0) > dumped_ns
        assert out.shot.captured_ns is None or out.shot.captured_ns > dumped_ns
        assert out.frame_ns is None or out.frame_ns > dumped_ns
    board.slate = True
    board.tick(frame_age_ms=None)
    assert board.frames_in == board.lost + len(board.shown)
