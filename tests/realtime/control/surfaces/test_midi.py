"""MIDI controllers: what keys and faders ask for, and which LEDs are lit."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.config.surfaces import Midi
from realtime.control import midi_port
from realtime.control.desk import Desk, Event
from realtime.control.keys import Keymap
from realtime.control.surfaces.mapping import Asked, midi_bindings
from realtime.control.surfaces.midi import PRESSES, Key, MidiSurface
from realtime.control.surfaces.midi_messages import Moved, led_of, moved_of
from realtime.transport.orders import Orders
from tests.realtime.control.fake_midi import FakeMidi


@pytest.mark.parametrize(
    ("data", "moved"),
    [
        ((0x90, 60, 127), Moved("note", 1, 60, 1.0)),
        ((0x9F, 60, 0), Moved("note", 16, 60, 0.0)),
        ((0x80, 60, 64), Moved("note", 1, 60, 0.0)),
        ((0xB1, 7, 127), Moved("cc", 2, 7, 1.0)),
        ((0xF8,), None),
        ((0xC0, 5), None),
        ((0xE0, 0, 64), None),
        ((0x90, 60), None),
        ((0x90, 200, 1), None),
        ((), None),
    ],
)
def test_what_a_message_tells(data: tuple[int, ...], moved: Moved | None) -> None:
    assert moved_of(data) == moved


@given(data=st.lists(st.integers(0, 255), max_size=5))
def test_whatever_bytes_come_they_are_within_bounds_or_nothing(data: list[int]) -> None:
    moved = moved_of(data)
    if moved is not None:
        assert 1 <= moved.channel <= 16
        assert 0 <= moved.number <= 127
        assert 0 <= moved.share <= 1


def midi(*entries: dict[str, Any], leds: bool = False) -> Midi:
    return Midi.model_validate({"port": "Deck", "leds": leds, "map": entries})


def key(**entry: Any) -> Key:
    return Key(*midi_bindings(midi(entry))[0])


def test_a_key_presses_and_its_end_does_nothing() -> None:
    take = key(note=36, action="take", confirm=True)
    asked = [take.turn(share) for share in (0.01, 0.0, 1.0, 1.0)]
    assert asked == [Asked("take", {}, True), None, Asked("take", {}, True), Asked("take", {}, True)]


def test_a_key_may_hold_something_on() -> None:
    freeze = key(note=36, action="freeze", value="on")
    assert [freeze.turn(share) for share in (0.5, 0.0)] == [
        Asked("freeze", {"on": True}),
        Asked("freeze", {"on": False}),
    ]


def test_a_control_change_is_a_button_or_a_switch() -> None:
    button = key(cc=64, action="mirror")
    assert [button.turn(share) for share in (0.0, 1.0, 0.9, 0.0)] == [None, Asked("mirror", {}), None, None]
    switch = key(cc=64, action="layer", arguments={"name": "logo"}, value="on")
    assert [switch.turn(share) for share in (1.0, 0.0)] == [
        Asked("layer", {"name": "logo", "on": True}),
        Asked("layer", {"name": "logo", "on": False}),
    ]


def test_a_fader_goes_over_the_range_of_its_argument() -> None:
    fader = key(cc=7, action="delay", value="seconds")
    fader.fader.move(64 / 127)
    assert fader.take(0.0) == Asked("delay", {"seconds": 2.52})
    knob = key(cc=8, action="camera", value="place")
    for n, share in enumerate((0.0, 0.3, 1.0)):
        knob.fader.move(share)
        assert knob.take(float(n)) == Asked("camera", {"place": (1, 3, 8)[n]})


@pytest.mark.parametrize(("given_channel", "heard"), [(None, (1, 2, 16)), (2, (2,))])
def test_a_channel_may_be_named(given_channel: int | None, heard: tuple[int, ...]) -> None:
    meant = key(note=36, channel=given_channel, action="take")
    assert tuple(channel for channel in (1, 2, 16) if meant.is_meant("note", channel, 36)) == heard
    assert not meant.is_meant("cc", 2, 36)


def test_the_message_of_an_led() -> None:
    assert led_of("note", 1, 36, lit=True) == (0x90, 36, 127)
    assert led_of("cc", 16, 7, lit=False) == (0xBF, 7, 0)


class FakeDeck(FakeMidi):
    """A controller with LEDs. lit: its keys that are."""

    def __init__(self) -> None:
        super().__init__("Deck 1")
        self.sent: list[tuple[int, ...]] = []
        self.Message = SimpleNamespace(from_bytes=tuple)
        self.outputs_opened = 0

    def get_output_names(self) -> list[str]:
        return self.names

    def open_output(self, name: str) -> SimpleNamespace:
        self.outputs_opened += 1
        return SimpleNamespace(send=self.sent.append, close=lambda: None)

    def play(self, *data: int) -> None:
        self.ports[-1].callback(SimpleNamespace(bytes=lambda: data))


async def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.005)


def test_keys_of_what_is_on_are_lit() -> None:
    desk = Desk(
        Orders(layers={"logo": True}), Keymap(), {"layer": {"logo": "logo"}, "player": {"A": "", "B": "B"}}
    )
    desk.report({"player": "B"})
    mapped = midi(
        {"note": 1, "action": "freeze"},
        {"note": 2, "channel": 3, "action": "layer", "arguments": {"name": "logo"}},
        {"cc": 3, "action": "player", "arguments": {"name": "B"}},
        {"cc": 4, "action": "fade-length", "value": "seconds"},
        {"note": 5, "action": "dump"},
        leds=True,
    )

    async def show(deck: FakeDeck) -> None:
        surface = MidiSurface(desk, mapped)
        await surface.start()
        with closing(surface):
            await until(lambda: len(deck.sent) == 4)
            assert deck.sent == [(0x90, 1, 0), (0x92, 2, 127), (0xB0, 3, 127), (0x90, 5, 0)]
            deck.sent.clear()
            deck.play(0x90, 1, 100)
            await until(lambda: deck.sent)
            assert deck.sent == [(0x90, 1, 127)], "only what has changed"
            assert desk.orders.frozen

    deck = FakeDeck()
    with deck.installed():
        asyncio.run(show(deck))
    assert deck.outputs_opened == 1


def test_a_broken_controller_is_bounded_and_a_fader_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys come while the clock stands still, so that no budget fills up meanwhile."""
    clock = SimpleNamespace(monotonic=time.monotonic, monotonic_ns=lambda: 0)
    monkeypatch.setattr(midi_port, "time", clock)
    desk = Desk(Orders(), Keymap(), {})
    events: list[Event] = []
    desk.listen(events.append)

    def is_of_fade(event: Event, seconds: float) -> bool:
        """The state that follows the action."""
        return event["type"] == "state" and event["orders"]["fade_s"] == seconds

    mapped = midi({"note": 1, "action": "mirror"}, {"cc": 7, "action": "fade-length", "value": "seconds"})

    async def show(deck: FakeDeck) -> None:
        surface = MidiSurface(desk, mapped)
        await surface.start()
        with closing(surface):
            await until(lambda: deck.ports)
            for _ in range(10 * PRESSES):
                deck.play(0x90, 1, 1)
            for n in range(1000):
                deck.play(0xB0, 7, n % 128)
            deck.play(0xB0, 7, 127)
            deck.play(0xF8)
            deck.play(0x90, 99, 1)
            await until(lambda: any(is_of_fade(event, 5.0) for event in list(events)))

    deck = FakeDeck()
    with deck.installed():
        asyncio.run(show(deck))
    names = [event["action"] for event in events if event["type"] == "action"]
    assert names.count("mirror") == PRESSES
    assert 1 <= names.count("fade-length") < 100


def test_a_missing_package_or_device_is_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(Orders(), Keymap(), {})
    told: list[str] = []
    desk.listen(lambda event: told.append(event["result"]) if event.get("action") == "midi" else None)

    async def show() -> None:
        surface = MidiSurface(desk, midi(leds=True))
        await surface.start()
        with closing(surface):
            await until(lambda: told)
            desk.act("mirror", who="a test")
            await asyncio.sleep(0.05)

    monkeypatch.setitem(sys.modules, "mido", None)
    asyncio.run(show())
    assert len(told) == 1
    assert told[0].startswith("MIDI needs mido and python-rtmidi")
    assert "pip install mido" in told[0]
    monkeypatch.undo()
    told.clear()
    with FakeMidi("Another").installed():
        asyncio.run(show())
    assert told == ["no MIDI device is named 'Deck': connect it, or name another (Another)"]
    assert not caplog.records
