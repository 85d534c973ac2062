"""The table of alarms: it has all that a show can say, and nothing else.

What a show says is read from its code: the texts that are handed to the operator, and those beside the state.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from realtime.control.actions import ACTIONS
from realtime.control.alarms import (
    ALARMS,
    ANY,
    CALM,
    NOTES,
    STATES,
    Alarm,
)
from realtime.control.hints import _pattern, alarm_beside, alarm_in, note_of, with_keys
from realtime.control.keys import Keymap
from realtime.control.show_state import STARTING, ShowStatus, StageState, hints_now, show_facts
from realtime.performer.duet_pace import DuetPace, said
from realtime.programme.ladder import State
from realtime.transport.orders import Orders
from realtime.transport.statuses import OutputStatus, PerformerStatus, PlayoutStatus
from realtime.transport.swap import SwapState, SwapStatus

ROOT = Path(__file__).resolve().parents[3]
SOURCES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("realtime", "engines/backends", "engines/pack")
    for path in sorted((ROOT / folder).rglob("*.py"))
}

SAYS = {
    "event": 1,
    "_tell": -1,
    "_misheard": 0,
    "say": 0,
    "tell": 0,
    "_say_later": 0,
    "doing": 0,
    "found": 0,
    "note": 2,
}
"""Functions by which something is said to the operator → the place of the text among their arguments."""

SAID_ELSEWHERE = {
    "realtime/link/link_notice.py": ("step",),
    "realtime/performer/duet_pace.py": ("said",),
    "realtime/performer/fan_picker.py": ("step",),
    "realtime/performer/stage_view.py": ("misfit",),
    "realtime/inputs/lines.py": ("take_error",),
    "realtime/control/network/wrong_tokens.py": ("line",),
    "engines/backends/choice.py": ("first_that_works",),
}
"""Functions whose texts somebody else says."""

SAID_BY_RAISING = {"MidiError"}
"""Errors whose texts somebody else says."""

BESIDE = {
    "realtime/control/show_state.py": ("reason", "_trouble"),
    "realtime/performer/performer.py": ("status", "watch_camera"),
    "realtime/performer/capture_thread.py": ("trouble",),
    "realtime/programme/playout.py": ("_status",),
}
"""Functions that say what stands beside the state; and so does whatever raises CaptureError."""

PASSED_ON = {
    ("engines/backends/choice.py", "reasons[-1]"): "its own, looked for as SAID_ELSEWHERE",
    ("realtime/control/desk.py", "event"): "events are no texts",
    ("realtime/control/desk.py", "{'type': 'stats', 'stats': stats}"): "likewise",
    ("realtime/control/network/auth.py", "line"): "WrongTokens.line",
    ("realtime/control/network/server.py", "text"): "what auth says",
    ("realtime/control/remote_desk.py", "event"): "events are no texts",
    ("realtime/control/terminal/hotkeys.py", "line"): "what Operators prints",
    ("realtime/control/terminal/outlet.py", "line"): "likewise",
    ("realtime/outputs/sound.py", "str(error)"): "the recorder's reason, beside its output",
    ("realtime/performer/performer.py", "said(pace)"): "duet_pace.said",
    ("realtime/performer/performer.py", "text"): "what engines and PlayerSwap say",
    ("realtime/performer/pose_step.py", "said"): "Picker.step",
    ("realtime/programme/playout.py", "line"): "what Layers says",
    ("realtime/programme/programme_meter.py", "state.name"): "the states",
    ("realtime/programme/sources.py", "line"): "what PlayersStandby says",
    ("realtime/control/midi_port.py", "self.reason"): "a MidiError's text, see SAID_BY_RAISING",
    ("realtime/control/surfaces/midi.py", "str(error)"): "likewise",
    ("realtime/control/surfaces/midi.py", "text"): "what MidiPort says",
    ("realtime/transport/programme_ring.py", "error"): "a message that is not understood",
    ("realtime/supervise/operators.py", "self._lines.popleft()"): "lines that waited",
    ("realtime/supervise/operators.py", "text"): "what the supervisor and the stages say",
    ("realtime/supervise/operators.py", "trouble"): "ShowLog.take_error",
    ("realtime/supervise/supervisor.py", "f'{status.stage}: {text}'"): "what the stages say",
    ("realtime/supervise/supervisor.py", "notice"): "LinkNotice.step",
    ("realtime/supervise/supervisor.py", "text"): "its own, one function further up",
}
"""Texts that somebody else made, by file and expression."""

ANSWERS = {"action_line(event)", "self.desk.press(action, who=TERMINAL, now_ns=time.monotonic_ns())",
           "self.desk.key(character, who=who, now_ns=time.monotonic_ns())",
           "self.desk.press('quit', who=TERMINAL, now_ns=at_ns)", "f'({left_out} more)'"}  # fmt: skip
"""What is told to whoever pressed a key."""


def template(node: ast.expr) -> str | None:
    """A text with … for what is put into it; None where it is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else ANY for part in node.values]
        text = "".join(str(part) for part in parts)
        while ANY * 2 in text:
            text = text.replace(ANY * 2, ANY)
        return text
    return None


