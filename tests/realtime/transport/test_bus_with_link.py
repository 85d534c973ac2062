"""Two machines, played by two loopback addresses: the sockets, their keys, and pixels in messages."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import zmq

from realtime.transport.bus import MOST_MESSAGE_BYTES, TOPICS, Bus, Link, Side, receive_newest
from realtime.transport.curve_keys import KeyFileError, key_pair, main, make_keys
from tests.ports import free_ports

PERFORMER, PLAYOUT = "127.0.0.2", "127.0.0.1"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    make_keys(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def link(keys: Path) -> Link:
    return Link("playout", PERFORMER, PLAYOUT, free_ports(len(TOPICS), (PERFORMER, PLAYOUT)), keys)


@pytest.fixture
def buses(link: Link, tmp_path: Path) -> Iterator[Callable[[Link], Bus]]:
    opened: list[Bus] = []

    def make(link: Link) -> Bus:
        opened.append(Bus(tmp_path, link))
        return opened[-1]

    yield make
    for bus in opened:
        bus.close()


def heard(
    sender: zmq.Socket[bytes], receiver: zmq.Socket[bytes], message: bytes, seconds: float = 60
) -> bool:
    """Whether the message arrives while it is sent again and again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        sender.send(message, zmq.NOBLOCK)
        if receive_newest(receiver) == message:
            return True
        time.sleep(0.02)
    return False


def test_a_topic_that_crosses_goes_from_address_to_address(link: Link, buses: Callable[[Link], Bus]) -> None:
    far = buses(replace(link, side="performer"))
    tickets = far.sender("tickets", "performer")
    assert tickets.getsockopt(zmq.LAST_ENDPOINT).startswith(f"tcp://{PERFORMER}:".encode())
    assert heard(tickets, buses(link).receiver("tickets", "playout"), b"frame")


def test_each_side_opens_ports_of_its_own(link: Link) -> None:
    performer, playout = replace(link, side="performer"), link
    assert performer.port_of("tickets") in performer.listens_on()
    assert playout.port_of("far_orders") in playout.listens_on()
    both = {*performer.listens_on(), *playout.listens_on()}
    assert both == {link.port_of(name) for name, topic in TOPICS.items() if topic.crosses != "never"}
    assert not {*performer.listens_on()} & {*playout.listens_on()}


@pytest.mark.parametrize("side", ["performer", "playout"])
def test_the_list_for_a_firewall_has_all_ports(link: Link, side: Side) -> None:
    text = (Path(__file__).parents[3] / "docs" / "programme.md").read_text(encoding="utf-8")
    *ports, last = map(str, replace(link, side=side, port=5570).listens_on())
    assert f"{', '.join(ports)} and {last}" in text


def test_a_topic_that_stays_is_not_to_be_had_from_outside(
    link: Link, buses: Callable[[Link], Bus], tmp_path: Path
) -> None:
    orders = buses(link).sender("orders", "supervisor")
    assert orders.getsockopt(zmq.LAST_ENDPOINT).startswith(b"ipc://")
    assert (tmp_path / "orders").is_socket()


@pytest.mark.parametrize("stranger", ["playout", "performer"])
def test_a_wrong_key_is_refused_on_either_side(
    link: Link, buses: Callable[[Link], Bus], tmp_path: Path, stranger: str
) -> None:
    make_keys(tmp_path / "others")
    (tmp_path / "mixed").mkdir()
    for path in (tmp_path / "others").iterdir():  # his own pair, but he knows our public keys
        own = path.name.startswith(stranger)
        source = path if own else link.keys / path.name
        (tmp_path / "mixed" / path.name).write_bytes(source.read_bytes())
        (tmp_path / "mixed" / path.name).chmod(0o600)
    sides = {side: replace(link, side=side) for side in ("performer", "playout")}
    sides[stranger] = replace(sides[stranger], keys=tmp_path / "mixed")
    sender = buses(sides["performer"]).sender("tickets", "performer")
    receiver = buses(sides["playout"]).receiver("tickets", "playout")
    assert not heard(sender, receiver, b"frame", seconds=1)


def test_no_key_at_all_is_refused(link: Link, buses: Callable[[Link], Bus]) -> None:
    sender = buses(replace(link, side="performer")).sender("tickets", "performer")
    with zmq.Context() as context, context.socket(zmq.SUB) as spy:
        spy.setsockopt(zmq.SUBSCRIBE, b"")
        spy.connect(sender.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode())
        assert not heard(sender, spy, b"frame", seconds=1)


def test_a_socket_survives_a_stranger(link: Link, buses: Callable[[Link], Bus], tmp_path: Path) -> None:
    make_keys(tmp_path / "others")
    sender = buses(replace(link, side="performer")).sender("tickets", "performer")
    stranger = buses(replace(link, keys=tmp_path / "others")).receiver("tickets", "playout")
    assert not heard(sender, stranger, b"frame", seconds=0.5)
    assert heard(sender, buses(link).receiver("tickets", "playout"), b"frame")


@pytest.mark.parametrize("size", [MOST_MESSAGE_BYTES + 1, 2**62])
def test_a_stranger_takes_no_memory_before_any_key(
    link: Link, buses: Callable[[Link], Bus], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """ZMTP 3.1 (rfc.zeromq.org/spec/23): a greeting, and a command that says to be as long. It is ended at
    once, not after the time that a handshake may take."""
    monkeypatch.setattr("realtime.transport.bus.SILENCE_MS", 60_000)
    bus = buses(replace(link, side="performer"))
    sender = bus.sender("people", "performer")
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(20, b"\0") + bytes(32)
    began = time.monotonic()
    with socket.create_connection((PERFORMER, link.port_of("people")), timeout=30) as stranger:
        stranger.sendall(greeting + b"\x06" + size.to_bytes(8, "big") + bytes(1000))
        while True:
            try:
                if not stranger.recv(4096):
                    break
            except ConnectionError:
                break
    assert time.monotonic() - began < 30
    assert heard(sender, buses(link).receiver("people", "playout"), b"a" * (MOST_MESSAGE_BYTES // 2))


def test_keys_are_for_their_owner_alone(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = keys / "playout.key_secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    secret.chmod(0o644)
    with pytest.raises(KeyFileError, match=r"chmod 600 .*playout\.key_secret"):
        key_pair(keys, "playout")
    assert main([str(keys)]) == 2
    assert "is there already" in capsys.readouterr().err


def test_a_missing_or_broken_key_is_named(keys: Path) -> None:
    (keys / "performer.key_secret").unlink()
    with pytest.raises(KeyFileError, match=r"performer\.key_secret is no key"):
        key_pair(keys, "performer")
    (keys / "performer.key_secret").write_text("nonsense", encoding="utf-8")
    with pytest.raises(KeyFileError, match=r"performer\.key_secret is no key"):
        key_pair(keys, "performer")
    (keys / "performer.key_secret").write_bytes((keys / "performer.key").read_bytes())
    with pytest.raises(KeyFileError, match="holds no secret key"):
        key_pair(keys, "performer")


def test_the_command_makes_both_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "new" / "keys")]) == 0
    assert {path.name for path in (tmp_path / "new" / "keys").iterdir()} == {
        "performer.key", "performer.key_secret", "playout.key", "playout.key_secret",
    }  # fmt: skip
    assert "playout.key_secret" in capsys.readouterr().out
