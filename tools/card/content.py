"""What is on the card, as data: from the tables of actions and alarms, and a show's keys. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from realtime.control.action import Risk
from realtime.control.actions import ACTIONS, LAYER_KEYS
from realtime.control.alarms import ALARMS, STATES, StateMeaning
from realtime.control.hints import with_keys
from realtime.control.keys import CONFIRM_KEY

PANIC = "slate"

GROUPS: Mapping[str, tuple[str, ...]] = {
    "On air": ("arm", "take", "cut", "fade-length", "delay"),
    "Over it": ("fan-name", "layer", *(f"layer-{n}" for n in range(1, LAYER_KEYS + 1))),
    "Off air": ("fallback", "freeze", "dump"),
    "The picture": ("player", "background", "skeleton"),
    "In time": ("tap", "beat", "tempo"),
    "Who dances": ("camera-preview", "pick", "unpick", "camera", "dancer-rule", "dancer-mark"),
    "The fan's moves": ("redo", "lock", "mirror"),
    "A duet": ("pick-2", "unpick-2"),
    "The board, measured": ("measure", "flash", "chart"),
    "The show": ("record", "restart", "help", "quit"),
}
"""TABLE of what an operator wants to do → the actions for it. The panic key has a place of its own; an action
that is not here comes under MORE."""

MORE = "More"


@dataclass(frozen=True)
class Row:
    """An action. key: "" where it has none. held: when it must be confirmed, "" if never."""

    name: str
    key: str
    help: str
    held: str


@dataclass(frozen=True)
class Card:
    """states: with actions and keys written out. alarms: (name, what to press)."""

    title: str
    panic: Row
    groups: Mapping[str, Sequence[Row]]
    states: Sequence[StateMeaning]
    alarms: Sequence[tuple[str, str]]
    notes: Sequence[str]


HELD = {Risk.NONE: "", Risk.ON_AIR: "hold on air", Risk.ALWAYS: "hold"}


def _row(name: str, keys: Mapping[str, str], layers: Sequence[str]) -> Row:
    action = ACTIONS[name]
    text = action.help
    if name.startswith("layer-"):
        n = int(name.removeprefix("layer-"))
        text = layers[n - 1] if n <= len(layers) else "on, and off again"
    return Row(name, keys[name], text, HELD[action.risk])


def card_of(keys: Mapping[str, str], layers: Sequence[str] = (), title: str = "") -> Card:
    """keys: action → key, "" where it has none (`Keymap.of`). layers: names of those that can be switched.
    title: of the show, or ""."""
    placed = {PANIC, *(name for names in GROUPS.values() for name in names)}
    others = tuple(name for name in ACTIONS if name not in placed)
    table = {**GROUPS, MORE: others} if others else GROUPS
    groups = {heading: [_row(name, keys, layers) for name in names] for heading, names in table.items()}
    states = [
        StateMeaning(state.name, state.colour, with_keys(state.means, keys), with_keys(state.do, keys))
        for state in STATES.values()
    ]
    alarms = [(row.name, with_keys(row.press, keys)) for row in ALARMS if row.on_card]
    notes = [
        "hold: hold the key or button in the console until the bar is full; in the terminal press it, then "
        f"{CONFIRM_KEY}. After arm only restart and quit must be held. on air: only while the player is. "
        "–: in the console. By HTTP: POST /api/actions/NAME with the token. By OSC: /dancecam/NAME. NAME is "
        "what is printed bold beside a key."
    ]
    return Card(title, _row(PANIC, keys, ()), groups, states, alarms, notes)
