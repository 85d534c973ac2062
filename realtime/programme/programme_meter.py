"""What the playout counts at each tick, and the averages that the operator sees."""

from __future__ import annotations

from engines.time_units import NS_PER_MS, NS_PER_S
from realtime.programme.ladder import State
from realtime.transport.telemetry import Meter

RECENT = 0.05
"""Weight of the newest value in the averages that the operator sees."""


class ProgrammeMeter:
    """Counts what goes out. `counting` is False until the show is on air: before, no ticks are counted."""

    def __init__(self, meter: Meter, fps: float) -> None:
        self._meter = meter
        self._nominal_fps = self.fps = fps
        self._latency_ms: float | None = None
        self._last_ns: int | None = None
        self.state: State | None = None
        self.on_air_ns: int | None = None
        """When the first tick that counts began."""
        self.counting = False

    @property
    def latency_ms(self) -> float | None:
        """From capture to programme, of late; with the programme's delay."""
        return self._latency_ms

    def tick(self, now_ns: int, period_ns: int, missed: int, state: State) -> None:
        """A tick went out. missed: ticks before it that came too late. state: of what is seen."""
        if self.counting:
            if self.on_air_ns is None:
                self.on_air_ns = now_ns
            self._meter.count("programme.ticks")
            self._meter.count("programme.missed", missed)
            self._meter.count(f"ns.{state}", period_ns)
        if state is not self.state:
            self._meter.event(now_ns, state.name)
            self.state = state
        if self._last_ns is not None and now_ns > self._last_ns:
            fps = NS_PER_S / (now_ns - self._last_ns)
            self.fps += RECENT * (min(fps, 2 * self._nominal_fps) - self.fps)
        self._last_ns = now_ns

    def shown(self, latency_ns: int) -> None:
        """A frame went out for the first time."""
        self._meter.count("frames.shown")
        self._meter.time("capture_to_programme", latency_ns)
        latency_ms = latency_ns / NS_PER_MS
        before_ms = latency_ms if self._latency_ms is None else self._latency_ms
        self._latency_ms = (1 - RECENT) * before_ms + RECENT * latency_ms

    def on_air_until_ns(self, period_ns: int) -> int | None:
        """When the last tick that counts ends; None before the first."""
        return self._last_ns + period_ns if self.counting and self._last_ns is not None else None
