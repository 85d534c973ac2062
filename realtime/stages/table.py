"""TABLE of the stages: what each process runs, how long it may be silent, how often it may restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from realtime.transport.bus import Side


@dataclass(frozen=True)
class Stage:
    """One kind of process.

    entry: "module:function" of what runs in it, called with a `StageContext`. start_deadline_s: until it must
    be ready; loading_deadline_s: how long it may make no progress until then. deadline_s: how long it may be
    silent afterwards. restarts within window_s are its budget, None where it is started again for ever.
    first_wait_s, longest_wait_s: the growing wait before that (`Backoff`); a process that ran for window_s
    begins with the first.
    """

    name: str
    entry: str
    start_deadline_s: float
    deadline_s: float
    restarts: int | None
    window_s: float
    first_wait_s: float
    vital: bool
    """Without it there is no show: when its budget is spent, the show ends."""
    side: Side = "playout"
    """Where it runs, in a show on two machines."""
    far: bool = False
    """It runs on the other machine: it is heard, but neither started nor ended from here."""
    loading_deadline_s: float = 60.0
    longest_wait_s: float = 30.0


PERFORMER = Stage(
    "performer", "realtime.performer.performer:run", 900.0, 4.0, 5, 60.0, 0.1, False, "performer"
)
PLAYOUT = Stage(
    "playout", "realtime.programme.playout:run", 120.0, 5.0, 5, 60.0, 0.1, True, loading_deadline_s=120.0
)
RELAY = Stage("link", "realtime.link.relay:run", 60.0, 5.0, 100, 60.0, 0.1, False)
"""Carries orders to the other machine and brings its statuses."""

STAGES: Mapping[str, Stage] = {stage.name: stage for stage in (PERFORMER, PLAYOUT)}
"""Of a show on one machine."""


def stages_at(side: Side) -> Mapping[str, Stage]:
    """Of one machine of a show on two."""
    here = (PERFORMER,) if side == "performer" else (PLAYOUT, RELAY, replace(PERFORMER, far=True))
    return {stage.name: stage for stage in here}
