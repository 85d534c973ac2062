"""Makes a page of buttons for Bitfocus Companion (Stream Deck) from the table of actions.

The page is an export of Companion 4.0 (format 8), which later versions import too: a connection of the module
"Generic: OSC", and a button for each action, lit while the action is on. The format is that of Companion's
types: https://github.com/bitfocus/companion, shared-lib/lib/Model (ExportModel, ButtonModel, EntityModel).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import run_live
from realtime.config.control import Control
from realtime.config.hosts import parsed
from realtime.config.show import Show
from realtime.config.surfaces import OSC_ROOT, OscFeedback
from realtime.control.action import Action, Risk
from realtime.control.actions import ACTIONS, LAYER_KEYS
from realtime.control.flags import parse
from realtime.control.surfaces.lamps import CHOSEN
from realtime.supervise.operators import choices_of, lacking_of

EXAMPLES = """\
examples:
  python -m tools.companion show.toml --out dancecam.companionconfig
        with a button for each of the show's players, layers and backgrounds
  python -m tools.companion --out dancecam.companionconfig
        for any show that hears OSC on port 9000 and feeds back to port 9001
  python -m tools.companion show.toml --host 10.0.0.5 --out dancecam.companionconfig
        for Companion on another machine than the show's, 10.0.0.5

In Companion: Import / Export, Import, this file, the page, and a new connection.
"""

FORMAT = 8
"""Companion 4.0's. It does not import newer ones; later versions import this one."""

CONNECTION = "dancecam"
"""The connection's identifier, which Companion replaces by one of its own, and its label."""

MODULE = "generic-osc"
COLUMNS, ROWS = 8, 4
"""The usual page; there are more rows where there are more buttons."""

HOLD_MS = 600
"""How long a risky button is held, as in the console."""

USUAL = Control(osc_port=9000, osc_feedback=OscFeedback(port=9001))
"""Without a show file."""

SECONDS = (0.0, 0.5, 1.0, 2.0)
"""What the buttons of actions that take a number of seconds give."""

WHITE, GREY, DARK_RED, RED, GREEN = 0xFFFFFF, 0x303030, 0x5A0A0A, 0xDD0000, 0x007A33


@dataclass(frozen=True)
class Button:
    """sends: the arguments of the action. lit_by: an address of the feedback, and its value then."""

    text: str
    action: Action | None = None
    sends: tuple[str | float, ...] = ()
    lit_by: tuple[str, str | float] | None = None
    colours: Mapping[str, int] = field(default_factory=lambda: {"color": WHITE, "bgcolor": GREY})


def buttons(
    choices: Mapping[str, Mapping[str, str]], lacking: Mapping[str, str], layers: list[str]
) -> list[Button]:
    """A button for each action, and for each choice where it has some. choices, lacking: see `Desk`. layers:
    those that can be switched."""
    found = [Button("ON AIR", lit_by=("on-air", 1.0))]
    for name, action in ACTIONS.items():
        if name not in lacking and name not in ("help", "layer"):
            found += _of(action, choices.get(name, {}), layers)
    return found


def _of(action: Action, choices: Mapping[str, str], layers: list[str]) -> Iterator[Button]:
    name, title = action.name, action.name.upper().replace("-", "\\n")
    colours = {"color": WHITE, "bgcolor": GREY if action.risk is Risk.NONE else DARK_RED}
    numbered = name.removeprefix("layer-")
    if numbered.isdigit() and int(numbered) <= len(layers):
        title = layers[int(numbered) - 1]
    first = action.forms[0]
    if () in action.forms:
        is_lit = action.lamp or name.startswith("layer-")
        title += "" if first == () else "\\nnone"  # it is given a name elsewhere
        yield Button(title, action, (), (f"{name}/on", 1.0) if is_lit else None, colours)
    elif name in CHOSEN:
        for choice in choices:
            yield Button(f"{title}\\n{choice}", action, (choice,), (name, choice), colours)
    elif len(first) == 1 and first[0].unit == "s":
        for seconds in SECONDS:
            yield Button(f"{title}\\n{seconds:g} s", action, (seconds,), (name, seconds), colours)


def page(found: list[Button], control: Control, host: str) -> dict[str, Any]:
    """The export. control: of the show, with OSC. host: the show's machine, as Companion sees it."""
    feedback = control.osc_feedback
    controls: dict[str, dict[str, Any]] = {}
    for n, button in enumerate(found):
        row, column = divmod(n, COLUMNS)
        identity = f"{CONNECTION}-{row}-{column}"
        controls.setdefault(str(row), {})[str(column)] = _control(button, identity, feedback)
    return {
        "version": FORMAT,
        "type": "page",
        "oldPageNumber": 1,
        "page": {
            "name": "Dancecam",
            "controls": controls,
            "gridSize": {
                "minColumn": 0,
                "maxColumn": COLUMNS - 1,
                "minRow": 0,
                "maxRow": max(ROWS, len(controls)) - 1,
            },
        },
        "instances": {
            CONNECTION: {
                "label": CONNECTION,
                "instance_type": MODULE,
                "enabled": True,
                "isFirstInit": False,
                "lastUpgradeIndex": -1,
                "sortOrder": 0,
                "config": {
                    "host": host,
                    "targetPort": str(control.osc_port),
                    "protocol": "udp",
                    "listen": feedback is not None,
                    "feedbackPort": "" if feedback is None else str(feedback.port),
                },
            }
        },
    }


