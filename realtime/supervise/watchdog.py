"""Judges whether a stage is well, and whether it may be restarted. Pure: time is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from engines.time_units import NS_PER_S
from realtime.stages.table import Stage
from realtime.transport.backoff import Backoff

PROGRESS_CPU_S = 1.0
"""A loading stage makes progress when it begins a new step, or uses this much more processor time. Waiting
for a lock, a driver or a network uses none, and heartbeats use less than this within the permitted
silence."""


@dataclass
class Watchdog:
    """The watchdog of one stage, over all its processes. Its `StageProcess` calls it."""

    stage: Stage
    started_ns: int = 0
    alive_ns: int = 0
    ready: bool = False
    busy: bool = False
    was_ever_ready: bool = False
    cpu_s: float = 0.0
    """The processor time at the last sign of progress."""
    _restarts_ns: deque[int] = field(default_factory=deque)
    _backoff: Backoff = field(init=False)

    def __post_init__(self) -> None:
        self._backoff = Backoff(
            self.stage.first_wait_s, self.stage.longest_wait_s, steady_s=self.stage.window_s
        )

    def started(self, now_ns: int) -> None:
        """A new process was started."""
        self.started_ns = self.alive_ns = now_ns
        self.ready, self.busy, self.cpu_s = False, False, 0.0

    def heard(self, alive_ns: int, ready: bool, *, busy: bool = False) -> None:
        """A heartbeat of the present process.

        alive_ns: when it last moved, or made progress in loading. busy: it is ready, and loads something
        beside its work.
        """
        if ready and not self.ready:
            self.alive_ns = alive_ns
        self.alive_ns = max(self.alive_ns, alive_ns)
        self.ready, self.busy = ready, busy
        self.was_ever_ready |= ready

    def worked(self, cpu_s: float, now_ns: int) -> None:
        """The present process has used this much processor time. While it loads, that counts as progress,
        even if a network compiles for minutes without a heartbeat."""
        if cpu_s - self.cpu_s >= PROGRESS_CPU_S:
            self.cpu_s = cpu_s
            if not self.ready:
                self.alive_ns = max(self.alive_ns, now_ns)

    def silent_for_too_long(self, now_ns: int) -> bool:
        """Whether it is past its deadline: it hangs, and must be killed."""
        if self.ready:
            stage = self.stage
            deadline_s = (self.busy and stage.busy_deadline_s) or stage.deadline_s
            return now_ns - self.alive_ns > deadline_s * NS_PER_S
        if now_ns - self.alive_ns > self.stage.loading_deadline_s * NS_PER_S:
            return True
        return now_ns - self.started_ns > self.stage.start_deadline_s * NS_PER_S

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
