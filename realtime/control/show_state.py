"""What clients are told of a show: facts that change now and then, and figures that always do. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.transport.orders import Orders
from realtime.transport.telemetry import DROPS, TIMES, Totals, percentile_ms

Info = Mapping[str, Any]
"""What a stage says of itself (`bus.Status.info`)."""

STARTING = "STARTING"
"""The state until the playout has named one of its own."""

OUTPUTS = "outputs"
"""Where frames count as dropped that an output did not send."""


def show_facts(
    choices: Mapping[str, Mapping[str, str]],
    orders: Orders,
    infos: Mapping[str, Info],
    ready: Mapping[str, bool],
    restarts: Mapping[str, int],
) -> dict[str, Any]:
    """What does not change from frame to frame. infos, ready: by stage.

    choices: see `Desk`. `on_air` is whether the live player, or a still of him, is in the programme; `coming`
    is the state that a delayed programme shows next. `camera` is what is wrong with it, "" where nothing is;
    `doing` is what a stage loads that is not ready. `player` is who was asked for; `dances` is who dances
    until he is loaded, or `player_failed`; "" where nobody does yet. `fan` is how well the fan is known:
    learning, sound or locked; "" where there is none.
    """
    playout = infos.get("playout", {})
    performer = infos.get("performer", {})
    swap = performer.get("player")
    if not isinstance(swap, Mapping):  # it may come from another machine
        swap = {}
    state = str(playout.get("state", STARTING)) if ready.get("playout") else STARTING
    return {
        "state": state,
        "reason": playout.get("reason")
        or reason(
            state,
            orders,
            performer_ready=ready.get("performer", False),
            trouble=_trouble(performer, ready=ready.get("performer", False)),
        ),
        "on_air": state in ("LIVE", "HOLD", "FREEZE"),
        "coming": playout.get("coming", state),
        "delay_s": playout.get("delay_s", 0.0),
        "player": _named(choices, "player", orders.player),
        "dances": swap.get("name", ""),
        "player_failed": swap.get("state") == "failed",
        "background": _named(choices, "background", orders.background),
        "dancer_rule": orders.dancer_rule,
        "choices": {name: list(names) for name, names in choices.items()},
        "fan": performer.get("fan", ""),
        "camera": performer.get("camera", ""),
        "camera_size": performer.get("camera_size"),
        "stages": {
            name: {
                "ready": ready.get(name, False),
                "restarts": restarts.get(name, 0),
                "doing": info.get("doing", ""),
            }
            for name, info in infos.items()
        },
        "outputs": [
            {key: output.get(key) for key in ("name", "kind", "state", "reason", "tally", "receivers")}
            for output in playout.get("outputs", ())
        ],
    }


def _named(choices: Mapping[str, Mapping[str, str]], action: str, value: str) -> str:
    """The name that the operator chose, of what stands in the orders."""
    return next((name for name, chosen in choices.get(action, {}).items() if chosen == value), value)


def _trouble(performer: Info, *, ready: bool) -> str:
    """Why the performer brings nothing that can be shown, by its own word; "" where it has not said."""
    if ready:
        return str(performer.get("camera") or performer.get("limits", ""))
    doing = performer.get("doing", "")
    return f"the performer is {doing}" if doing else ""


def reason(state: str, orders: Orders, *, performer_ready: bool, trouble: str = "") -> str:
    """Why the programme shows what it shows, one short sentence. trouble: see `_trouble`."""
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
    return trouble or ("no frames come steadily" if performer_ready else "the performer is not ready")


def status_line(orders: Orders, playout: Info, totals: Totals) -> str:
    """The show in one line, for the operator's terminal."""
    if "state" not in playout:
        return "starting ..."
    latency_ms = playout["latency_ms"]
    switches = ("armed", "frozen", "mirror", "skeleton", "recording")
    parts = [
        f"{playout['state']:<8}",
        f"{playout['fps']:5.1f} fps",
        "latency   -" if latency_ms is None else f"latency {latency_ms:3.0f} ms",
        f"dropped {sum(totals.dropped().values())}",
        f"missed {totals.counts['programme.missed']}",
        f"viewers {playout['viewers']}",
        *(name for name in switches if getattr(orders, name)),
    ]
    return "  ".join(parts)


class Figures:
    """Figures of late: what has come since the last call."""

    def __init__(self) -> None:
        self._before: dict[str, NDArray[np.int64]] = {}

    def take(self, totals: Totals, playout: Info, performer: Info) -> dict[str, Any]:
        """stages_ms: the median of each of TIMES of late, None where nothing came. dropped: since the show
        began, by stage and cause. confidence: of the player's pictures of late, 0..1 (`Confidence`); None
        while nobody dances."""
        stages_ms: dict[str, float | None] = {}
        for name in TIMES:
            histogram = totals.histograms().get(name)
            if histogram is None:
                continue
            recent = histogram - self._before.get(name, 0)
            self._before[name] = histogram.copy()
            stages_ms[name] = percentile_ms(recent, 50) if recent.any() else None
        latency_ms = playout.get("latency_ms")
        return {
            "fps": playout.get("fps"),
            "latency_ms": None if latency_ms is None else round(latency_ms, 1),
            "missed": totals.counts["programme.missed"],
            "viewers": playout.get("viewers", 0),
            "confidence": _share(performer.get("confidence")),
            "stages_ms": stages_ms,
            "outputs": [
                {key: output.get(key) for key in ("name", "fps", "sent", "dropped")}
                for output in playout.get("outputs", ())
            ],
            "dropped": dropped_by_stage(totals, playout.get("outputs", ())),
        }


def _share(value: object) -> float | None:
    """A number from 0 to 1; None for anything else: it may come from another machine."""
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None


def dropped_by_stage(totals: Totals, outputs: Sequence[Info]) -> dict[str, dict[str, int]]:
    """Frames that were not shown: stage → cause → how many. Every stage is there, if only with {}."""
    dropped: dict[str, dict[str, int]] = {stage: {} for stage in (*dict.fromkeys(DROPS.values()), OUTPUTS)}
    for cause, n in totals.dropped().items():
        dropped[DROPS.get(cause, "programme")][cause] = n
    for output in outputs:
        for cause, n in output.get("dropped", {}).items():
            dropped[OUTPUTS][f"{output['name']}: {cause}"] = n
    return dropped
