"""What must not end a show: no handles left, messages that nobody can read, the supervisor's own failures."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from realtime.config.outputs import Recorder
from realtime.control.desk import Event
from realtime.stages.table import PERFORMER, stages_of
from realtime.supervise.operators import MOST_LINES, Operators
from realtime.supervise.supervisor import Supervisor
from realtime.transport.bus import Bus
from realtime.transport.telemetry import Totals
from tests.realtime.fakes import Heard, fake_nets, fake_show
from tests.realtime.test_show_runs import (
    child,
    in_background,
    rings,
    states,
    states_since,
    ticks_go_on,
    wait_for,
    wait_until_back,
)

pytestmark = pytest.mark.usefixtures("own_folder")


def killed(name: str) -> psutil.Process:
    process = child(name)
    assert process is not None
    process.kill()
    return process


@contextmanager
def no_handle_left() -> Iterator[None]:
    """In this process, which starts the others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    taken: list[int] = []
    try:
        while True:
            taken.append(os.dup(0))
    except OSError:
        yield
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_performer_that_cannot_be_started_for_want_of_handles_is_started_later(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    heard = Heard()
    supervisor = Supervisor(show, player, fake_nets, heard)

    def run_out() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        performer = child("performer")
        assert performer is not None
        with no_handle_left():
            os.kill(performer.pid, 9)
            wait_for(lambda: any("Too many open files" in line for line in heard.lines))
            ticks_go_on(supervisor)
        wait_until_back(supervisor)

    errors = in_background(supervisor, run_out)
    supervisor.run()
    assert not errors
    assert sum("Too many open files" in line for line in heard.lines) == 1, "it is told once"


def test_messages_that_nobody_can_read_are_told_and_the_show_goes_on(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    heard = Heard()
    supervisor = Supervisor(show, player, fake_nets, heard)
    junk = [b"", b"\xff", b"no JSON", b"[]", b"{}", b'{"stage": "nobody"}', b"[1, 2, 3]", b'"text"', b"9"]

    def confuse() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        (folder,) = tmp_path.glob("dancecam-*")
        with closing(Bus(folder)) as bus:
            senders = [bus.sender(topic, "stranger") for topic in ("status", "actions")]
            for message in 200 * junk:
                for sender in senders:
                    sender.send(message)
            wait_for(lambda: any(line.startswith("what stages say") for line in heard.lines))
            wait_for(lambda: any(line.startswith("keys in windows") for line in heard.lines))
        ticks_go_on(supervisor)

    errors = in_background(supervisor, confuse)
    supervisor.run()
    assert not errors
    assert supervisor.report()["restarts"] == {}, "heartbeats are heard between them"
    told = [line for line in heard.lines if line.endswith("the show goes on")]
    assert len(told) == len(set(told)) < 25


def test_a_failure_of_the_supervisors_own_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show, player = fake_show(tmp_path)
    heard = Heard()
    supervisor = Supervisor(show, player, fake_nets, heard)
    told = "what operators are told: a fault of ours; the show goes on"

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault of\nours")

    def look() -> None:
        wait_for(lambda: told in heard.lines and "LIVE" in states(supervisor))
        ticks_go_on(supervisor)

    monkeypatch.setattr(Operators, "report", broken)
    errors = in_background(supervisor, look)
    supervisor.run()
    assert not errors
    assert heard.lines.count(told) == 1


def test_a_playout_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    """Its rings are the supervisor's: the next one and the outputs have the same."""
    show, player = fake_show(tmp_path, outputs=(Recorder(kind="recorder", folder=tmp_path / "takes"),))
    supervisor = Supervisor(show, player, fake_nets, Heard())
    seen: list[set[Path]] = []

    def kill_it() -> None:
        for n in range(3):
            wait_for(lambda n=n: supervisor.totals.restarts["playout"] == n)
            seen_now = (
                partial(states_since, supervisor, "playout was lost") if n else partial(states, supervisor)
            )
            wait_for(lambda seen_now=seen_now: seen_now()[-1:] == ["LIVE"])
            seen.append(rings())
            if n < 2:
                killed("playout")

    errors = in_background(supervisor, kill_it)
    supervisor.run()
    assert not errors
    assert seen == 3 * [seen[0]] and len(seen[0]) == 3, "the player's, the camera's and the programme's"
    assert not any(ring.exists() for ring in seen[0])
    assert not list(tmp_path.glob("**/dancecam-*"))


GIVEN_UP = "The performer is given up"


@pytest.mark.parametrize("given_up", [False, True])
def test_the_operator_starts_the_performer_again(tmp_path: Path, given_up: bool) -> None:
    show, player = fake_show(tmp_path)
    heard = Heard()
    stages = {**stages_of(show), "performer": replace(PERFORMER, restarts=1 - given_up)}
    supervisor = Supervisor(show, player, fake_nets, heard, stages=stages)

    def operate() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        first = child("performer")
        assert first is not None
        if given_up:
            first.kill()
            wait_for(lambda: any("performer is given up" in line for line in heard.lines))
            shown = supervisor.desk.state
            wait_for(lambda: [each["name"] for each in shown()["show"]["hints"]] == [GIVEN_UP])
            assert shown()["show"]["reason"] == "the performer is given up"
        supervisor.act("restart")
        wait_for(lambda: any(line.startswith("RESTART (") for line in heard.lines))
        assert given_up or first.is_running()
        wait_for(lambda: supervisor.key("y") or supervisor.desk.orders.restarts == 1)
        wait_until_back(supervisor, restarts=1 - given_up)
        second = child("performer")
        assert second is not None and second.pid != first.pid

    errors = in_background(supervisor, operate)
    supervisor.run()
    assert not errors


def test_a_flood_of_actions_does_not_hold_up_the_supervisor(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)

    class Flooding(Heard):
        """For each line that is said, two more things have happened."""

        def say(self, line: str) -> None:
            super().say(line)
            assert len(self.lines) < 10_000, "it never ends"
            for _ in range(2):
                operators.desk.act("mirror", who="osc 10.0.0.9")

    heard = Flooding()
    operators = Operators(show, player, heard, None, has_keys=False)
    events: list[Event] = []
    operators.desk.listen(events.append)
    with operators.listening(lambda: None):
        for _ in range(10 * MOST_LINES):
            operators.desk.act("mirror", who="osc 10.0.0.9")
        for turn in range(1, 4):
            operators.report({}, Totals(), turn)
            assert len(heard.lines) <= turn * (MOST_LINES + 1)
    assert heard.lines[0] == f"({9 * MOST_LINES} more)"
