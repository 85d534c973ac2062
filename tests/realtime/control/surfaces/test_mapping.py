"""Maps of a show file: what is wrong in them is said before the show, and what is right is asked for."""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import run_live
from realtime.config.show import ShowError, check_show
from realtime.config.surfaces import OscAddress
from realtime.control.actions import ACTIONS
from realtime.control.desk import Desk
from realtime.control.keys import Keymap
from realtime.control.surfaces.mapping import Asked, MapError, check_maps, check_names, osc_bindings
from realtime.control.surfaces.osc_messages import asked_by
from realtime.control.surfaces.surface import Asker
from realtime.transport.orders import Orders
from tests.mutations import changed
from tests.realtime.fakes import SIZE, Player, write_clip


def midi(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"midi": {"port": "Deck", "map": list(entries)}}


def osc(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"osc_map": list(entries)}


WRONG: list[tuple[dict[str, Any], str]] = [
    (midi({"note": 1, "action": "tkae"}), "control.midi.map: note 1: there is no action 'tkae'"),
    (midi({"note": 1, "action": "delay"}), "note 1: delay: give seconds (given: nothing)"),
    (
        midi({"note": 1, "channel": 2, "action": "delay", "arguments": {"seconds": 9}}),
        "note 1 on channel 2: delay: seconds must be 0 to 5 s (given: 9)",
    ),
    (midi({"note": 1, "action": "take", "arguments": {"now": True}}), "give nothing (given: now)"),
    (midi({"note": 1, "action": "delay", "value": "seconds"}), "give a number by a cc"),
    (midi({"cc": 1, "action": "player", "value": "name"}), "player: name is a text, not a value"),
    (midi({"cc": 1, "action": "take", "value": "on"}), "cc 1: take: give nothing (given: on)"),
    (
        midi({"cc": 1, "action": "mirror", "value": "on", "arguments": {"on": True}}),
        "on is among the arguments, and the value too",
    ),
    (midi({"note": 128, "action": "take"}), "control.midi.map.0.note"),
    (midi({"note": 1, "cc": 1, "action": "take"}), "give either note or cc"),
    (
        midi({"note": 1, "action": "take"}, {"note": 1, "channel": 3, "action": "cut"}),
        "note 1 on channel 3 is there twice",
    ),
    (osc({"address": "/go", "action": "tkae"}), "control.osc_map: /go: there is no action 'tkae'"),
    (osc({"address": "/go", "action": "layer", "arguments": {"on": True}}), "give name, or name, on"),
    (osc({"address": "go", "action": "take"}), "an OSC address begins with /"),
    (osc({"address": "/a*", "action": "take"}), "none of # * , ? [ ] { }"),
    (osc({"address": "/dancecam/x", "action": "take"}), "are the show's own"),
    (
        osc(*({"address": "/a", "action": each} for each in ("take", "cut"))),
        "two OSC addresses are named '/a'",
    ),
    ({"osc_feedback": {"port": 9000}}, "this is where the show itself receives OSC"),
    ({"osc_feedback": {"port": 9001, "host": "desk"}}, "this is no IP address"),
    ({"artnet": {"channel": 511}}, "control.artnet.channel"),
    ({"artnet": {"senders": []}}, "control.artnet.senders"),
    ({"artnet": {"senders": ["desk"]}}, "this is no IP address or network"),
]


@pytest.mark.parametrize(("control", "words"), WRONG)
def test_a_wrong_map_is_one_line_before_the_show(control: dict[str, Any], words: str) -> None:
    with pytest.raises(ShowError, match=re.escape(words)) as error:
        run_live.check_controls(check_show({"control": {"osc_port": 9000, **control}}, "a test"), "a test")
    assert len(str(error.value).splitlines()) == 1
    assert str(error.value).startswith("a test: ")


def test_osc_addresses_need_osc() -> None:
    with pytest.raises(ShowError, match="osc_map: no OSC is received: give osc_port"):
        check_show({"control": {"osc_map": [{"address": "/a", "action": "take"}]}}, "a test")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"action": "layer", "arguments": {"name": "logo"}}, "the show has no layers"),
        ({"action": "layer-1"}, "the show has no layer 1"),
        ({"action": "record"}, "the show has no recorder"),
        (
            {"action": "player", "arguments": {"name": "Nobody"}},
            "there is no player 'Nobody'; there are: Fake",
        ),
        ({"action": "background", "arguments": {"name": "pink"}}, "there is no background 'pink'"),
    ],
)
def test_what_a_show_has_not_is_told_before_it(tmp_path: Path, entry: dict[str, Any], words: str) -> None:
    show = check_show({"control": {"midi": {"port": "Deck", "map": [{"note": 1, **entry}]}}}, "a test")
    check_maps(show.control)
    player = Player("Fake", SIZE, write_clip(tmp_path / "standby.mp4", frames=1))
    with pytest.raises(run_live.UsageError, match=re.escape(words)):
        run_live.check_surfaces(show, player)


def test_surfaces_need_the_page(tmp_path: Path) -> None:
    show = check_show({"webrtc": {"port": 0}, "control": {"artnet": {}}}, "a test")
    player = Player("Fake", SIZE, tmp_path / "none.mp4")
    with pytest.raises(run_live.UsageError, match="give it a port"):
        run_live.check_surfaces(show, player)


