"""A MIDI port: found by name, lost and found again, and never without its packages."""

import sys
import time
from collections.abc import Callable, Iterator

import pytest

from realtime.control import midi_port
from realtime.control.midi_port import MidiError, MidiPort, port_named, port_names
from tests.realtime.control.fake_midi import FakeMidi

NAMES = ("Midi Through:Midi Through Port-0 14:0", "Deck:Deck MIDI 1 20:0", "Deck:Deck MIDI 2 20:1")


@pytest.fixture
def midi() -> Iterator[FakeMidi]:
    with FakeMidi(*NAMES).installed() as fake:
        yield fake


def wait_for(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (NAMES[2], NAMES[2]),
        ("deck", NAMES[1]),
        ("Deck:Deck MIDI 2", NAMES[2]),
        ("MIDI 2", NAMES[2]),
        ("deck midi 1 ", NAMES[1]),
        ("Keys", None),
    ],
)
def test_a_port_is_meant_by_its_name_or_a_part_of_it(wanted: str, found: str | None) -> None:
    assert port_named(wanted, NAMES) == found


def test_messages_are_heard_with_their_time(midi: FakeMidi) -> None:
    heard: list[tuple[object, int]] = []
    port = MidiPort("Deck", lambda message, at_ns: heard.append((message, at_ns)), look_s=0.01)
    wait_for(lambda: port.reason == "")
    before_ns = time.monotonic_ns()
    midi.ports[0].callback("a message")
    assert midi.ports[0].name == NAMES[1]
    assert [message for message, _ in heard] == ["a message"]
    assert before_ns <= heard[0][1] <= time.monotonic_ns()
    port.close()
    assert midi.ports[0].closed


def test_a_device_is_unplugged_and_comes_back_under_another_number(midi: FakeMidi) -> None:
    told: list[str] = []
    port = MidiPort("Deck", lambda message, at_ns: None, told.append, look_s=0.01)
    wait_for(lambda: port.reason == "")
    midi.names[:] = NAMES[:1]
    wait_for(lambda: midi.ports[0].closed)
    wait_for(lambda: "connect it" in port.reason)
    midi.names.append("Deck:Deck MIDI 1 24:0")
    wait_for(lambda: port.reason == "")
    port.close()
    assert [each.name for each in midi.ports] == [NAMES[1], "Deck:Deck MIDI 1 24:0"]
    assert told == [
        f"the MIDI device {NAMES[1]} is heard",
        f"the MIDI device {NAMES[1]} is gone",
        f"no MIDI device is named 'Deck': connect it, or name another ({NAMES[0]})",
        "the MIDI device Deck:Deck MIDI 1 24:0 is heard",
    ]


def test_a_device_that_another_program_has_is_tried_again(midi: FakeMidi) -> None:
    midi.busy = True
    port = MidiPort("Deck", lambda message, at_ns: None, look_s=0.01)
    wait_for(lambda: "cannot be opened (it is busy): close the program that has it" in port.reason)
    midi.busy = False
    wait_for(lambda: port.reason == "")
    port.close()


@pytest.mark.parametrize("package", ["mido", "rtmidi"])
def test_a_missing_package_is_named_with_its_command(package: str, midi: FakeMidi) -> None:
    with pytest.MonkeyPatch.context() as patch:  # it ends before the stand-ins do, or would leave one behind
        patch.setitem(sys.modules, package, None)
        for ask in (port_names, lambda: MidiPort("Deck", lambda message, at_ns: None)):
            with pytest.raises(MidiError, match=r"MIDI needs mido and python-rtmidi .*pip install mido"):
                ask()


def test_a_machine_without_midi_says_so(midi: FakeMidi, monkeypatch: pytest.MonkeyPatch) -> None:
    midi.backend.name = "mido.backends.rtmidi"
    monkeypatch.setattr(midi_port.sys, "platform", "linux")
    monkeypatch.setattr(midi_port, "SEQUENCER", midi_port.Path("/dev/null/none"))
    try:
        with pytest.raises(MidiError, match=r"no MIDI .*modprobe snd-seq"):
            port_names()
    finally:
        midi.backend.name = "fake"
