"""Judges whether a stage is well, and whether it may be restarted. Pure: time is an argument."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from engines.time_units import NS_PER_S
from realtime.stages.table import Stage
from realtime.transport.backoff import Backoff

PROGRESS_CPU_S = 1.0
"""A loading stage makes progress when it begins a new step, or uses this much more processor time. Waiting
for a lock, a driver or a network uses none, and heartbeats use less than this within the permitted
silence."""

MOST_WAITED = 3.0
"""Of the permitted silence, so many times over may be forgiven for waiting for a processor."""


@dataclass
class Watchdog:
    """The watchdog of one stage, over all its processes. Its `StageProcess` calls it."""

    stage: Stage
    started_ns: int = 0
    alive_ns: int = 0
    ready: bool = False
    was_ever_ready: bool = False
    cpu_s: float = 0.0
    """The processor time at the last sign of progress."""
    _waits_s: Mapping[int, float] = field(default_factory=dict)
    _waited_s: float = 0.0
    _restarts_ns: deque[int] = field(default_factory=deque)
    _backoff: Backoff = field(init=False)

    def __post_init__(self) -> None:
        self._backoff = Backoff(
            self.stage.first_wait_s, self.stage.longest_wait_s, steady_s=self.stage.window_s
        )

    def started(self, now_ns: int) -> None:
        """A new process was started."""
        self.started_ns = self.alive_ns = now_ns
        self._waits_s, self._waited_s = {}, 0.0
        self.ready, self.cpu_s = False, 0.0

    def heard(self, alive_ns: int, ready: bool) -> None:
        """A heartbeat of the present process. alive_ns: when it last moved, or made progress in loading."""
        if ready and not self.ready:
            self.alive_ns = alive_ns
        self._moved(alive_ns)
        self.ready = ready
        self.was_ever_ready |= ready

    def worked(self, cpu_s: float, now_ns: int) -> None:
        """The present process has used this much processor time. While it loads, that counts as progress,
        even if a network compiles for minutes without a heartbeat."""
        if cpu_s - self.cpu_s >= PROGRESS_CPU_S:
            self.cpu_s = cpu_s
            if not self.ready:
                self._moved(now_ns)

    def _moved(self, at_ns: int) -> None:
        if at_ns > self.alive_ns:
            self.alive_ns = at_ns
            self._waits_s, self._waited_s = {}, 0.0

    def is_silent(self, now_ns: int) -> bool:
        """Whether half of the permitted silence is over: from now on `waited` must be called."""
        return now_ns - self.alive_ns > self._permitted_s / 2 * NS_PER_S

    def waited(self, waits_s: Mapping[int, float]) -> None:
        """How long each thread of the present process has waited for a processor in its life, by its number.

        On a machine that is too busy a stage is silent without a fault, and a new process would not get on
        either: waiting is not counted as silence, up to MOST_WAITED.
        """
        if not self._waits_s:
            self._waits_s = dict(waits_s)
        since = (waits_s[n] - self._waits_s[n] for n in waits_s.keys() & self._waits_s.keys())
        self._waited_s = max(since, default=0.0)

    def silent_for_too_long(self, now_ns: int) -> bool:
        """Whether it is past its deadline: it hangs, and must be killed."""
        permitted_s = self._permitted_s + min(self._waited_s, MOST_WAITED * self._permitted_s)
        if now_ns - self.alive_ns > permitted_s * NS_PER_S:
            return True
        return not self.ready and now_ns - self.started_ns > self.stage.start_deadline_s * NS_PER_S

    @property
    def _permitted_s(self) -> float:
        """Silence, while no time is forgiven."""
        return self.stage.deadline_s if self.ready else self.stage.loading_deadline_s

    def forgive(self) -> None:
        """Fills the budget of restarts again."""
        self._restarts_ns.clear()
        self._backoff.failures = 0

    def restart_in_s(self, now_ns: int) -> float | None:
        """The process is gone: seconds to wait before the next one; None where the budget is spent."""
        while self._restarts_ns and now_ns - self._restarts_ns[0] > self.stage.window_s * NS_PER_S:
            self._restarts_ns.popleft()
        if self.stage.restarts is not None and len(self._restarts_ns) >= self.stage.restarts:
            return None
        self._restarts_ns.append(now_ns)
        return self._backoff.failed((now_ns - self.started_ns) / NS_PER_S)
