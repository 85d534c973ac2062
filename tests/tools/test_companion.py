"""The page for Companion: its form is that of Companion's types, and its buttons send what the show does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict

from realtime.config.surfaces import OSC_ROOT
from realtime.control.action import Risk
from realtime.control.actions import ACTIONS
from realtime.control.desk import Desk
from realtime.control.keys import Keymap
from realtime.control.surfaces.osc_feedback import fed_back
from realtime.control.surfaces.osc_messages import asked
from realtime.transport.orders import Orders
from tools import companion


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


# Companion 4.0: ExportModel.ts, ButtonModel.ts, ActionModel.ts, EntityModel.ts, StyleModel.ts. What the
# module knows is in companion-module-generic-osc, osc.js.


class Entity(Strict):
    type: Literal["action", "feedback"]
    id: str
    definitionId: Literal[
        "send_blank",
        "send_string",
        "send_float",
        "send_multiple",
        "osc_feedback_float",
        "osc_feedback_string",
    ]
    connectionId: Literal["dancecam"]
    options: dict[str, str]
    upgradeIndex: int
    isInverted: bool | None = None
    style: dict[Literal["color", "bgcolor"], int] | None = None


class Style(Strict):
    text: str
    textExpression: bool
    size: Literal["auto"]
    alignment: Literal["center:center"]
    pngalignment: Literal["center:center"]
    color: int
    bgcolor: int
    show_topbar: Literal["default"]
    png64: None


class StepOptions(Strict):
    runWhileHeld: list[int]


class Step(Strict):
    action_sets: dict[str, list[Entity]]
    options: StepOptions


class ButtonOptions(Strict):
    rotaryActions: bool
    stepAutoProgress: bool


class ButtonModel(Strict):
    type: Literal["button"]
    options: ButtonOptions
    style: Style
    feedbacks: list[Entity]
    localVariables: list[Entity]
    steps: dict[Literal["0"], Step]


class GridSize(Strict):
    minColumn: int
    maxColumn: int
    minRow: int
    maxRow: int


class PageContent(Strict):
    name: str
    controls: dict[str, dict[str, ButtonModel]]
    gridSize: GridSize


class Config(Strict):
    host: str
    targetPort: str
    protocol: Literal["udp", "tcp", "tcp-raw"]
    listen: bool
    feedbackPort: str


class Instance(Strict):
    label: str
    instance_type: Literal["generic-osc"]
    enabled: bool
    isFirstInit: bool
    lastUpgradeIndex: int
    sortOrder: int
    config: Config


class PageExport(Strict):
    version: Literal[8]
    type: Literal["page"]
    page: PageContent
    instances: dict[str, Instance]
    oldPageNumber: int


def made(folder: Path, *arguments: str) -> PageExport:
    out = folder / "dancecam.companionconfig"
    assert companion.main([*arguments, "--out", str(out)]) == 0
    return PageExport.model_validate(json.loads(out.read_text(encoding="utf-8")))


def buttons_of(export: PageExport) -> list[ButtonModel]:
    return [button for row in export.page.controls.values() for button in row.values()]


def sent(entity: Entity) -> tuple[object, ...]:
    """The arguments that the module sends."""
    if entity.definitionId == "send_string":
        return (entity.options["string"],)
    if entity.definitionId == "send_float":
        return (float(entity.options["float"]),)
    written = re.findall(r'"([^"]*)"|(\S+)', entity.options.get("arguments", ""))
    return tuple(text or float(number) for text, number in written)


SHOW = """
players = ["{fan}"]

[control]
osc_port = 9100

[control.osc_feedback]
port = 9101

[[backgrounds]]
kind = "colour"
name = "green"
colour = "#00b140"