ONE_S = {"action": "fade-length", "arguments": {"seconds": 1}}
LOGO = {"action": "layer", "arguments": {"name": "logo"}, "value": "on"}


@pytest.mark.parametrize(
    ("entry", "sent", "expected"),
    [
        ({"action": "take"}, (), Asked("take", {})),
        ({"action": "take"}, (1.0,), Asked("take", {})),
        ({"action": "take"}, (0.0,), None),
        ({"action": "take", "confirm": True}, (1,), Asked("take", {}, True)),
        ({"action": "take"}, ("now",), Asked("take", ("now",))),
        ({"action": "freeze"}, (1,), Asked("freeze", {})),
        ({"action": "freeze"}, (0,), None),
        ({"action": "freeze", "value": "on"}, (0,), Asked("freeze", (False,))),
        ({"action": "freeze", "value": "on"}, (1.0,), Asked("freeze", (True,))),
        ({"action": "freeze", "value": "on"}, (), Asked("freeze", ())),
        ({"action": "freeze", "arguments": {"on": True}}, (1.0,), Asked("freeze", {"on": True})),
        ({"action": "fade-length"}, (0.0,), Asked("fade-length", (0.0,))),
        ({"action": "fade-length", "value": "seconds"}, (2,), Asked("fade-length", (2,))),
        (
            {"action": "fade-length", "arguments": {"seconds": 1}},
            (1.0,),
            Asked("fade-length", {"seconds": 1.0}),
        ),
        ({"action": "fade-length", "arguments": {"seconds": 1}}, (0.0,), None),
        ({"action": "pick"}, (0.2, 0.4), Asked("pick", (0.2, 0.4))),
        ({"action": "player", "confirm": True}, ("Jones",), Asked("player", ("Jones",), True)),
        ({"action": "player"}, ("Jones", "confirm"), Asked("player", ("Jones",), True)),
        (
            {"action": "layer", "arguments": {"name": "logo"}, "value": "on"},
            (0,),
            Asked("layer", ("logo", False)),
        ),
    ],
)
def test_what_an_address_asks_for(entry: dict[str, Any], sent: tuple[object, ...], expected: Asked) -> None:
    binding = osc_bindings([OscAddress(address="/a", **entry)])["/a"]
    assert asked_by(binding, sent) == expected


BOUND = osc_bindings(
    [
        OscAddress(address=f"/{n}", action=name, confirm=True)
        for n, (name, action) in enumerate(ACTIONS.items())
        if () in action.forms or name in ("pick", "delay", "player", "layer")
    ]
    + [OscAddress.model_validate({"address": "/logo", **LOGO})]
)


@settings(max_examples=300)
@given(
    address=st.sampled_from(sorted(BOUND)),
    sent=st.lists(
        st.text(max_size=8) | st.integers(-(2**31), 2**31 - 1) | st.floats(allow_nan=False) | st.booleans(),
        max_size=4,
    ),
)
def test_whatever_a_message_brings_the_desk_does_it_or_says_why_not(address: str, sent: list[object]) -> None:
    order = asked_by(BOUND[address], sent)
    if order is not None:
        desk = Desk(Orders(layers={"logo": False}), Keymap(), {"layer": {"logo": "logo"}})
        asker = Asker(desk, "a test")
        assert asker.ask(order, "a test")
        asker.wait()
        asker.close()


def blocks(page: Path) -> list[str]:
    """The pieces of show files in a page: what is indented, and begins with a table."""
    pieces = re.findall(r"(?:^    .*\n|^\n(?=    ))+", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [text for piece in pieces if (text := textwrap.dedent(piece).strip()).startswith("[")]


def test_the_examples_of_the_page_are_right() -> None:
    page = Path(run_live.__file__).parent / "docs" / "control_surfaces.md"
    examples = blocks(page)
    assert len(examples) == 5
    for example in examples:
        check_maps(check_show(tomllib.loads(example), "the page").control)


DATA = {
    "control": {
        "osc_port": 9000,
        "osc_map": [
            {"address": "/a/b", "action": "layer", "arguments": {"name": "logo"}, "value": "on"},
            {"address": "/a/c", "action": "pick", "confirm": True},
        ],
        "osc_feedback": {"host": "10.0.0.7", "port": 9001, "every_s": 2.5},
        "midi": {
            "port": "Deck",
            "leds": True,
            "map": [
                {"note": 36, "action": "take", "confirm": True},
                {"cc": 7, "channel": 2, "action": "fade-length", "value": "seconds"},
            ],
        },
        "artnet": {"universe": 3, "channel": 10, "senders": ["10.0.0.0/24"], "confirm": True},
    }
}


def test_the_data_are_right() -> None:
    show = check_show(DATA, "a test")
    check_maps(show.control)
    check_names(show.control, {"layer": ["logo"]}, {})


@settings(max_examples=300)
@given(draw=st.data())
def test_damaged_maps_are_maps_or_one_line(draw: st.DataObject) -> None:
    try:
        show = check_show(changed(DATA, draw), "a test")
        check_maps(show.control)
        check_names(show.control, {"layer": ["logo"]}, {})
    except (ShowError, MapError) as error:
        assert len(str(error).splitlines()) == 1, repr(str(error))
