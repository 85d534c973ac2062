"""The states that the stages report in their statuses (`bus.Status`), for operators, API and metrics.

The defaults are those of a stage that has not reported yet. What comes from another machine is checked when
it is read (`messages.unpack`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from calibration.loop_lag import Lag
from realtime.transport.swap import SwapStatus

Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=1 << 62)]
Ns = Annotated[int, Field(ge=-(1 << 62), le=1 << 62)]
Pixels = Annotated[int, Field(ge=1, le=1 << 16)]


@dataclass(frozen=True)
class PlayoutStatus:
    """state: what is on air, a name of `ladder.State`; "" before the first tick. coming: what a delayed
    programme shows next. reason: why, where the ladder alone does not tell; or "".

    fps: recent ticks a second. latency_ms: recent time from capture to programme; None before the first
    frame. delay_s: how far the programme runs behind. beats: how many the player is behind the fan, from
    camera to board; 0 while the delay follows no beat. beat_error_ms: how much later than those beats, of
    late; None where there is none. tick: the last one. clock_start_ns: when tick 0 was due. on_air_ns,
    on_air_until_ns: when the first tick on air began and the last one ends; None before.
    """

    state: str = ""
    coming: str = ""
    reason: str = ""
    fps: Finite | None = None
    latency_ms: Finite | None = None
    delay_s: Finite = 0.0
    loop_lag: Lag | None = None
    beats: Count = 0
    beat_error_ms: Finite | None = None
    tick: Count = 0
    clock_start_ns: Ns | None = None
    on_air_ns: Ns | None = None
    on_air_until_ns: Ns | None = None


@dataclass(frozen=True)
class TempoStatus:
    """What the music's tempo comes from, unless it is tapped. source: for people. reason: why nothing is
    heard of it, one line; "" while something is. bpm: its tempo, beats a minute; None while none is heard:
    the last one stays in force."""

    source: str = ""
    reason: str = ""
    bpm: Finite | None = None


@dataclass(frozen=True)
class PerformerStatus:
    """fan: how well the fan is known: learning, sound or locked; "" where there is none. confidence: of the
    player's recent pictures (`Confidence`); None while nobody dances. limits: why they are kept off the air.

    camera: what is wrong with it, or "". camera_name: which one is on. camera_gives: size, format and rate of
    its pictures, for people; camera_size: (width, height). backend: network → what runs it.

    fan_2: as `fan`, of a duet's second one. too_slow: that two dancers are too much for this machine, or "".
    """

    fan: str = ""
    confidence: Share | None = None
    limits: str = ""
    camera: str = ""
    camera_name: str = ""
    camera_gives: str = ""
    camera_size: tuple[Pixels, Pixels] | None = None
    player: SwapStatus = field(default_factory=SwapStatus)
    backend: dict[str, str] = field(default_factory=dict)
    fan_2: str = ""
    too_slow: str = ""


OutputState = Literal["off", "connecting", "running", "failed"]
"""off: waiting for the operator's order (a recorder). failed: it will retry by itself."""

Tally = Literal["off", "preview", "programme"]
"""What receivers use the output for: nothing, a preview, the programme on air."""


@dataclass(frozen=True)
class OutputStatus:
    """The state of an output. reason: why it is not running, or what everybody must know while it
    does, one line, or "". where: address, file or device.

    fps: recent pictures a second that went out. sent: pictures that went out. dropped: pictures that did not,
    by cause. receivers: how many watch, by source ("programme", "preview"); empty where that is unknown.
    """

    name: str
    kind: str
    state: OutputState = "connecting"
    reason: str = ""
    where: str = ""
    fps: Finite = 0.0
    sent: Count = 0
    dropped: dict[str, Count] = field(default_factory=dict)
    receivers: dict[str, Count] = field(default_factory=dict)
    tally: Tally = "off"
