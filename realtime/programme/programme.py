"""What goes out at each tick: ladder, fades, delay, DUMP and SLATE. Pure: time and pictures are arguments.

ladder ─▶ mixer (cut, fade, freeze) ─▶ delay line ─▶ SLATE ─▶ on air
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from realtime.programme.delay_line import DelayLine, Entry
from realtime.programme.ladder import Inputs, Ladder, State
from realtime.programme.mixer import Mixer, Shot, Source


class OnAir(NamedTuple):
    """A tick of the programme as it goes out.

    state: of what is seen now, which the delay sets behind the ladder's. frame_ns: when the frame that is new
    in it was captured; None without one. lost: frames that DUMP, SLATE or a shorter delay left out.
    """

    shot: Shot
    state: State
    frame_ns: int | None
    lost: int


class Programme:
    """Call `step` at every tick, and `dump` before the step of the tick at which it is ordered.

    - Everything but SLATE and DUMP goes through the delay.
    - The operator's slate is seen at the tick at which it is ordered, past fades and delay, and until it is
      taken off. It empties the delay line: what was not seen before it is not seen after it.
    - After a dump the safe picture is on air until the delay has built up again; nothing that was captured
      before the dump is seen any more. The camera is no fallback until the player has been live once more.
    """

    def __init__(self, ladder: Ladder, slate: Shot, most_delay_ticks: int, *, keyed: bool = False) -> None:
        """slate: has the size of all shots. keyed: they may have layers."""
        self._ladder = ladder
        self._slate = slate
        self._mixer = Mixer(slate, keyed=keyed)
        self._line = DelayLine(most_delay_ticks, _size(slate), keyed=keyed)
        self._dumped_ns: int | None = None
        self._safe = False
        self._lost = 0
        self._wanted_ticks = 0

    @property
    def coming(self) -> State:
        """The ladder's state: what is seen once the delay has passed."""
        return self._ladder.state

    @property
    def delay_ticks(self) -> int:
        """How far what is on air is behind."""
        return self._line.ticks

    @property
    def behind_ticks(self) -> int:
        """The same, but while the delay builds up with nothing on air, as if it had: the sound goes on."""
        return self._wanted_ticks if self._line.is_filling else self._line.ticks

    def dump(self, now_ns: int, safe: Shot) -> None:
        """Nothing captured until now is seen from the next step on."""
        self._ladder.dump(now_ns)
        self._mixer.cut(Source.FALLBACK, safe)
        self._lost += self._line.empty()
        self._dumped_ns = now_ns
        self._safe = True

    def step(
        self,
        now_ns: int,
        period_ns: int,
        inputs: Inputs,
        shot_of: Callable[[Source], Shot],
        *,
        fade_ticks: int = 0,
        delay_ticks: int = 0,
        frame_ns: int | None = None,
    ) -> OnAir:
        """What goes out from this tick to the next, valid until the next step.

        inputs: for the ladder. shot_of: see `Mixer.step`. fade_ticks: how long a change of source fades.
        frame_ns: when the frame that is new in the live source since the last tick was captured.
        """
        self._wanted_ticks = delay_ticks
        state = self._ladder.step(now_ns, period_ns, inputs)
        if inputs.slate:
            self._mixer.cut(Source.SLATE, self._slate)
            return self._out(Entry(self._slate, State.SLATE), self._line.empty())
        if state is State.LIVE:
            self._safe = False
        else:
            frame_ns = None

        def checked(source: Source) -> Shot:
            if source is Source.FALLBACK and self._safe:
                return shot_of(Source.SAFE)
            shot = shot_of(source)
            return shot_of(Source.SAFE) if self._is_dumped(shot) else shot

        entry = Entry(self._mixer.step(state, fade_ticks, checked), state, frame_ns)
        out, lost = self._line.step(entry, delay_ticks)
        return self._out(out or Entry(shot_of(Source.SAFE), State.FALLBACK), lost)

    def _is_dumped(self, shot: Shot) -> bool:
        if self._dumped_ns is None or shot.captured_ns is None:
            return False
        return shot.captured_ns <= self._dumped_ns

    def _out(self, entry: Entry, lost: int) -> OnAir:
        lost, self._lost = lost + self._lost, 0
        return OnAir(entry.shot, entry.state, entry.frame_ns, lost)


def _size(shot: Shot) -> tuple[int, int]:
    height, width = shot.picture.shape[:2]
    return width, height
