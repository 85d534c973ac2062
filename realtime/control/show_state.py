"""What clients are told of a show: facts that change now and then, and figures that always do. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from engines.pack.rights import Rights
from realtime.config.inputs import INPUTS
from realtime.control.alarms import OUTPUT_FAILED, PLAYER_FAILED
from realtime.control.hints import Hint, alarm_beside, alarm_in, hint
from realtime.transport.orders import Orders
from realtime.transport.statuses import OutputStatus, PerformerStatus, PlayoutStatus, TempoStatus
from realtime.transport.swap import SwapState
from realtime.transport.telemetry import DROPS, TIMES, Totals, percentile_ms

STARTING = "STARTING"
"""The state until the playout has named one of its own."""

NOBODY = "nobody is followed in the camera's picture"
"""The reason where the camera gives pictures, and nobody dances."""

OUTPUTS = "outputs"
"""Where frames count as dropped that an output did not send."""


@dataclass(frozen=True)
class StageState:
    """ready: it does its work. doing: what it loads until then, for how long (doing_s), in which of how many
    parts; 0 where it does not say. given_up: it was lost too often, and is not started again by itself."""

    ready: bool = False
    doing: str = ""
    doing_s: float = 0.0
    part: int = 0
    parts: int = 0
    given_up: bool = False


@dataclass(frozen=True)
class ShowStatus:
    """What the stages of a show have said of themselves. outputs: in the show file's order."""

    stages: Mapping[str, StageState] = field(default_factory=dict)
    playout: PlayoutStatus = field(default_factory=PlayoutStatus)
    performer: PerformerStatus = field(default_factory=PerformerStatus)
    outputs: Sequence[OutputStatus] = ()
    tempo: TempoStatus = field(default_factory=TempoStatus)

    def is_ready(self, stage: str) -> bool:
        return stage in self.stages and self.stages[stage].ready

    @property
    def keeps_camera(self) -> Sequence[OutputStatus]:
        """The recorder of inputs, while it keeps the camera's pictures."""
        return [
            output
            for output in self.outputs
            if output.kind == INPUTS and output.state == "running" and output.reason
        ]

    @property
    def viewers(self) -> int:
        return sum(sum(output.receivers.values()) for output in self.outputs)


class StageFacts(TypedDict):
    ready: bool
    restarts: int
    doing: str


class OutputFacts(TypedDict):
    """See `OutputStatus`."""

    name: str
    kind: str
    state: str
    reason: str
    receivers: dict[str, int]
    tally: str


class RightsFacts(TypedDict):
    """Until when a player may be shown: the last day, and how many days are left; negative after it."""

    until: str
    days_left: int


class PreparingFigures(TypedDict):
    """What a stage loads: see `StageState`."""

    doing: str
    doing_s: float
    part: int
    parts: int


class TempoFacts(TypedDict):
    """See `TempoStatus`; all "" and None where the tempo is tapped."""

    source: str
    reason: str
    bpm: float | None


class ShowFacts(TypedDict, total=False):
    """What clients are told of a show whenever it changes, as the API has it. Empty before the first report.

    on_air: whether the live player, or a still of the player, is in the programme. coming: the state that a
    delayed programme shows next. camera: what is wrong with it, "" where nothing is. camera_name: which one
    is on; camera_gives: size, format and rate of its pictures. player: who was asked for; dances: who dances
    until that one is loaded, or `player_failed`; "" where nobody does yet. fan: how well the fan is known:
    learning, sound or locked; "" where there is none. second: a duet's second player, "" without one; fan_2:
    that one's fan. too_slow: that two dancers are too much for this machine, or "". beats: how many the
    player is behind the fan; 0 while the delay follows no beat. rights: of players whose agreement ends soon
    or has ended. hints: what is wrong now, what it means, and what to press.
    """

    state: str
    reason: str
    on_air: bool
    coming: str
    delay_s: float
    beats: int
    tempo: TempoFacts
    player: str
    dances: str
    player_failed: bool
    second: str
    background: str
    dancer_rule: str
    choices: dict[str, list[str]]
    fan: str
    fan_2: str
    too_slow: str
    camera: str
    camera_name: str
    camera_gives: str
    camera_size: tuple[int, int] | None
    stages: dict[str, StageFacts]
    outputs: list[OutputFacts]
    rights: dict[str, RightsFacts]
    hints: list[Hint]


class OutputFigures(TypedDict):
    """See `OutputStatus`."""

    name: str
    fps: float
    sent: int
    dropped: dict[str, int]


