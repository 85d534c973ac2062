"""TABLE of the stages: what each process runs, how long it may be silent, how often it may restart."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from realtime.config.show import Show
from realtime.transport.bus import Link, Side
from realtime.transport.frame_ring import RingSpec

if TYPE_CHECKING:
    from realtime.nets import Nets

NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Stage:
    """One kind of process.

    entry: "module:function" of what runs in it, called with a `StageContext`. start_deadline_s: until it must
    be ready; loading_deadline_s: how long it may make no progress until then. deadline_s: how long it may be
    silent afterwards. restarts within window_s are its budget; the n-th of them waits backoff_s * 2^(n-1).
    """

    name: str
    entry: str
    start_deadline_s: float
    deadline_s: float
    restarts: int
    window_s: float
    backoff_s: float
    vital: bool
    """Without it there is no show: when its budget is spent, the show ends."""
    side: Side = "playout"
    """Where it runs, in a show on two machines."""
    far: bool = False
    """It runs on the other machine: it is heard, but neither started nor ended from here."""
    loading_deadline_s: float = 60.0


PERFORMER = Stage("performer", "realtime.performer:run", 900.0, 4.0, 5, 60.0, 0.1, False, "performer")
PLAYOUT = Stage("playout", "realtime.playout:run", 120.0, 5.0, 5, 60.0, 0.1, True, loading_deadline_s=120.0)
RELAY = Stage("link", "realtime.relay:run", 60.0, 5.0, 100, 60.0, 0.1, False)
"""Carries orders to the other machine and brings its statuses."""

STAGES: Mapping[str, Stage] = {stage.name: stage for stage in (PERFORMER, PLAYOUT)}
"""Of a show on one machine."""


def stages_at(side: Side) -> Mapping[str, Stage]:
    """Of one machine of a show on two."""
    here = (PERFORMER,) if side == "performer" else (PLAYOUT, RELAY, replace(PERFORMER, far=True))
    return {stage.name: stage for stage in here}


@dataclass(frozen=True)
class Rig:
    """What a show is made of, as each of its processes gets it.

    player_size, programme_size: (width, height), pixels. plates: the players' own backgrounds, in the order
    of `Show.everyone`. frames: the ring of the player's pictures. camera_frames: the ring of the camera's, in
    the programme's size. With a link there is no ring, but they tell the shapes. nets: makes the networks, in
    the performer's process: a function at the top of a module. others: name → pack of the players besides the
    show's own.
    """

    show: Show
    player_name: str
    player_size: tuple[int, int]
    programme_size: tuple[int, int]
    standby: Path
    bus: Path
    frames: RingSpec
    camera_frames: RingSpec
    nets: Callable[[Show], Nets]
    plates: tuple[Path, ...] = ()
    link: Link | None = None
    others: Mapping[str, Path] = field(default_factory=dict)

    def folder_of(self, player: str) -> Path | None:
        """The pack of a player of this show, by name; "" is the show's own. None where there is no such one:
        the other machine has another show file."""
        if player in ("", self.player_name):
            return self.show.player
        return self.others.get(player)

    def standby_of(self, player: str) -> Path:
        """Likewise the standby loop; the own player's where there is no such player."""
        folder = self.others.get(player)
        return self.standby if folder is None else folder / "standby.mp4"


@dataclass(frozen=True)
class OnAir:
    """Where the programme stood when its process was lost: its clock's start, and the last tick heard of."""

    start_ns: int
    last_tick: int


@dataclass(frozen=True)
class StageContext:
    """What the supervisor gives to a stage. attempt: 0 for the first process of a stage, then 1, 2, ..."""

    stage: Stage
    rig: Rig
    attempt: int
    on_air: OnAir | None = None

    @property
    def scratch(self) -> Path:
        """A folder of the stage's own, empty at its start (`realtime.transport.scratch`)."""
        return self.rig.bus / self.stage.name


PROGRESS_CPU_S = 1.0
"""So much more of the processor's time is progress in loading, besides a new step. Who waits for a lock, a
driver or a network needs none, and the heartbeats take less than this in the time that a stage may be
silent."""


@dataclass
class Watchdog:
    """Whether a stage is well, and whether it may be started again. Pure: time is an argument."""

    stage: Stage
    started_ns: int = 0
    alive_ns: int = 0
    ready: bool = False
    was_ever_ready: bool = False
    cpu_s: float = 0.0
    """Of the processor's time, up to which progress was seen."""
    _restarts_ns: deque[int] = field(default_factory=deque)

    def started(self, now_ns: int) -> None:
        """A fresh process was started."""
        self.started_ns = self.alive_ns = now_ns
        self.ready, self.cpu_s = False, 0.0

    def heard(self, alive_ns: int, ready: bool) -> None:
        """A heartbeat of the present process. alive_ns: when it last moved, or made progress in loading."""
        if ready and not self.ready:
            self.alive_ns = alive_ns
        self.alive_ns = max(self.alive_ns, alive_ns)
        self.ready = ready
        self.was_ever_ready |= ready

    def worked(self, cpu_s: float, now_ns: int) -> None:
        """The present process has used so much of the processor's time: while it loads that is progress, even
        where a network is compiled for minutes and no heartbeat comes."""
        if cpu_s - self.cpu_s >= PROGRESS_CPU_S:
            self.cpu_s = cpu_s
            if not self.ready:
                self.alive_ns = max(self.alive_ns, now_ns)

    def silent_for_too_long(self, now_ns: int) -> bool:
        """Past its deadline: it hangs, and must be killed."""
        if self.ready:
            return now_ns - self.alive_ns > self.stage.deadline_s * NS_PER_S
        if now_ns - self.alive_ns > self.stage.loading_deadline_s * NS_PER_S:
            return True
        return now_ns - self.started_ns > self.stage.start_deadline_s * NS_PER_S

    def forgive(self) -> None:
        """The budget of restarts is whole again."""
        self._restarts_ns.clear()

    def restart_in_s(self, now_ns: int) -> float | None:
        """The process is gone: how long to wait before the next one; None where the budget is spent."""
        while self._restarts_ns and now_ns - self._restarts_ns[0] > self.stage.window_s * NS_PER_S:
            self._restarts_ns.popleft()
        if len(self._restarts_ns) >= self.stage.restarts:
            return None
        self._restarts_ns.append(now_ns)
        return self.stage.backoff_s * 2.0 ** (len(self._restarts_ns) - 1)
