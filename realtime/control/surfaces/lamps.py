"""Which actions are on: what the buttons of a control surface show. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from realtime.control.actions import ACTIONS, LAYER_KEYS
from realtime.control.arguments import Arguments

CHOSEN = {"player": "player", "background": "background", "dancer-rule": "dancer_rule"}
"""Actions that choose a name, and the fact of the show (`ShowFacts`) that is the chosen one."""


def lamps(orders: Mapping[str, Any]) -> dict[str, bool]:
    """Action → whether it is on, of those that can be. orders: as in `Desk.state`."""
    lit = {name: bool(orders[action.lamp]) for name, action in ACTIONS.items() if action.lamp}
    for n, on in enumerate(list(orders["layers"].values())[:LAYER_KEYS], 1):
        lit[f"layer-{n}"] = bool(on)
    return lit


def is_lit(name: str, fixed: Arguments, state: Mapping[str, Any]) -> bool:
    """Whether the button of an action with these arguments is lit. state: as in `Desk.state`."""
    if name == "layer":
        return bool(state["orders"]["layers"].get(fixed.get("name")))
    if name in CHOSEN:
        return "name" in fixed and state["show"].get(CHOSEN[name]) == fixed["name"]
    return lamps(state["orders"]).get(name, False)
