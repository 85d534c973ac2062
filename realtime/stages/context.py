"""What the supervisor hands to the process of each stage: the show, and all that belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realtime.config.show import Show
from realtime.stages.table import Stage
from realtime.transport.bus import Link
from realtime.transport.frame_ring import RingSpec
from realtime.transport.orders import Orders
from realtime.transport.programme_ring import Part


@dataclass(frozen=True)
class Rig:
    """The parts of a show, as each of its processes gets them.

    player_size, programme_size: (width, height), pixels. plates: the players' own backgrounds, in the order
    of `Show.everyone`. frames: the ring of the player's pictures. camera_frames: the ring of the camera's
    pictures, in the programme's size. On two machines frames do not use rings, and these two only tell the
    shapes. nets: makes the networks (`performer.networks.Nets`) in the performer's process; a function at the
    top of a module. others: name → pack of the other players. programme: the ring of each part of the
    programme that an output may want. inputs: the ring of the camera's pictures that are recorded; None where
    none are.
    """

    show: Show
    player_name: str
    player_size: tuple[int, int]
    programme_size: tuple[int, int]
    standby: Path
    bus: Path
    frames: RingSpec
    camera_frames: RingSpec
    nets: Callable[[Show], Any]
    plates: tuple[Path, ...] = ()
    link: Link | None = None
    others: Mapping[str, Path] = field(default_factory=dict)
    programme: Mapping[Part, RingSpec] = field(default_factory=dict)
    inputs: RingSpec | None = None
    token: str = field(default="", repr=False)
    """The token that the console and the API ask for."""

    @property
    def whep(self) -> Path:
        """The socket on which the output "webrtc" answers WHEP, for the control server."""
        return self.bus / "whep"

    @property
    def rings(self) -> tuple[RingSpec, ...]:
        """All shared memory of the show on this machine."""
        specs = (self.frames, self.camera_frames, *self.programme.values(), self.inputs)
        return tuple(spec for spec in specs if spec is not None and spec.name)

    def folder_of(self, player: str) -> Path | None:
        """The pack of a player of this show, by name; "" is the show's own player. None where the name is
        unknown, because the other machine has another show file."""
        if player in ("", self.player_name):
            return self.show.player
        return self.others.get(player)

    def standby_of(self, player: str) -> Path:
        """A player's standby loop, by name; the show's own player's where the name is unknown."""
        folder = self.others.get(player)
        return self.standby if folder is None else folder / "standby.mp4"


@dataclass(frozen=True)
class OnAir:
    """The state of the programme when its process was lost: the start of its clock, the last tick reported,
    and what the operator wants now."""

    start_ns: int
    last_tick: int
    orders: Orders


@dataclass(frozen=True)
class StageContext:
    """What the supervisor hands to one process. attempt: 0 for a stage's first process, then 1, 2, ..."""

    stage: Stage
    rig: Rig
    attempt: int
    on_air: OnAir | None = None
