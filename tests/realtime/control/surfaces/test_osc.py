"""OSC: what packets ask for, what is answered, and what a network full of strangers can do with it."""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from realtime.config.control import Control
from realtime.control.actions import ACTIONS
from realtime.control.desk import Desk, Event
from realtime.control.keys import Keymap
from realtime.control.network.server import ControlServer
from realtime.control.surfaces.mapping import Asked
from realtime.control.surfaces.osc import (
    ALL_MESSAGES,
    ANSWER_BYTES,
    MESSAGES,
    MOST_SENDERS,
    MOST_SUBSCRIBERS,
    Address,
    OscServer,
)
from realtime.control.surfaces.osc_messages import (
    DEEPEST,
    MOST_MESSAGES,
    MalformedError,
    asked,
    messages,
)
from realtime.transport.orders import Orders
from realtime.transport.telemetry import Totals
from tests.ports import free_port

STRANGER: Address = ("192.0.2.1", 5000)


class Osc:
    """A client of the OSC server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(60)
        self._socket.connect(("127.0.0.1", port))

    def send(self, data: bytes) -> tuple[str, list[object]]:
        """What the first answer is: (address, arguments)."""
        self._socket.send(data)
        return self.hear()

    def say(self, data: bytes) -> None:
        self._socket.send(data)

    def hear(self) -> tuple[str, list[object]]:
        message = OscMessage(self._socket.recv(65536))
        return message.address, list(message)

    def close(self) -> None:
        self._socket.close()


def osc(address: str, *values: object) -> bytes:
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build().dgram


@pytest.fixture
def heard_by_osc() -> Iterator[tuple[Desk, Osc]]:
    port = free_port(socket.SOCK_DGRAM)
    desk = Desk(Orders(), Keymap(), {})
    server = ControlServer(
        desk,
        Totals(),
        lambda: None,
        token="a-token-of-a-test",
        host="127.0.0.1",
        port=0,
        control=Control(osc_port=port),
    )
    with closing(server), closing(Osc(port)) as client:
        yield desk, client


def test_a_pad_is_tapped_along_with_the_music(
    heard_by_osc: tuple[Desk, Osc], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, client = heard_by_osc
    now = SimpleNamespace(monotonic_ns=iter(range(0, 10**10, 60 * 10**9 // 120)).__next__)
    monkeypatch.setattr("realtime.control.desk.time", now)
    for _ in range(4):
        client.say(osc("/dancecam/tap", 0.0))  # it was let go
        assert client.send(osc("/dancecam/tap", 1.0)) == ("/dancecam/done", ["tap"])
    assert desk.orders.bpm == 120


def test_osc_lists_itself_and_does_every_kind_of_action(heard_by_osc: tuple[Desk, Osc]) -> None:
    desk, client = heard_by_osc
    listed = dict([client.send(osc("/dancecam")), *(client.hear() for _ in range(len(ACTIONS) - 1))])
    assert listed["/dancecam/pick"] == ["x, y, or x0, y0, x1, y1", ACTIONS["pick"].help]
    assert set(listed) == {f"/dancecam/{name}" for name in ACTIONS}
    assert client.send(osc("/dancecam/fade-length", 1.5)) == ("/dancecam/done", ["fade-length"])
    assert desk.orders.fade_s == 1.5
    assert client.send(osc("/dancecam/freeze", 1))[0] == "/dancecam/done"
    assert client.send(osc("/dancecam/freeze", True))[0] == "/dancecam/done"
    assert desk.orders.frozen
    assert client.send(osc("/dancecam/pick", 0.25, 0.5))[0] == "/dancecam/done"
    assert desk.orders.pick == (0.25, 0.5)
    assert client.send(osc("/dancecam/take", "confirm")) == ("/dancecam/done", ["take"])
    assert desk.orders.taken
    assert client.send(osc("/dancecam/tempo", 97.5)) == ("/dancecam/done", ["tempo"])
    assert client.send(osc("/dancecam/beat", 1, "confirm")) == ("/dancecam/done", ["beat"])
    assert (desk.orders.bpm, desk.orders.beat) == (97.5, True)
    bundle = OscBundleBuilder(IMMEDIATELY)
    for name in ("mirror", "slate"):
        bundle.add_content(OscMessage(osc(f"/dancecam/{name}")))
    assert client.send(bundle.build().dgram) == ("/dancecam/done", ["mirror"])
    assert client.hear() == ("/dancecam/done", ["slate"])
    assert desk.orders.slate


def test_a_subscriber_hears_what_others_do_and_what_is_on_air(heard_by_osc: tuple[Desk, Osc]) -> None:
    desk, client = heard_by_osc
    desk.report({"state": "FALLBACK", "reason": "waits for TAKE"})
    assert client.send(osc("/dancecam/subscribe")) == ("/dancecam/state", ["FALLBACK", "waits for TAKE"])
    desk.act("mirror", who="console 10.0.0.5")
    assert client.hear() == ("/dancecam/action", ["mirror", "console 10.0.0.5", "done"])
    desk.report({"state": "LIVE", "reason": "frames come steadily"})
    while (heard := client.hear())[1][0] != "LIVE":
        assert heard == ("/dancecam/state", ["FALLBACK", "waits for TAKE"])
    assert heard == ("/dancecam/state", ["LIVE", "frames come steadily"])


def test_subscribers_are_not_without_number(heard_by_osc: tuple[Desk, Osc]) -> None:
    _, first = heard_by_osc
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(closing(Osc(first.port))) for _ in range(MOST_SUBSCRIBERS)]
        for client in clients:
            assert client.send(osc("/dancecam/subscribe"))[0] == "/dancecam/state"
        assert first.send(osc("/dancecam/subscribe"))[0] == "/dancecam/refused"
        assert clients[0].send(osc("/dancecam/subscribe"))[0] == "/dancecam/state", "renewed"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (osc("/dancecam/take"), "take must be confirmed"),
        (osc("/dancecam/tkae"), "there is no action 'tkae'"),
        (osc("/dancecam/delay", 6.0), "seconds must be 0 to 5 s"),
        (osc("/dancecam/delay", "x"), "seconds must be a number"),
        (osc("/dancecam/slate", "x"), "give nothing (given: 1 arguments)"),
        (osc("/dancecam/freeze/on", "x"), "there is no action 'freeze/on'"),
    ],
)
def test_osc_that_cannot_be_done_is_answered(heard_by_osc: tuple[Desk, Osc], data: bytes, words: str) -> None:
    desk, client = heard_by_osc
    address, answer = client.send(data)
    assert address == "/dancecam/refused"
    assert words in str(answer[1])
    assert desk.orders == Orders()


@pytest.mark.parametrize(
    ("address", "sent", "expected"),
    [
        ("slate", (1.0,), Asked("slate")),
        ("slate", (1,), Asked("slate")),
        ("slate", (True,), Asked("slate")),
        ("slate", (0.0,), None),
        ("slate", (0,), None),
        ("slate", (False,), None),
        ("take", ("confirm", 1.0), Asked("take", (), True)),
        ("take", (1.0, "confirm"), Asked("take", (), True)),
        ("take", ("confirm", 0.0), None),
        ("record", (), Asked("record")),
        ("record", (1.0,), Asked("record")),
        ("record", (0.0,), None),
        ("record", (1,), Asked("record", (1,))),
        ("record", (0,), Asked("record", (0,))),
        ("record", (False,), Asked("record", (False,))),
        ("record/on", (1.0,), Asked("record", (True,))),
        ("record/on", (0.0,), Asked("record", (False,))),
        ("skeleton/on", (1, "confirm"), Asked("skeleton", (True,), True)),
        ("slate/on", (1.0,), Asked("slate/on", (1.0,))),
        ("layer", ("logo",), Asked("layer", ("logo",))),
        ("layer", ("logo", 1), Asked("layer", ("logo", 1))),
        ("layer", ("logo", 1.0), Asked("layer", ("logo",))),
        ("layer", ("logo", 0.0), None),
        ("layer/on", ("logo", 0.0), Asked("layer", ("logo", False))),
        ("layer-1", (1.0,), Asked("layer-1")),
        ("fan-name", ("Zoë",), Asked("fan-name", ("Zoë",))),
        ("fade-length", (0.0,), Asked("fade-length", (0.0,))),
        ("fade-length", (1.5, 1.0), Asked("fade-length", (1.5,))),
        ("fade-length", (1.5, 0.0), None),
        ("pick", (0.0, 0.0), Asked("pick", (0.0, 0.0))),
        ("pick", (0.1, 0.2, 0.0), None),
        ("player", ("Jones", 1.0), Asked("player", ("Jones",))),
        ("player", ("Jones", "confirm", 1.0), Asked("player", ("Jones",), True)),
        ("player", ("Jones", 0.0), None),
    ],
)
def test_a_buttons_number_is_its_press_and_its_release(
    address: str, sent: tuple[object, ...], expected: Asked | None
) -> None:
    assert asked(f"/dancecam/{address}", sent) == expected


@pytest.mark.parametrize(
    ("name", "field"),
    [("freeze", "frozen"), ("mirror", "mirror"), ("record", "recording"), ("arm", "armed")],
)
def test_a_momentary_button_turns_over_once(heard_by_osc: tuple[Desk, Osc], name: str, field: str) -> None:
    desk, client = heard_by_osc
    for expected in (True, False, True):
        assert client.send(osc(f"/dancecam/{name}", 1.0)) == ("/dancecam/done", [name])
        client.say(osc(f"/dancecam/{name}", 0.0))
        assert client.send(osc("/dancecam/help")) == ("/dancecam/done", ["help"]), (
            "the release gets no answer"
        )
        assert getattr(desk.orders, field) is expected


def test_the_panic_button_works_as_controllers_send_it(heard_by_osc: tuple[Desk, Osc]) -> None:
    desk, client = heard_by_osc
    assert client.send(osc("/dancecam/slate", 1.0)) == ("/dancecam/done", ["slate"])
    assert desk.orders.slate


MALFORMED = [
    b"",
    b"no osc",
    b"/dancecam/\xff\xfe\0\0",
    b"/dancecam/player\0\0\0\0,s\0\0\xff\xff\xff\0",
    b"/dancecam/slate\0,I\0\0",
    b"/dancecam/slate\0,i\0\0",
    b"/dancecam/slate\0,d\0\0\0",
    b"/dancecam/delay\0,f\0\0" + struct.pack(">f", float("nan")),
    b"#bundle\0",
    b"#bundle\0" + bytes(8) + struct.pack(">i", -4),
    b"#bundle\0" + bytes(8) + struct.pack(">i", -4) + b"/a\0\0",
    b"#bundle\0" + bytes(8) + struct.pack(">i", 1 << 30),
    b"#bundle\0" + bytes(8) + struct.pack(">i", 0),
    b"#bundle\0" + bytes(8) + (struct.pack(">i", 12) + osc("/dancecam")) * (MOST_MESSAGES + 1),
    b"/" + bytes(9000),
]


@pytest.mark.parametrize("packet", MALFORMED)
def test_a_malformed_packet_is_ignored_and_counted(
    heard_by_osc: tuple[Desk, Osc], packet: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    desk, client = heard_by_osc
    events: list[Event] = []
    desk.listen(events.append)
    with pytest.raises(MalformedError):
        messages(packet)
    client.say(packet)
    assert client.send(osc("/dancecam/help")) == ("/dancecam/done", ["help"])
    assert [event["result"] for event in events] == ["ignored so far: 1 malformed", "done"]
    assert not caplog.records
    assert desk.orders == Orders()


def test_bundles_in_bundles_have_an_end() -> None:
    packet = osc("/dancecam/slate")
    for depth in range(DEEPEST + 1):
        if depth <= DEEPEST - 1:
            assert messages(packet) == [("/dancecam/slate", ())]
        packet = b"#bundle\0" + bytes(8) + struct.pack(">i", len(packet)) + packet
    with pytest.raises(MalformedError, match="too deep"):
        messages(packet)


def player_message(values: list[object]) -> bytes:
    return osc("/dancecam/player", *(v.replace("\0", "") if isinstance(v, str) else v for v in values))


@settings(max_examples=300)
@given(
    packet=st.binary(max_size=200)
    | st.binary(max_size=80).map(lambda data: b"#bundle\0" + data)
    | st.binary(max_size=80).map(lambda data: b"/dancecam/slate\0," + data)
    | st.lists(
        st.text() | st.integers(-(2**31), 2**31 - 1) | st.floats(width=32) | st.booleans(), max_size=4
    ).map(player_message)
)
@example(packet=MALFORMED[2])
def test_whatever_comes_there_is_no_exception_and_nothing_on_stderr(packet: bytes) -> None:
    records: list[logging.LogRecord] = []
    watch = logging.Handler()
    watch.emit = records.append  # type: ignore[method-assign]  # a handler that remembers
    logging.getLogger().addHandler(watch)
    try:
        server = OscServer(Desk(Orders(), Keymap(), {"player": {"Demo": ""}}), "127.0.0.1", 0)
        server.datagram_received(packet, STRANGER)
        server.asker.wait()
        server.close()
    finally:
        logging.getLogger().removeHandler(watch)
    assert not records


class Sent:
    """A transport that remembers."""

    def __init__(self) -> None:
        self.data: list[bytes] = []

    def sendto(self, data: bytes, to: Address) -> None:
        self.data.append(data)

    def close(self) -> None:
        pass


class AtOnce:
    """A loop that does at once what other threads hand it."""

    def is_closed(self) -> bool:
        return False

    def call_soon_threadsafe(self, what: Callable[..., object], *given: object) -> None:
        what(*given)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> tuple[OscServer, Sent]:
    """A server beyond loopback, whose clock stands still."""
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    server, sent = OscServer(Desk(Orders(), Keymap(), {}), "0.0.0.0", 0), Sent()  # noqa: S104  # not opened
    monkeypatch.setattr(server, "_transport", sent)
    monkeypatch.setattr(server, "_loop", AtOnce())
    return server, sent


def test_a_forged_address_is_sent_little(answers: tuple[OscServer, Sent]) -> None:
    server, sent = answers
    server.datagram_received(osc("/dancecam"), STRANGER)
    assert not sent.data, "the list is for subscribers"
    server.datagram_received(osc("/dancecam/done", "slate"), STRANGER)
    server.datagram_received(osc("/dancecam/refused", "slate", "why"), STRANGER)
    assert not sent.data, "answers are not answered"
    server.datagram_received(osc("/dancecam/subscribe"), STRANGER)
    server.datagram_received(osc("/dancecam"), STRANGER)
    assert len(sent.data) == 1 + len(ACTIONS)
    for n in range(1000):
        server.datagram_received(osc("/dancecam"), ("192.0.2.1", n))
        server.datagram_received(osc("/dancecam/tkae"), (f"192.0.2.{n % 250}", n))
        server.asker.wait()
    assert sum(len(data) for data in sent.data) <= ANSWER_BYTES
    assert server.ignored["not answered"] > 100


def test_a_flood_is_bounded_and_holds_up_nobody_else(answers: tuple[OscServer, Sent]) -> None:
    server, _ = answers
    events: list[Event] = []
    server._desk.listen(events.append)
    for _ in range(10 * MESSAGES):
        server.datagram_received(osc("/dancecam/mirror"), STRANGER)
    server.asker.wait()
    assert len([event for event in events if event["type"] == "action"]) <= MESSAGES + 1
    assert len([event for event in events if event.get("action") == "osc"]) == 1
    server.datagram_received(osc("/dancecam/slate", 1.0), ("192.0.2.9", 5000))
    server.asker.wait()
    assert server._desk.orders.slate
    for n in range(10 * ALL_MESSAGES):
        server.datagram_received(osc("/dancecam/mirror"), (f"10.0.{n % 4000 >> 8}.{n & 255}", 5000))
    server.asker.wait()
    assert len([event for event in events if event["type"] == "action"]) <= ALL_MESSAGES + 10
    assert len(server._heard._budgets) <= MOST_SENDERS
    server.datagram_received(osc("/dancecam/fallback"), ("127.0.0.1", 5000))
    server.asker.wait()
    assert not server._desk.orders.slate, "this machine is heard all the same"


def test_what_is_meant_for_others_is_counted_and_not_told(answers: tuple[OscServer, Sent]) -> None:
    server, sent = answers
    events: list[Event] = []
    server._desk.listen(events.append)
    server.datagram_received(osc("/accxyz", 0.1, 0.2, 0.3), STRANGER)
    server.datagram_received(osc("/dancecamera", 1.0), STRANGER)
    assert server.ignored["not ours"] == 2
    assert not events and not sent.data