class LagFigures(TypedDict):
    """See `calibration.loop_lag.Lag`. fan_to_board_ms: from a fan's movement to the board's, which this and
    the latency add up to; None before the first frame."""

    median_ms: float
    within_ms: float
    readings: int
    fan_to_board_ms: float | None


class ShowFigures(TypedDict, total=False):
    """The newest figures, as the API has them. Empty before the first.

    loop_lag: None where it was not measured. stages_ms: the median of each of TIMES of late, None where
    nothing came. dropped: since the show began, by stage and cause. confidence: of the player's pictures of
    late, 0 to 1; None while nobody dances. beat_error_ms: how much later than whole beats the player is, of
    late; None while the delay follows no beat. preparing: stages that load.
    """

    fps: float | None
    latency_ms: float | None
    loop_lag: LagFigures | None
    missed: int
    viewers: int
    confidence: float | None
    beat_error_ms: float | None
    stages_ms: dict[str, float | None]
    outputs: list[OutputFigures]
    dropped: dict[str, dict[str, int]]
    preparing: dict[str, PreparingFigures]


def show_facts(
    choices: Mapping[str, Mapping[str, str]],
    orders: Orders,
    status: ShowStatus,
    restarts: Mapping[str, int],
) -> ShowFacts:
    """What does not change from frame to frame. choices: see `Desk`. restarts: by stage."""
    playout, performer = status.playout, status.performer
    state = playout.state or STARTING if status.is_ready("playout") else STARTING
    return {
        "state": state,
        "reason": playout.reason or reason(state, orders, status),
        "on_air": state in ("LIVE", "HOLD", "FREEZE"),
        "coming": playout.coming or state,
        "delay_s": playout.delay_s,
        "beats": playout.beats,
        "tempo": {
            "source": status.tempo.source,
            "reason": status.tempo.reason,
            "bpm": status.tempo.bpm,
        },
        "player": _named(choices, "player", orders.player),
        "dances": performer.player.name,
        "player_failed": performer.player.state is SwapState.FAILED,
        "background": _named(choices, "background", orders.background),
        "dancer_rule": orders.dancer_rule,
        "choices": {name: list(names) for name, names in choices.items()},
        "fan": performer.fan,
        "fan_2": performer.fan_2,
        "too_slow": performer.too_slow,
        "camera": performer.camera,
        "camera_name": performer.camera_name,
        "camera_gives": performer.camera_gives,
        "camera_size": performer.camera_size,
        "stages": {
            name: {"ready": stage.ready, "restarts": restarts.get(name, 0), "doing": stage.doing}
            for name, stage in status.stages.items()
        },
        "outputs": [
            {
                "name": output.name,
                "kind": output.kind,
                "state": output.state,
                "reason": output.reason,
                "receivers": output.receivers,
                "tally": output.tally,
            }
            for output in status.outputs
        ],
    }


def hints_now(facts: ShowFacts, keys: Mapping[str, str]) -> list[Hint]:
    """What is wrong now. keys: action → key, "" where it has none. A HOLD is over before a hint is read."""
    alarms = [alarm_beside(facts["reason"])] if facts["state"] != "HOLD" else []
    if facts["player_failed"]:
        alarms.append(PLAYER_FAILED)
    if any(output["state"] == "failed" for output in facts["outputs"]):
        alarms.append(OUTPUT_FAILED)
    if facts["too_slow"] and not facts["on_air"]:  # it is for before the show
        alarms.append(alarm_in(facts["too_slow"]))
    return [hint(alarm, keys) for alarm in alarms if alarm is not None]


def rights_near(rights: Mapping[str, Rights], today: date) -> dict[str, RightsFacts]:
    """Of the players whose agreement on the likeness ends soon or has ended: the last day, and days left."""
    return {
        name: {"until": each.until.isoformat(), "days_left": each.days_left(today)}
        for name, each in rights.items()
        if each.is_near(today)
    }


def _named(choices: Mapping[str, Mapping[str, str]], action: str, value: str) -> str:
    """The name that the operator chose, of what stands in the orders."""
    return next((name for name, chosen in choices.get(action, {}).items() if chosen == value), value)


def _trouble(status: ShowStatus) -> str:
    """Why the performer brings nothing that can be shown, by its own word; "" where it has not said."""
    stage, performer = status.stages.get("performer", StageState()), status.performer
    if stage.given_up:
        return "the performer is given up"
    if stage.ready:
        is_there = performer.fan or performer.fan_2
        nobody = NOBODY if performer.camera_size is not None and not is_there else ""
        return performer.camera or performer.limits or nobody
    return f"the performer is {stage.doing}" if stage.doing else ""


