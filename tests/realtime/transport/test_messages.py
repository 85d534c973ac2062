"""Messages of another version, with fields that are new or missing, and bytes that are no message."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.control.show_state import Figures, ShowStatus, StageState, show_facts, status_line
from realtime.link.remote_clock import time_in
from realtime.programme.camera_preview import draw_people
from realtime.supervise.rig import Player, rigged
from realtime.transport.bus import TICKET_BYTES, Press, Status, Ticket
from realtime.transport.messages import PROTOCOL, MessageError, OtherVersion, pack
from realtime.transport.orders import Orders
from realtime.transport.people import People
from realtime.transport.statuses import OutputStatus, PerformerStatus, PlayoutStatus, TempoStatus
from realtime.transport.swap import SwapStatus
from realtime.transport.telemetry import BINS, Delta, Totals
from tests.realtime.fakes import fake_nets, fake_show

TICKET = Ticket(5, 2, 77, True, 70, 41_666_667, 10**15, 10**15 + 1, 10**15 + 2, 3, True, 0, 7, 10**9)
ORDERS = Orders(taken=True, player="Jones", pick=(0.25, 0.5), picks=3, bpm=97.5, taps=(1 << 61,))
STATUS = Status(
    "performer",
    1,
    99,
    True,
    Delta({"frames.captured": 3}, {"pose": {49: 1}}, [(5, "LIVE")]),
    playout=PlayoutStatus("LIVE", latency_ms=42.5, tick=7),
    performer=PerformerStatus("sound", 0.5, camera_size=(640, 480), player=SwapStatus("Jones")),
    output=OutputStatus("wall", "ndi", dropped={"slow": 2}),
    tempo=TempoStatus("Ableton Link", "", 97.5),
)
PEOPLE = People((640, 480), ((7, 0.1, 0.2, 0.3, 0.4),), 7, tuple((0.5, 0.5, 1.0) for _ in range(33)))
MESSAGES = [ORDERS, STATUS, PEOPLE]
KINDS: list[Any] = [Orders, Status, People]


def changed(message: Any, **fields: object) -> bytes:
    return json.dumps({"version": PROTOCOL, **asdict(message), **fields}).encode()


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_comes_back_as_it_was(message: Any) -> None:
    assert type(message).unpack(message.pack()) == message


@pytest.mark.parametrize("message", MESSAGES)
def test_a_field_of_a_later_program_is_left_out(message: Any) -> None:
    assert type(message).unpack(changed(message, lights={"on": True}, volume=1.5)) == message


def test_a_field_that_an_earlier_program_lacks_takes_its_default() -> None:
    fields = json.loads(ORDERS.pack())
    for name in ("recording", "picks", "fade_s", "bpm", "taps"):
        del fields[name]
    assert Orders.unpack(json.dumps(fields).encode()) == Orders(taken=True, player="Jones", pick=(0.25, 0.5))
    delta = {"counts": {"frames.posed": 1}}
    status = {"version": PROTOCOL, "stage": "performer", "attempt": 0, "alive_ns": 1, "ready": True}
    found = Status.unpack(json.dumps({**status, "delta": delta}).encode())
    assert found.delta == Delta({"frames.posed": 1})


@pytest.mark.parametrize("message", MESSAGES)
def test_another_version_is_named_in_one_line(message: Any) -> None:
    for version in (PROTOCOL + 1, 0):
        with pytest.raises(OtherVersion, match=f"version {version} of the protocol.*version {PROTOCOL}"):
            type(message).unpack(changed(message, version=version))
    without = json.dumps(asdict(message)).encode()
    with pytest.raises(OtherVersion, match="version 0"):
        type(message).unpack(without)


def test_a_ticket_carries_the_version_too() -> None:
    assert Ticket.unpack(TICKET.pack()) == TICKET
    with pytest.raises(OtherVersion, match=f"version {PROTOCOL + 1}"):
        Ticket.unpack(bytes([PROTOCOL + 1]) + TICKET.pack()[1:])
    for data in (b"", TICKET.pack()[:-1], TICKET.pack() + b"x"):
        with pytest.raises(MessageError):
            Ticket.unpack(data)


def test_the_clock_of_another_version_is_not_believed() -> None:
    assert time_in(bytes([PROTOCOL]) + (77).to_bytes(8, "little")) == 77
    for answer in (b"", (77).to_bytes(8, "little"), bytes([PROTOCOL + 1]) + bytes(8), bytes(100)):
        assert time_in(answer) is None


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (ORDERS, {"fade_s": 1e300}),
        (ORDERS, {"delay_s": float("nan")}),
        (ORDERS, {"delay_s": -1}),
        (ORDERS, {"pick": [0.1] * 5}),
        (ORDERS, {"pick": "left"}),
        (ORDERS, {"player": None}),
        (ORDERS, {"version": "1"}),
        (STATUS, {"delta": None}),
        (STATUS, {"delta": {"counts": {}, "times": {"pose": {str(BINS): 1}}, "events": []}}),
        (STATUS, {"delta": {"counts": {"frames.posed": 10**30}, "times": {}, "events": []}}),
        (STATUS, {"performer": []}),
        (STATUS, {"performer": {"confidence": float("nan")}}),
        (STATUS, {"performer": {"confidence": "high"}}),
        (STATUS, {"performer": {"confidence": 7}}),
        (STATUS, {"output": {"name": "wall"}}),
        (STATUS, {"output": {"name": "wall", "kind": "ndi", "state": "melted"}}),
        (PEOPLE, {"size": [0, 480]}),
        (PEOPLE, {"boxes": [[1, 2]]}),
        (PEOPLE, {"landmarks": [[0.5, float("inf"), 1.0]]}),
    ],
)
def test_values_that_cannot_be_are_refused_by_name(kind: Any, fields: dict[str, object]) -> None:
    with pytest.raises(MessageError) as caught:
        type(kind).unpack(changed(kind, **fields))
    assert "\n" not in str(caught.value)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=300)
@given(data=st.binary(max_size=120))
def test_no_bytes_raise_anything_but_that_they_are_no_message(data: bytes) -> None:
    for kind in (*KINDS, Ticket):
        try:
            kind.unpack(data)
        except MessageError:
            continue
        assert kind is Ticket and len(data) == TICKET_BYTES
    time_in(data)


@settings(max_examples=300)
@given(message=st.sampled_from(MESSAGES), field=st.data(), value=values)
def test_what_is_read_can_be_used(message: Any, field: st.DataObject, value: object) -> None:
    name = field.draw(st.sampled_from(sorted(asdict(message))))
    try:
        read = type(message).unpack(changed(message, **{name: value}))
    except MessageError:
        return
    type(message).unpack(read.pack())
    if isinstance(read, Status):
        totals = Totals()
        totals.add(read.delta)
        outputs = () if read.output is None else (read.output,)
        stages = {read.stage: StageState(read.ready, read.doing, read.doing_s, read.part, read.parts)}
        status = ShowStatus(
            stages, read.playout or PlayoutStatus(), read.performer or PerformerStatus(), outputs
        )
        json.dumps(Figures().take(totals, status))
        json.dumps(show_facts({}, Orders(), status, {}))
        status_line(Orders(), status, totals)
    if isinstance(read, People):
        draw_people(read, np.zeros((48, 64, 3), np.uint8))


@settings(max_examples=200)
@given(data=st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()))
def test_a_key_of_a_window_is_read_or_refused(data: bytes) -> None:
    try:
        press = Press.unpack(data)
    except MessageError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert Press.unpack(press.pack()) == press


def test_no_path_crosses_to_the_other_machine() -> None:
    assert "/" not in ORDERS.pack().decode()


def test_each_machine_finds_the_player_in_its_own_show(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    player = Player(player.name, player.size, player.standby, {"Jones": tmp_path / "here" / "jones"})
    with rigged(show, player, fake_nets, tmp_path, None) as rig:
        assert rig.folder_of("Jones") == tmp_path / "here" / "jones"
        assert rig.folder_of("") == rig.folder_of(player.name) == show.player
        assert rig.folder_of("Smith") is None
        assert rig.folder_of("/packs/jones") is None
        assert rig.standby_of("Jones") == tmp_path / "here" / "jones" / "standby.mp4"
        assert rig.standby_of("Smith") == rig.standby_of("") == player.standby


def test_a_new_kind_of_message_needs_nothing_else() -> None:
    @dataclass(frozen=True)
    class Tempo:
        beats: float = 120.0

    assert json.loads(pack(Tempo())) == {"version": PROTOCOL, "beats": 120.0}
