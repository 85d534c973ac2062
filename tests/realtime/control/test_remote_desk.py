"""The desk from another process: it answers, tells, counts, and whoever comes later finds it as it is."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from realtime.control import remote_desk
from realtime.control.desk import Desk, Event, Refused
from realtime.control.keys import Keymap
from realtime.control.network.openapi import described_actions
from realtime.control.remote_desk import DeskServer, RemoteDesk
from realtime.transport.bus import Bus
from realtime.transport.orders import Orders
from realtime.transport.telemetry import Meter, Totals

CHOICES = {"player": {"Demo": "", "Jones": "Jones"}}


class Place:
    """A desk, and ways to it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.stack = stack
        self.bus = stack.enter_context(closing(Bus(folder)))
        self.desk = Desk(Orders(), Keymap({"take": "x"}), CHOICES)
        self.totals = Totals()
        self.events: list[Event] = []
        self.desk.listen(self.events.append)
        stack.enter_context(closing(DeskServer(self.desk, self.totals, self.bus)))

    def state(self) -> object:
        """Of the desk, as JSON has it."""
        return json.loads(json.dumps(self.desk.state()))

    def remote(self) -> RemoteDesk:
        remote = RemoteDesk(self.bus, "web server", Keymap({"take": "x"}))
        self.stack.callback(remote.close)
        return remote


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(tmp_path, stack)


def wait_for(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_who_has_its_answer_has_heard_of_all_that_happened_before(place: Place) -> None:
    remote = place.remote()
    heard: list[Event] = []
    stop = remote.listen(heard.append)
    for n in range(1, 50):
        remote.act("fade-length", {"seconds": n / 10}, who="console")
        assert remote.state() == place.state()
        assert remote.state()["orders"]["fade_s"] == n / 10
    assert [event["type"] for event in heard] == 49 * ["action", "state"]
    stop()
    remote.act("slate", who="osc 10.0.0.5")
    assert place.desk.orders.slate
    assert len(heard) == 98
    assert place.events[-2]["who"] == "osc 10.0.0.5"


def test_it_is_told_what_others_do(place: Place) -> None:
    remote = place.remote()
    heard: list[Event] = []
    remote.listen(heard.append)
    place.desk.act("mirror", who="terminal")
    place.desk.report({"state": "LIVE"})
    place.desk.measure({"fps": 30.0})
    place.desk.tell("hello")
    wait_for(lambda: len(heard) == 5)
    assert [event["type"] for event in heard] == ["action", "state", "state", "stats", "message"]
    assert remote.state() == place.state()
    assert remote.state()["stats"] == {"fps": 30.0}


def test_what_is_refused_is_refused_with_the_desks_own_words(place: Place) -> None:
    remote = place.remote()
    for name, given, status, words in (
        ("tkae", {}, 404, "there is no action"),
        ("take", {}, 409, "take must be confirmed"),
        ("fade-length", {"seconds": "1"}, 422, "seconds must be a number (given: '1')"),
        ("fade-length", {"seconds": [1, {"deep": ()}]}, 422, "seconds must be a number"),
        ("fade-length", [b"\xff\x00"], 422, "seconds must be a number"),
        ("fade-length", [float("nan")], 422, "seconds must be a number"),
        ("player", {"name": "Smith"}, 422, "there are: Demo, Jones"),
    ):
        with pytest.raises(Refused) as refused:
            remote.act(name, given, who="test")  # type: ignore[arg-type]
        assert refused.value.status == status
        assert words in str(refused.value)
    assert [event["result"] for event in place.events if event["type"] == "action"][1].startswith("take must")
    remote.act("take", who="test", confirmed=True)
    assert place.desk.orders.taken


def test_notes_and_messages_reach_the_operators(place: Place) -> None:
    remote = place.remote()
    remote.note("10.0.0.5", "log in", "a wrong token")
    remote.tell("no file handle left")
    wait_for(lambda: len(place.events) == 2)
    assert (place.events[0]["action"], place.events[0]["result"]) == ("log in", "a wrong token")
    assert place.events[1]["text"] == "no file handle left"


def test_the_counts_are_those_of_the_show(place: Place) -> None:
    meter = Meter()
    for ms in (4, 9, 30):
        meter.time("pose", ms * 1_000_000)
    meter.drop("nobody", 3)
    place.totals.add(meter.take())
    place.totals.restarted("performer")
    found = place.remote().copy()
    assert found.counts == place.totals.counts
    assert found.restarts == place.totals.restarts
    assert (found.histograms()["pose"] == place.totals.histograms()["pose"]).all()


def test_the_table_of_actions_has_the_shows_keys_and_choices(place: Place) -> None:
    assert described_actions(place.remote()) == described_actions(place.desk)


def test_many_threads_ask_at_once(place: Place) -> None:
    remote = place.remote()
    errors: list[Exception] = []

    def ask(who: str) -> None:
        try:
            for _ in range(30):
                remote.act("mirror", who=who)
                remote.copy()
        except Refused as error:
            errors.append(error)

    threads = [threading.Thread(target=ask, args=(f"console {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sum(event["type"] == "action" for event in place.events) == 120


def test_the_next_process_finds_the_desk_as_it_is(place: Place) -> None:
    first = RemoteDesk(place.bus, "web server", Keymap())
    first.act("slate", who="test")
    first.close()
    for _ in range(2000):  # nobody hears: nothing waits, and nobody is held up
        place.desk.act("mirror", who="terminal")
    place.desk.act("freeze", who="terminal")
    second = place.remote()
    assert second.state() == place.state()
    assert second.state()["orders"]["frozen"]
    second.act("slate", who="test")


def test_a_desk_that_does_not_answer_is_said_to_be_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_desk, "GREETINGS", 2)
    with closing(Bus(tmp_path)) as bus, pytest.raises(Refused, match="the show does not answer") as refused:
        RemoteDesk(bus, "web server", Keymap())
    assert refused.value.status == 503


def test_a_question_that_cannot_be_answered_ends_nothing(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    remote = place.remote()
    for junk in (
        b"",
        b"[]",
        b"{}",
        b'{"id": 99, "ask": "close"}',
        b'{"id": 99, "ask": "act"}',
        b'{"id": [99], "ask": "count"}',
        b'{"id": null, "ask": ["count"]}',
        b'{"id": null, "ask": "tell", "text": {}}',
        b'{"id": 99, "ask": "act", "name": "slate", "given": 1, "who": "x", "confirmed": true}',
        b"[" * 99_999,
    ):
        remote._asked.send(junk)
    remote.act("slate", who="test")
    assert place.desk.orders.slate
    assert len([record for record in caplog.records if "not understood" in record.getMessage()]) == 1
    assert [event["type"] for event in place.events] == ["action", "state"]