def reason(state: str, orders: Orders, status: ShowStatus) -> str:
    """Why the programme shows what it shows, one short sentence."""
    trouble = _trouble(status)
    if state == STARTING:
        return "the programme is starting"
    if state == "SLATE":
        return "ordered" if orders.slate else "there is nothing to fall back on"
    if state == "FREEZE":
        return "ordered"
    if state == "LIVE":
        return "frames come steadily"
    if state == "HOLD":
        return trouble or "no new frame comes"
    if not orders.taken:
        return "waits for TAKE"
    if trouble:
        return trouble
    return "no frames come steadily" if status.is_ready("performer") else "the performer is not ready"


def status_line(orders: Orders, status: ShowStatus, totals: Totals) -> str:
    """The show in one line, for the operator's terminal."""
    playout = status.playout
    if not playout.state or playout.fps is None:
        return "starting ..."
    switches = ("armed", "frozen", "mirror", "skeleton", "recording")
    parts = [
        f"{playout.state:<8}",
        *("CAMERA IS KEPT" for _ in status.keeps_camera),
        f"{playout.fps:5.1f} fps",
        "latency   -" if playout.latency_ms is None else f"latency {playout.latency_ms:3.0f} ms",
        f"dropped {sum(totals.dropped().values())}",
        f"missed {totals.counts['programme.missed']}",
        f"viewers {status.viewers}",
        *(name for name in switches if getattr(orders, name)),
        *(
            f"{name} prepares: part {stage.part} of {stage.parts}, {stage.doing_s:.0f} s"
            for name, stage in status.stages.items()
            if stage.parts and stage.doing
        ),
    ]
    return "  ".join(parts)


class Figures:
    """Makes the figures of late."""

    def __init__(self) -> None:
        self._before: dict[str, NDArray[np.int64]] = {}

    def take(self, totals: Totals, status: ShowStatus) -> ShowFigures:
        """What has come since the last call, and the drops since the show began."""
        stages_ms: dict[str, float | None] = {}
        for name in TIMES:
            histogram = totals.histograms().get(name)
            if histogram is None:
                continue
            recent = histogram - self._before.get(name, 0)
            self._before[name] = histogram.copy()
            stages_ms[name] = percentile_ms(recent, 50) if recent.any() else None
        latency_ms, beat_error_ms = status.playout.latency_ms, status.playout.beat_error_ms
        return {
            "fps": status.playout.fps,
            "latency_ms": None if latency_ms is None else round(latency_ms, 1),
            "loop_lag": _lag_figures(status.playout),
            "missed": totals.counts["programme.missed"],
            "viewers": status.viewers,
            "confidence": status.performer.confidence,
            "beat_error_ms": None if beat_error_ms is None else round(beat_error_ms, 1),
            "stages_ms": stages_ms,
            "outputs": [
                {"name": output.name, "fps": output.fps, "sent": output.sent, "dropped": output.dropped}
                for output in status.outputs
            ],
            "dropped": dropped_by_stage(totals, {output.name: output.dropped for output in status.outputs}),
            "preparing": {
                name: {
                    "doing": stage.doing,
                    "doing_s": round(stage.doing_s, 1),
                    "part": stage.part,
                    "parts": stage.parts,
                }
                for name, stage in status.stages.items()
                if stage.doing
            },
        }


def _lag_figures(playout: PlayoutStatus) -> LagFigures | None:
    lag, latency_ms = playout.loop_lag, playout.latency_ms
    if lag is None:
        return None
    return {
        "median_ms": round(lag.median_ms, 1),
        "within_ms": round(lag.within_ms, 1),
        "readings": lag.readings,
        "fan_to_board_ms": None if latency_ms is None else round(latency_ms + lag.median_ms, 1),
    }


def dropped_by_stage(totals: Totals, outputs: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Frames that were not shown: stage → cause → how many. Every stage is there, if only with {}.

    outputs: name → cause → how many.
    """
    dropped: dict[str, dict[str, int]] = {stage: {} for stage in (*dict.fromkeys(DROPS.values()), OUTPUTS)}
    for cause, n in totals.dropped().items():
        dropped[DROPS.get(cause, "programme")][cause] = n
    for name, causes in outputs.items():
        for cause, n in causes.items():
            dropped[OUTPUTS][f"{name}: {cause}"] = n
    return dropped