def constants() -> dict[str, str]:
    """The texts at module level, by name."""
    found = {}
    for tree in SOURCES.values():
        for node in tree.body:
            if isinstance(node, ast.Assign) and (text := template(node.value)) is not None:
                found.update({target.id: text for target in node.targets if isinstance(target, ast.Name)})
    return found


CONSTANTS = constants()


def texts_of(node: ast.expr, function: ast.AST) -> list[str]:
    """The texts that an expression can be; none where it is not made here."""
    if (text := template(node)) is not None:
        return [text] if text.strip(f"{ANY}: ") else []
    if isinstance(node, ast.BoolOp):
        return [text for value in node.values for text in texts_of(value, function)]
    if isinstance(node, ast.IfExp):
        return [*texts_of(node.body, function), *texts_of(node.orelse, function)]
    if isinstance(node, ast.Name) and node.id in CONSTANTS and node.id.isupper():
        return [CONSTANTS[node.id]]
    if isinstance(node, ast.Name):
        return [
            text
            for each in ast.walk(function)
            if isinstance(each, ast.Assign) and any(ast.unparse(to) == node.id for to in each.targets)
            for text in texts_of(each.value, function)
        ]
    return []


def functions(tree: ast.AST) -> Iterator[ast.AST]:
    return (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def said_in(name: str) -> tuple[set[str], set[str]]:
    """The texts that a module says, and the expressions of those that are not made in it."""
    texts: set[str] = set()
    foreign: set[str] = set()
    for function in functions(SOURCES[name]):
        for node in ast.walk(function):
            if function.name in SAID_ELSEWHERE.get(name, ()):
                given = node.value if isinstance(node, ast.Return) else None
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".append"):
                    given = node.args[0]
                texts.update(texts_of(given, function) if given is not None else ())
            if isinstance(node, ast.Call) and ast.unparse(node.func) in SAID_BY_RAISING:
                texts.update(texts_of(node.args[0], function))
            called = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
            if not isinstance(node, ast.Call) or called not in SAYS or len(node.args) <= max(SAYS[called], 0):
                continue
            found = texts_of(node.args[SAYS[called]], function)
            texts.update(found)
            if not found:
                foreign.add(ast.unparse(node.args[SAYS[called]]))
    return texts, foreign


@cache
def everything_said() -> dict[str, str]:
    """Text → the module that says it."""
    return {text: name for name in SOURCES for said in said_in(name)[0] for text in of_stages(said)}


def of_stages(text: str) -> list[str]:
    """A text that begins with a stage's name: with each that there is."""
    if text.startswith(f"{ANY} was lost"):
        names = ("performer", "playout", "web server", "link", "output …")
        ordered = "performer was lost (the operator had it started again); starting it again"
        return [ordered, *(text.replace(ANY, name, 1) for name in names)]
    if text.startswith(f"{ANY} is given up"):  # the others have no budget, or end the show
        return [text.replace(ANY, name, 1) for name in ("performer", "link")]
    return [text]


@cache
def everything_beside() -> dict[str, str]:
    """Likewise what can stand beside the state: the reasons, and what is wrong with a camera."""
    found: dict[str, str] = {}

    def add(node: ast.expr | None, within: ast.AST, name: str) -> None:
        found.update(dict.fromkeys(texts_of(node, within) if node is not None else (), name))

    for name, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "CaptureError" and node.args:
                add(node.args[0], tree, name)
        wanted = BESIDE.get(name, ())
        for function in functions(tree):
            for node in ast.walk(function) if function.name in wanted else ():
                if isinstance(node, ast.Return | ast.Assign | ast.keyword):
                    add(node.value, function, name)
    return {text.replace("…NDI needs", "camera …: NDI needs"): name for text, name in found.items() if text}


def test_all_that_is_said_is_an_alarm_or_a_note_of_the_table() -> None:
    said = everything_said()
    assert len(said) > 40
    unknown = {
        text: where for text, where in said.items() if alarm_in(text) is None and note_of(text) is None
    }
    assert unknown == {}