[[layers]]
kind = "text"
name = "who"
text = "{{fan}}"
"""


@pytest.fixture
def show_file(tmp_path: Path) -> Path:
    file = tmp_path / "show.toml"
    fan = Path(companion.__file__).resolve().parents[1] / "players" / "fan"
    file.write_text(SHOW.format(fan=fan), encoding="utf-8")
    return file


def check_buttons(export: PageExport, desk: Desk) -> set[str]:
    """Each button does something at the desk, and is lit by what is fed back. The names of their actions."""
    addresses = {f"{OSC_ROOT}/{address}" for address, _ in fed_back(desk.state())}
    names = set()
    for button in buttons_of(export):
        step = button.steps["0"]
        for held, actions in step.action_sets.items():
            for entity in actions:
                order = asked(entity.options["path"], sent(entity))
                assert order is not None
                is_risky = ACTIONS[order.name].risk is not Risk.NONE
                assert order.confirmed is is_risky
                assert (held == "600") is is_risky
                assert step.options.runWhileHeld == ([600] if is_risky else [])
                desk.act(order.name, order.given, who="a test", confirmed=order.confirmed)
                names.add(order.name)
        assert {feedback.options["path"] for feedback in button.feedbacks} <= addresses
    return names


def test_the_page_of_any_show(tmp_path: Path) -> None:
    export = made(tmp_path)
    layers = {f"layer {n}": False for n in range(1, 5)}
    desk = Desk(Orders(layers=layers), Keymap(), {})
    desk.report({})
    names = check_buttons(export, desk)
    assert {name for name, action in ACTIONS.items() if () in action.forms} - names == {"help"}
    assert {"fade-length", "delay"} <= names
    config = export.instances["dancecam"].config
    assert (config.host, config.targetPort, config.listen, config.feedbackPort) == (
        "127.0.0.1",
        "9000",
        True,
        "9001",
    )


def test_the_page_of_a_show(tmp_path: Path, show_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export = made(tmp_path, str(show_file), "--host", "10.0.0.5")
    choices = {
        "player": {"Number 23": "", "Star": "Star"},
        "background": {"plate": "plate", "green": "green"},
    }
    names = check_buttons(export, Desk(Orders(layers={"who": False}), Keymap(), choices))
    assert {"player", "background", "dancer-rule", "layer-1"} <= names
    assert not {"layer-2", "record", "camera"} & names, "the show has none"
    texts = [button.style.text for button in buttons_of(export)]
    assert "who" in texts and "BACKGROUND\\ngreen\\n(hold)" in texts
    assert len(set(texts)) == len(texts)
    config = export.instances["dancecam"].config
    assert (config.host, config.targetPort, config.feedbackPort) == ("10.0.0.5", "9100", "9101")
    assert "buttons" in capsys.readouterr().out


def test_identities_are_not_shared(tmp_path: Path) -> None:
    entities: list[Entity] = []
    for button in buttons_of(made(tmp_path)):
        entities += button.feedbacks
        entities += [entity for each in button.steps["0"].action_sets.values() for entity in each]
    assert len({entity.id for entity in entities}) == len(entities) > 30


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        ("[control]\nosc_port = 0", (), "the show hears no OSC: give [control] osc_port"),
        ("[control]\nosc = 1", (), "unknown key 'control.osc'"),
        ("", ("--host", "desk"), "'desk' is no IP address"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, arguments: tuple[str, ...], words: str
) -> None:
    file = tmp_path / "show.toml"
    file.write_text(text, encoding="utf-8")
    assert companion.main([str(file), "--out", str(tmp_path / "out"), *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert companion.main(["--out", str(tmp_path / "none" / "out")]) == 2
    assert "cannot be written: No such file or directory" in capsys.readouterr().err


def test_without_feedback_no_button_is_lit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "show.toml"
    file.write_text("[control]\nosc_port = 9000", encoding="utf-8")
    export = made(tmp_path, str(file))
    assert not any(button.feedbacks for button in buttons_of(export))
    assert "none is lit: give [control.osc_feedback] port" in capsys.readouterr().out