def _control(button: Button, identity: str, feedback: OscFeedback | None) -> dict[str, Any]:
    """A risky button does nothing when it is pressed, and its action, confirmed, once it was held."""
    is_held = button.action is not None and button.action.risk is not Risk.NONE
    done = [] if button.action is None else [_action(button, f"{identity}-action", confirmed=is_held)]
    lit = button.lit_by is not None and feedback is not None
    sets: dict[str, Any] = {"down": [], "up": []} | {str(HOLD_MS) if is_held else "down": done}
    return {
        "type": "button",
        "style": {
            "text": f"{button.text}\\n(hold)" if is_held else button.text,
            "textExpression": False,
            "size": "auto",
            "png64": None,
            "alignment": "center:center",
            "pngalignment": "center:center",
            "show_topbar": "default",
            **button.colours,
        },
        "options": {"rotaryActions": False, "stepAutoProgress": True},
        "feedbacks": [_feedback(button, f"{identity}-feedback")] if lit else [],
        "localVariables": [],
        "steps": {
            "0": {
                "action_sets": sets,
                "options": {"runWhileHeld": [HOLD_MS] if is_held else []},
            }
        },
    }


def _action(button: Button, identity: str, *, confirmed: bool) -> dict[str, Any]:
    """One of the module's actions, by how many arguments there are."""
    assert button.action is not None  # noqa: S101  # who calls has looked
    values = (*button.sends, "confirm") if confirmed else button.sends
    options: dict[str, Any] = {"path": f"{OSC_ROOT}/{button.action.name}"}
    if not values:
        kind = "send_blank"
    elif len(values) > 1:
        kind, options["arguments"] = "send_multiple", " ".join(map(_written, values))
    elif isinstance(values[0], str):
        kind, options["string"] = "send_string", values[0]
    else:
        kind, options["float"] = "send_float", str(values[0])
    return _entity("action", identity, kind, options)


def _written(value: str | float) -> str:
    """A value in the module's list of arguments: a number with a point is a float."""
    return f'"{value}"' if isinstance(value, str) else str(float(value))


def _feedback(button: Button, identity: str) -> dict[str, Any]:
    assert button.lit_by is not None  # noqa: S101  # who calls has looked
    address, value = button.lit_by
    kind = "osc_feedback_string" if isinstance(value, str) else "osc_feedback_float"
    options = {"path": f"{OSC_ROOT}/{address}", "arguments": str(value), "comparison": "equal"}
    colour = RED if address in ("on-air", "take/on", "slate/on", "record/on") else GREEN
    style = {"color": WHITE, "bgcolor": colour}
    return {**_entity("feedback", identity, kind, options), "isInverted": False, "style": style}


def _entity(kind: str, identity: str, definition: str, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": kind,
        "id": identity,
        "definitionId": definition,
        "connectionId": CONNECTION,
        "options": options,
        "upgradeIndex": -1,
    }


def show_page(show: Show, host: str) -> dict[str, Any]:
    """The page of a show file. Raises UsageError and what `run_live.check` raises."""
    if not show.control.osc_port:
        raise run_live.UsageError("the show hears no OSC: give [control] osc_port = 9000")
    player = run_live.check(show, None)
    layers = [layer.name for layer in show.all_layers if not layer.locked][:LAYER_KEYS]
    return page(buttons(choices_of(show, player), lacking_of(show), layers), show.control, host)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.companion",
        description="A page of buttons for Bitfocus Companion, from the table of actions.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "show", type=Path, nargs="?", metavar="SHOW", help="a show file, for its names and ports"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="such as dancecam.companionconfig"
    )
    parser.add_argument("--host", default="127.0.0.1", help="the show's machine, as Companion sees it")
    options = parser.parse_args(arguments)
    if parsed(options.host) is None:
        print(f"companion: --host {options.host!r} is no IP address, such as 10.0.0.5", file=sys.stderr)
        return 2
    try:
        if options.show is None:
            made = page(buttons({}, {}, []), USUAL, options.host)
        else:
            made = show_page(run_live.show_of(parse(["--show", str(options.show)])), options.host)
        options.out.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    except run_live.FAULTS as error:
        print(f"companion: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"companion: {options.out} cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    n = sum(len(row) for row in made["page"]["controls"].values())
    listens = made["instances"][CONNECTION]["config"]["listen"]
    unlit = "" if listens else "; none is lit: give [control.osc_feedback] port"
    print(f"{options.out}: {n} buttons{unlit}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
