"""Which tick of the programme is due when. Pure: time is an argument."""

from __future__ import annotations

from fractions import Fraction

from engines.time_units import NS_PER_S


class ProgrammeClock:
    """Hands out the ticks of the programme in order, each while it is the newest that is due.

    Tick n is due at start_ns + n / fps, exactly (30000/1001 does not drift); `move` changes start_ns. A tick
    that was not asked for before the next one was due is given up: it is never handed out, and is counted in
    `missed`. So the programme is never a whole tick behind, and never runs faster than real time to catch up.
    """

    def __init__(self, fps: Fraction, start_ns: int, *, first_tick: int = 0) -> None:
        if fps <= 0:
            raise ValueError(f"fps is {fps}, not above 0")
        self.fps = fps
        self.start_ns = start_ns
        self.next_tick = first_tick
        self.missed = 0

    @property
    def period_ns(self) -> int:
        """Nanoseconds from tick to tick, rounded up."""
        return -(-NS_PER_S * self.fps.denominator // self.fps.numerator)

    def due_ns(self, tick: int) -> int:
        """When `tick` is due: the first whole nanosecond not before its exact time."""
        return self.start_ns - (-tick * NS_PER_S * self.fps.denominator // self.fps.numerator)

    def move(self, later_ns: int) -> None:
        """The ticks that were not handed out yet come so much later, or earlier if it is below 0."""
        self.start_ns += later_ns

    def tick_at(self, now_ns: int) -> int:
        """The newest tick that is due at `now_ns` (negative before the start)."""
        return (now_ns - self.start_ns) * self.fps.numerator // (NS_PER_S * self.fps.denominator)

    def take(self, now_ns: int) -> int | None:
        """The newest tick that is due and was not handed out yet, else None."""
        tick = self.tick_at(now_ns)
        if tick < self.next_tick:
            return None
        self.missed += tick - self.next_tick
        self.next_tick = tick + 1
        return tick
