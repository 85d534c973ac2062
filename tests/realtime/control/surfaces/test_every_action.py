"""Every action of the table, in each of its forms, gives the same orders whichever way it comes."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from pythonosc.osc_message_builder import OscMessageBuilder

from realtime.config.control import Control
from realtime.config.surfaces import Midi, MidiControl, OscAddress
from realtime.control.actions import ACTIONS, LAYER_KEYS
from realtime.control.arguments import Argument, Value
from realtime.control.desk import Desk, Event
from realtime.control.keys import Keymap
from realtime.control.network.server import ControlServer
from realtime.control.surfaces.mapping import bind
from realtime.transport.orders import Orders
from realtime.transport.telemetry import Totals
from tests.ports import free_port
from tests.realtime.control.fake_midi import FakeMidi

TOKEN = "a-token-of-a-test"
LAYERS = {f"layer {n}": False for n in range(1, LAYER_KEYS + 1)}
CHOICES = {
    "player": {"Demo": "", "Jones": "Jones"},
    "background": {"plate": "plate", "green": "green"},
    "dancer-rule": {"largest": "largest", "centre": "centre"},
    "camera": {"0": "0", "1": "1"},
    "layer": {name: name for name in LAYERS},
}
START = Orders(layers=LAYERS, fan_name="somebody")
"""Orders that every action but `help` changes in some way."""


@dataclass(frozen=True)
class Case:
    """An action with arguments of one of its forms."""

    name: str
    given: dict[str, Value]

    def __str__(self) -> str:
        return " ".join((self.name, *self.given))


def example(action: str, argument: Argument, place: int) -> Value:
    """place: of the argument in its form; later ones are larger, as a box wants it."""
    if argument.kind == "flag":
        return True
    if argument.kind == "name":
        return list(CHOICES.get(action, {"": "", "Zoë": "Zoë"}))[1]
    return 1.0 if action == "camera" else argument.low + (argument.high - argument.low) * (place + 1) / 8


CASES = [
    Case(name, {each.name: example(name, each, place) for place, each in enumerate(form)})
    for name, action in ACTIONS.items()
    for form in action.forms
]


class Show:
    """A desk, and all ways to it. actions: what it has done, in order."""

    def __init__(self, server: ControlServer, desk: Desk, osc_port: int, midi: FakeMidi) -> None:
        self.server, self.desk, self.osc_port, self.midi = server, desk, osc_port, midi
        self.actions: list[Event] = []
        desk.listen(lambda event: self.actions.append(event) if event["type"] == "action" else None)

    def after(self, ask: Callable[[], object]) -> tuple[Orders, Event]:
        """The orders that follow when START was in force, and what the desk says of it."""
        self.desk._orders = START
        self.actions.clear()
        ask()
        deadline = time.monotonic() + 60
        while not self.actions:
            assert time.monotonic() < deadline, "nothing came to the desk"
            time.sleep(0.002)
        return self.desk.orders, self.actions[0]

    def post(self, case: Case) -> None:
        connection = http.client.HTTPConnection(self.server.url.split("/")[2], timeout=60)
        with closing(connection):
            body = json.dumps({**case.given, "confirm": True})
            headers = {"Authorization": f"Bearer {TOKEN}"}
            connection.request("POST", f"/api/actions/{case.name}", body, headers)
            assert connection.getresponse().status == 200

    def osc(self, address: str, *values: object) -> None:
        builder = OscMessageBuilder(address)
        for value in values:
            builder.add_arg(value)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(builder.build().dgram, ("127.0.0.1", self.osc_port))

    def note(self, number: int) -> None:
        """It is struck, and let go."""
        for status, velocity in ((0x90, 100), (0x80, 0)):
            data = (status, number, velocity)
            self.midi.ports[0].callback(SimpleNamespace(bytes=lambda data=data: data))


@pytest.fixture(scope="module")
def show() -> Iterator[Show]:
    desk, port = Desk(START, Keymap(), CHOICES), free_port(socket.SOCK_DGRAM)
    told: list[Event] = []
    desk.listen(told.append)
    mapped = [{"action": case.name, "arguments": case.given, "confirm": True} for case in CASES]
    control = Control(
        osc_port=port,
        osc_map=tuple(OscAddress(address=f"/cue/{n}/start", **each) for n, each in enumerate(mapped)),  # type: ignore[arg-type]
        midi=Midi(port="Deck", map=tuple(MidiControl(note=n, **each) for n, each in enumerate(mapped))),  # type: ignore[arg-type]
    )
    with FakeMidi("Deck 1").installed() as midi, pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic_ns", lambda: 0)  # what depends on the time is the same each time
        server = ControlServer(
            desk, Totals(), lambda: None, token=TOKEN, host="127.0.0.1", port=0, control=control
        )
        with closing(server):
            deadline = time.monotonic() + 60
            while not told:  # that the device is heard, which the first test would take for its action
                assert time.monotonic() < deadline, "the MIDI port was not opened"
                time.sleep(0.002)
            assert [event["result"] for event in told] == ["the MIDI device Deck 1 is heard"]
            yield Show(server, desk, port, midi)


@pytest.mark.parametrize("n", range(len(CASES)), ids=map(str, CASES))
def test_an_action_is_the_same_by_http_by_osc_and_by_midi(show: Show, n: int) -> None:
    case = CASES[n]
    wanted, event = show.after(lambda: show.desk.act(case.name, case.given, who="a test", confirmed=True))
    assert event["result"] == "done"
    assert (wanted == START) is (case.name == "help")
    ways: dict[str, Callable[[], None]] = {
        "api 127.0.0.1": lambda: show.post(case),
        "osc 127.0.0.1": lambda: show.osc(f"/dancecam/{case.name}", *case.given.values(), "confirm"),
        "midi Deck": lambda: show.note(n),
    }
    for who, ask in ways.items():
        orders, event = show.after(ask)
        assert (event["who"], event["result"]) == (who, "done"), who
        assert orders == wanted, who
    for pressed in ((), (1.0,), (1,)):
        orders, event = show.after(lambda pressed=pressed: show.osc(f"/cue/{n}/start", *pressed))  # type: ignore[misc]
        assert orders == wanted, pressed


@pytest.mark.parametrize("name", [name for name, action in ACTIONS.items() if action.risk == "always"])
def test_a_risky_action_is_not_confirmed_by_a_surface_unasked(name: str) -> None:
    """Without `confirm` in its map."""
    asked = bind(MidiControl(note=1, action=name), "a test").press()
    assert not asked.confirmed
