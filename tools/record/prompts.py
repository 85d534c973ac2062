"""Chooses what the player is asked to do next, by what the footage lacks. Pure: time is an argument."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import ceil

from engines.time_units import NS_PER_S
from tools.coverage.mannequin import Mannequin, Segment
from tools.coverage.meter import Coverage
from tools.coverage.pose_space import Axis, Bin

READY_S, GO_S, FREE_S = 2.0, 5.0, 12.0
"""The countdown before a pose, the time for it, and the time for dancing freely."""
LEAST_GO_S = 2.5
"""A pose is asked for at least this long, even if it is covered sooner."""
FREE_EVERY = 4
"""After this many poses comes a free prompt."""


@dataclass(frozen=True)
class Prompt:
    """axis, bin: what the prompt is to cover; None where landmarks cannot tell."""

    text: str
    figure: Mannequin
    axis: Axis | None = None
    bin: Bin | None = None
    seconds: float = GO_S


_OPEN = (Segment(70), Segment(125))
FREE: tuple[Prompt, ...] = (
    Prompt("jazz hands: fingers spread", Mannequin(left_arm=_OPEN, right_arm=_OPEN)),
    Prompt(
        "dance as you like", Mannequin(left_arm=_OPEN, right_arm=(Segment(40), Segment(-60))), seconds=FREE_S
    ),
    Prompt("make fists, punch the air", Mannequin(right_arm=(Segment(165), Segment(170)))),
    Prompt("point with your fingers", Mannequin(left_arm=(Segment(100), Segment(110)))),
    Prompt("smile, talk, sing", Mannequin()),
    Prompt("walk about, turn on the spot", Mannequin(turn=45), seconds=FREE_S),
)
"""The meter cannot see fingers and faces; they are filmed all the same, in turn."""


@dataclass(frozen=True)
class Cue:
    """What the screen shows: the prompt, whether it is to be done now, and the seconds to count down."""

    prompt: Prompt
    go: bool
    countdown: int


@dataclass
class Prompter:
    """Chooses one prompt after another."""

    _current: Prompt | None = None
    _started_ns: int = 0
    _given: int = 0
    _free: int = 0
    _tries: Counter[tuple[str, str]] = field(default_factory=Counter)

    def cue(self, coverage: Coverage, t_ns: int) -> Cue:
        """What to show at `t_ns`, which never goes back."""
        if self._current is None or self._is_over(self._current, coverage, t_ns):
            self._current = self._choose(coverage)
            self._started_ns = t_ns
        left_s = READY_S - (t_ns - self._started_ns) / NS_PER_S
        if left_s > 0:
            return Cue(self._current, False, ceil(left_s))
        return Cue(self._current, True, max(0, ceil(left_s + self._current.seconds)))

    def skip(self) -> None:
        """Goes on to the next prompt."""
        self._current = None

    def _is_over(self, prompt: Prompt, coverage: Coverage, t_ns: int) -> bool:
        gone_s = (t_ns - self._started_ns) / NS_PER_S - READY_S
        if prompt.axis is not None and prompt.bin is not None and gone_s >= LEAST_GO_S:
            return gone_s >= prompt.seconds or coverage.progress(prompt.axis, prompt.bin) >= 1
        return gone_s >= prompt.seconds

    def _choose(self, coverage: Coverage) -> Prompt:
        """The most valuable missing pose: by weight, reduced by what was already seen, and by past prompts
        that did not help."""
        self._given += 1
        missing = coverage.verdict().missing
        if not missing or self._given % (FREE_EVERY + 1) == 0:
            self._free += 1
            return FREE[(self._free - 1) % len(FREE)]
        axis, one = max(missing, key=lambda row: self._value(coverage, *row))
        self._tries[axis.name, one.name] += 1
        return Prompt(one.film, one.figure, axis, one)

    def _value(self, coverage: Coverage, axis: Axis, one: Bin) -> float:
        return one.weight * (1 - 0.5 * coverage.progress(axis, one)) / (1 + self._tries[axis.name, one.name])
