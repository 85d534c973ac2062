"""OSC feedback: everything at first, changes at once, all again now and then and when asked."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace

import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from realtime.config.control import Control
from realtime.config.surfaces import OscFeedback
from realtime.control.actions import ACTIONS
from realtime.control.desk import Desk
from realtime.control.keys import Keymap
from realtime.control.network.server import ControlServer
from realtime.control.surfaces import osc_feedback
from realtime.control.surfaces.lamps import is_lit, lamps
from realtime.control.surfaces.osc_feedback import AGAIN_S, fed_back
from realtime.transport.orders import Orders
from realtime.transport.telemetry import Totals
from tests.ports import free_port

OFTEN_S, SELDOM_S = 1.0, 60.0
"""How often all is sent again: soon enough to wait for it, or not before a test is over."""


class Controller:
    """Listens where a controller would."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(50)
        self.port: int = self.socket.getsockname()[1]

    def hear(self) -> tuple[str, tuple[object, ...]]:
        message = OscMessage(self.socket.recv(65536))
        return message.address, tuple(message)

    def hear_all(self, n: int) -> dict[str, tuple[object, ...]]:
        return dict(self.hear() for _ in range(n))


@pytest.fixture
def heard(request: pytest.FixtureRequest) -> Iterator[tuple[Desk, Controller, int]]:
    """A desk, the controller, and the port where the show hears OSC."""
    port = free_port(socket.SOCK_DGRAM)
    desk = Desk(Orders(layers={"logo": True}), Keymap(), {})
    desk.report({"state": "FALLBACK", "reason": "waits for TAKE", "player": "Jones", "on_air": False})
    desk.measure({"latency_ms": 42.5, "fps": None})
    controller = Controller()
    feedback = OscFeedback(port=controller.port, every_s=getattr(request, "param", SELDOM_S))
    control = Control(osc_port=port, osc_feedback=feedback)
    server = ControlServer(
        desk, Totals(), lambda: None, token="a-token-of-a-test", host="127.0.0.1", port=0, control=control
    )
    with closing(server), closing(controller.socket):
        yield desk, controller, port


def n_of(desk: Desk) -> int:
    return len(list(fed_back(desk.state())))


def test_all_at_first_then_what_changes(heard: tuple[Desk, Controller, int]) -> None:
    desk, controller, _ = heard
    first = controller.hear_all(n_of(desk))
    assert first["/dancecam/state"] == ("FALLBACK", "waits for TAKE")
    assert first["/dancecam/on-air"] == (0.0,)
    assert first["/dancecam/player"] == ("Jones",)
    assert first["/dancecam/latency"] == (42.5,)
    assert first["/dancecam/layer/on"] == ("logo", 1.0)
    assert first["/dancecam/layer-1/on"] == (1.0,)
    assert first["/dancecam/freeze/on"] == (0.0,)
    assert "/dancecam/fps" not in first, "it is not known"
    desk.act("freeze", who="a test")
    assert controller.hear() == ("/dancecam/freeze/on", (1.0,)), "only what has changed"
    desk.report({"state": "LIVE", "reason": "frames come steadily", "player": "Jones", "on_air": True})
    assert dict([controller.hear(), controller.hear()]) == {
        "/dancecam/state": ("LIVE", "frames come steadily"),
        "/dancecam/on-air": (1.0,),
    }


@pytest.mark.parametrize("heard", [OFTEN_S], indirect=True)
def test_all_is_sent_again_and_again(heard: tuple[Desk, Controller, int]) -> None:
    desk, controller, _ = heard
    n, changed = n_of(desk), ("/dancecam/freeze/on", (1.0,))
    first = controller.hear_all(n)
    desk.act("freeze", who="a test")
    for _ in range(60 * n):  # what was on its way comes first
        if controller.hear() == changed:
            break
    again = controller.hear_all(2 * n)  # the rest of what is being sent, and all once more
    assert again == {**first, changed[0]: changed[1]}


def test_all_is_sent_when_somebody_asks_but_not_in_a_flood(
    heard: tuple[Desk, Controller, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, controller, port = heard
    n = n_of(desk)
    controller.hear_all(n)
    clock = SimpleNamespace(now_s=time.monotonic() + 10 * AGAIN_S)
    monkeypatch.setattr(osc_feedback, "time", SimpleNamespace(monotonic=lambda: clock.now_s))

    def answers(out: socket.socket) -> int:
        """How many messages come when all is asked for ten times; what is ordered after that comes last."""
        last = ("/dancecam/mirror/on", (float(not desk.orders.mirror),))
        for name in (*["feedback"] * 10, "mirror"):
            out.sendto(OscMessageBuilder(f"/dancecam/{name}").build().dgram, ("127.0.0.1", port))
        found = 0
        while controller.hear() != last:
            found += 1
        return found

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        assert [answers(out), answers(out)] == [n, 0]
        clock.now_s += AGAIN_S / 2
        assert answers(out) == 0, "once a second at most"
        clock.now_s += AGAIN_S
        assert answers(out) == n


def test_every_toggle_has_a_lamp() -> None:
    """What can be turned over is shown as it is, and nothing is shown that is not there."""
    toggles = {
        name
        for name, action in ACTIONS.items()
        if any(argument.kind == "flag" for form in action.forms for argument in form) and () in action.forms
    }
    layers = {f"a{n}": n == 1 for n in range(9)}
    shown = lamps(Desk(Orders(layers=layers), Keymap(), {}).state()["orders"])
    assert toggles <= shown.keys()
    assert shown.keys() <= ACTIONS.keys()
    for name in shown:
        before = Orders(layers=layers)
        after = ACTIONS[name].order(before, {}, confirmed=True)
        changed = [lamps(Desk(each, Keymap(), {}).state()["orders"])[name] for each in (before, after)]
        assert changed[0] != changed[1], name


def test_the_button_of_what_is_chosen_is_lit() -> None:
    desk = Desk(Orders(layers={"logo": True, "name": False}), Keymap(), {})
    desk.report({"player": "Jones", "background": "plate", "dancer_rule": "centre"})
    state = desk.state()
    assert is_lit("player", {"name": "Jones"}, state)
    assert not is_lit("player", {"name": "Demo"}, state)
    assert not is_lit("player", {}, state)
    assert is_lit("dancer-rule", {"name": "centre"}, state)
    assert is_lit("layer", {"name": "logo"}, state)
    assert not is_lit("layer", {"name": "name"}, state)
    assert not is_lit("dump", {}, state)
