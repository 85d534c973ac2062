"""What is sent to a show that must withstand it: the same for a seed, and nothing that it would do."""

from __future__ import annotations

import ipaddress
import json
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pytest

from realtime.control.desk import Desk, Refused
from realtime.control.keys import CONFIRM_KEY, Keymap
from realtime.control.remote_desk import _question
from realtime.control.surfaces.osc_messages import MalformedError, asked, messages
from realtime.transport.bus import Press, Status
from realtime.transport.messages import MessageError
from realtime.transport.orders import Orders
from realtime.transport.programme_ring import _wish
from tools.reliability.malformed import http_requests, offers, packets, websocket_frames
from tools.reliability.malformed.kinds import KINDS, sent

COUNT, TOKEN = 1500, "token"


class Acting:
    """A desk that is asked for whatever there is in a message. done: what it did."""

    def __init__(self) -> None:
        self._desk = Desk(Orders(), Keymap(), {"player": {"Demo": ""}})
        self.done: list[object] = []

    def act(self, name: object, given: Mapping[str, object] | Sequence[object], confirmed: object) -> None:
        with suppress(Refused):
            self._desk.act(str(name), given, who="test", confirmed=confirmed is True)
            self.done.append((name, given))


def test_a_seed_and_a_number_are_enough_to_send_one_again() -> None:
    assert [sent(3, n, TOKEN) for n in range(50)] == [sent(3, n, TOKEN) for n in range(50)]
    assert [sent(3, n, TOKEN) for n in range(50)] != [sent(4, n, TOKEN) for n in range(50)]
    kinds = Counter(sent(1, n, TOKEN).kind for n in range(COUNT))
    assert set(kinds) == set(KINDS)
    assert sum(share for share, _, _ in KINDS.values()) == 100


def test_no_body_asks_for_anything_that_is_done() -> None:
    acting = Acting()
    for n in range(COUNT):
        head, _, body = http_requests.odd_body(random.Random(n), TOKEN).partition(b"\r\n\r\n")
        assert body.strip(), "an empty body is an action without arguments"
        found = re.match(rb"POST /api/actions/(\S+)", head)
        with suppress(ValueError, RecursionError):
            given = json.loads(body)
            if found and isinstance(given, dict):
                acting.act(found[1].decode(), given, given.pop("confirm", False))
    assert acting.done == []


def test_no_websocket_message_asks_for_anything_that_is_done() -> None:
    acting = Acting()
    for n in range(COUNT):
        message = websocket_frames._asked(random.Random(n))
        if isinstance(message, dict) and isinstance(message.get("action"), str):
            given = message.get("arguments", {})
            if isinstance(given, dict):
                acting.act(message["action"], given, message.get("confirm"))
    assert acting.done == []


def test_no_osc_packet_asks_for_anything_that_is_done() -> None:
    acting = Acting()
    for n in range(COUNT):
        with suppress(MalformedError):
            for address, given in messages(packets.osc(random.Random(n))):
                if address.startswith("/dancecam/") and (order := asked(address, given)):
                    acting.act(order.name, order.given, order.confirmed)
    assert acting.done == []


def test_no_message_between_processes_is_one_that_they_follow() -> None:
    keys, parts = Keymap(), {"picture", "layer", "clean", "preview"}
    for n in range(COUNT):
        for part in packets.message(random.Random(n)):
            for read in (Status.unpack, _question):
                with pytest.raises(MessageError):
                    read(part)
            with suppress(MessageError):
                pressed = Press.unpack(part)
                assert keys.action_for(pressed.key) is None and pressed.key != CONFIRM_KEY
            with suppress(MessageError):
                assert not _wish(part)[1] & parts


def test_offers_name_candidates_of_this_machine_alone() -> None:
    """The show sends packets to whatever they name."""
    found = set()
    for n in range(COUNT):
        text = offers.offer(random.Random(n)).decode("utf-8", "replace")
        found |= {
            line.split()[4] for line in text.splitlines() if re.match(r"a=candidate:\S+ \S+ \S+ \S+ ", line)
        }
    hosts = {host for host in found if not host.endswith(".local") and host != "999.1.1.1"}
    assert hosts >= {"127.0.0.1", "::1"}
    assert all(ipaddress.ip_address(host).is_loopback for host in hosts)