def test_texts_that_are_passed_on_are_made_where_they_are_looked_for() -> None:
    foreign = {(name, expression) for name in SOURCES for expression in said_in(name)[1] - ANSWERS}
    assert foreign == set(PASSED_ON)


def test_all_that_stands_beside_the_state_is_in_the_table() -> None:
    beside = everything_beside()
    assert len(beside) > 20
    calm = [_pattern(text) for text in CALM]
    unknown = {
        text: where
        for text, where in beside.items()
        if alarm_beside(text) is None and not any(each.fullmatch(text) for each in calm)
    }
    assert unknown == {}


def test_no_row_of_the_table_is_of_something_that_is_never_said() -> None:
    said, beside = everything_said(), everything_beside()
    for row in ALARMS:
        assert row.said or row.beside or row.seen, row.name
        for text in row.said:
            assert any(alarm_in(each) is row for each in said if _pattern(text).fullmatch(each)), text
        for text in row.beside:
            assert any(alarm_beside(each) is row for each in beside if _pattern(text).fullmatch(each)), text
    for text in CALM:
        assert any(_pattern(text).fullmatch(each) for each in beside), text
    for text in NOTES:
        assert text in State.__members__ or any(_pattern(text).fullmatch(each) for each in said), text


def test_the_table_has_all_states() -> None:
    assert set(STATES) == set(State.__members__)
    assert STARTING not in STATES


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (
            "performer: camera 0 gives no picture any more: check the cable; trying again",
            "The camera is lost",
        ),
        ("performer was lost (SIGKILL); starting it again", "The performer was lost"),
        (
            "performer was lost (the operator had it started again); starting it again",
            "The performer is started again, as ordered",
        ),
        ("output wall was lost (SIGKILL); starting it again", "An output failed"),
        ("playout: standby loop: x.mp4: no such file; the slate takes its place", "Nothing to fall back on"),
        ("performer: camera 0 gives 1280x720 MJPG 30.0", None),
        ("playout: LIVE", None),
    ],
)
def test_a_message_finds_its_row(message: str, name: str | None) -> None:
    found = alarm_in(message)
    assert (found and found.name) == name
    assert (note_of(message) is None) == (name is not None)


def test_keys_are_those_of_the_show() -> None:
    keys = Keymap({"restart": "f", "freeze": "", "unpick": "escape"}).of
    assert with_keys("{restart}, {freeze} or {unpick}.", keys) == "restart (f), freeze or unpick (escape)."
    with pytest.raises(KeyError):
        with_keys("{dance}", keys)
    texts = [text for row in ALARMS for text in (row.name, row.means, row.press)]
    texts += [text for state in STATES.values() for text in (state.means, state.do)]
    for text in (*texts, *NOTES.values(), *CALM.values()):
        assert "{" not in with_keys(text, {name: action.key for name, action in ACTIONS.items()})


def hinted(state: str, *, ready: bool = True, **more: object) -> list[str]:
    performer = PerformerStatus(**{"fan": "sound", **more})  # type: ignore[arg-type]
    status = ShowStatus(
        {"playout": StageState(ready=True), "performer": StageState(ready)},
        PlayoutStatus(state=state),
        performer,
        (OutputStatus("wall", "ndi", "failed", "no cable"),) if state == "SLATE" else (),
    )
    facts = show_facts({}, Orders(taken=True), status, {})
    return [each["name"] for each in hints_now(facts, Keymap().of)]


def test_hints_tell_what_is_wrong_now() -> None:
    assert hinted("LIVE") == []
    assert hinted("HOLD") == []
    assert hinted("FALLBACK") == ["Pictures come unsteadily"]
    assert hinted("FALLBACK", camera="camera 0 is broken") == ["The camera is lost"]
    assert hinted("FALLBACK", ready=False) == ["The performer prepares"]
    assert hinted("LIVE", player=SwapStatus("A", SwapState.FAILED)) == ["The player cannot be loaded"]
    assert hinted("SLATE") == ["Nothing to fall back on", "An output failed"]
    too_slow = said(DuetPace(24.0, 12.0, 30.0))
    assert hinted("LIVE", too_slow=too_slow) == [], "it is told before the show"
    assert hinted("FALLBACK", fan="", fan_2="sound", camera_size=(64, 48), too_slow=too_slow) == [
        "Pictures come unsteadily",
        "Two dancers are too much for this machine",
    ], "one fan of a duet is somebody"


def test_an_alarm_of_the_card_is_short() -> None:
    on_card: list[Alarm] = [row for row in ALARMS if row.on_card]
    assert 10 <= len(on_card) <= 20
    assert all(len(row.press) <= 160 for row in on_card)
