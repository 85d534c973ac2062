"""A show on two machines, played by two loopback addresses: real processes, with fakes for the networks."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import zmq

import run_live
from realtime.config.show import Show
from realtime.link.remote_clock import answer
from realtime.supervise.rig import Player
from realtime.supervise.supervisor import Supervisor
from realtime.transport.bus import TOPICS, Bus, Link, Side, Status
from realtime.transport.curve_keys import make_keys
from realtime.transport.messages import PROTOCOL
from realtime.transport.orders import Orders
from realtime.transport.people import People
from realtime.transport.telemetry import Delta
from tests.ports import free_ports
from tests.realtime.fakes import Heard, fake_nets, fake_show
from tests.realtime.test_show_runs import child, is_back, states, wait_for
from tests.realtime.transport.test_bus_with_link import PERFORMER, PLAYOUT


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Callable[[Side], Supervisor]]:
    """Starts one of the two machines, in a thread; each is ended at the end."""
    make_keys(tmp_path / "keys")
    show, player = fake_show(tmp_path)
    port = free_ports(len(TOPICS), (PERFORMER, PLAYOUT))
    running: list[tuple[Supervisor, threading.Thread]] = []

    def start(side: Side) -> Supervisor:
        link = Link(side, PERFORMER, PLAYOUT, port, tmp_path / "keys")
        supervisor = Supervisor(show, player, fake_nets, Heard(), link=link)
        thread = threading.Thread(target=supervisor.run)
        thread.start()
        running.append((supervisor, thread))
        return supervisor

    yield start
    for supervisor, thread in running:
        supervisor.stop()
        thread.join(60)
        assert not thread.is_alive()


def test_the_player_crosses_and_comes_back_when_his_machine_was_lost(
    machine: Callable[[Side], Supervisor],
) -> None:
    machine("performer")
    playout = machine("playout")
    wait_for(lambda: states(playout)[-1:] == ["LIVE"])
    wait_for(lambda: playout.totals.counts["frames.generated"] > 10)
    wait_for(lambda: "capture_to_programme" in playout.report()["latency_ms"])
    latency = playout.report()["latency_ms"]["capture_to_programme"]
    assert 0 < latency["p50"] < 2000
    performer = child("performer")
    assert performer is not None
    performer.send_signal(signal.SIGKILL)
    wait_for(lambda: is_back(playout))


def test_the_operator_reaches_the_other_machine(machine: Callable[[Side], Supervisor]) -> None:
    performer = machine("performer")
    playout = machine("playout")
    wait_for(lambda: states(playout)[-1:] == ["LIVE"])
    assert not playout.desk.orders.quit

    def confirmed() -> bool:
        """In time: neither at once nor too late."""
        playout.act("quit")
        time.sleep(0.2)
        playout.key("y")
        return playout.desk.orders.quit

    wait_for(confirmed)
    wait_for(lambda: child("performer") is None and child("playout") is None)
    wait_for(lambda: performer._stop.is_set())


def later(message: bytes) -> bytes:
    """As a program of the next version would send it, with a field that we do not know."""
    return json.dumps({**json.loads(message), "version": PROTOCOL + 1, "lights": "on"}).encode()


def lines(supervisor: Supervisor) -> list[str]:
    console = supervisor._operators._console
    assert isinstance(console, Heard)
    return [line for line in console.lines if f"version {PROTOCOL + 1} of the protocol" in line]


def test_another_version_is_one_line_at_the_playout_and_the_programme_goes_on(
    machine: Callable[[Side], Supervisor], tmp_path: Path
) -> None:
    playout = machine("playout")
    wait_for(lambda: states(playout)[-1:] == ["FALLBACK"])
    assert playout._link is not None
    with closing(Bus(tmp_path, replace(playout._link, side="performer"))) as bus:
        far_status = bus.sender("far_status", "performer")
        tickets = bus.sender("tickets", "performer")
        people = bus.sender("people", "performer")
        answering = threading.Event()
        clock = threading.Thread(target=answer, args=(bus, answering), daemon=True)
        clock.start()
        for _ in range(40):
            status = Status("performer", 0, time.monotonic_ns(), True, Delta())
            far_status.send(later(status.pack()))
            tickets.send(bytes([PROTOCOL + 1]) + bytes(100))
            people.send(later(People().pack()))
            time.sleep(0.05)
        wait_for(lambda: bool(lines(playout)))
        answering.set()
        clock.join(60)  # it must have left its socket
        assert not clock.is_alive()
    assert len(lines(playout)) == 1
    assert "the performer's machine is not understood" in lines(playout)[0]
    tick = playout.status().playout.tick
    wait_for(lambda: playout.status().playout.tick > tick + 10)
    assert not playout.totals.restarts


def test_another_version_is_one_line_at_the_performer_and_it_goes_on(
    machine: Callable[[Side], Supervisor], tmp_path: Path
) -> None:
    performer = machine("performer")
    wait_for(lambda: performer.totals.counts["frames.generated"] > 5)
    assert performer._link is not None
    with closing(Bus(tmp_path, replace(performer._link, side="playout"))) as bus:
        far_orders = bus.sender("far_orders", "link")
        deadline = time.monotonic() + 60
        while not lines(performer):
            assert time.monotonic() < deadline
            far_orders.send(later(Orders(quit=True).pack()), zmq.NOBLOCK)
            time.sleep(0.05)
        for _ in range(20):
            far_orders.send(later(Orders(quit=True).pack()), zmq.NOBLOCK)
            time.sleep(0.05)
    assert len(lines(performer)) == 1
    assert "the operator's machine is not obeyed" in lines(performer)[0]
    frames = performer.totals.counts["frames.generated"]
    wait_for(lambda: performer.totals.counts["frames.generated"] > frames + 10)
    assert not performer.totals.restarts


def test_roles_need_a_link_and_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_live.main(["--role", "playout"]) == 2
    assert "the show file has no [link]" in capsys.readouterr().err
    show = tmp_path / "show.toml"
    show.write_text("[link]\nperformer = '127.0.0.2'\nplayout = '127.0.0.1'", encoding="utf-8")
    assert run_live.main(["--show", str(show), "--role", "performer"]) == 2
    line = capsys.readouterr().err
    assert f"{tmp_path / 'keys' / 'performer.key_secret'} is no key" in line
    assert line.count("\n") == 1


def test_an_address_of_another_machine_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_keys(tmp_path / "keys")
    show = tmp_path / "show.toml"
    show.write_text(
        "[link]\nperformer = '192.0.2.1'\nplayout = '127.0.0.1'", encoding="utf-8"
    )  # of TEST-NET-1, nobody's
    assert run_live.main(["--show", str(show), "--role", "performer"]) == 2
    line = capsys.readouterr().err
    assert "performer = '192.0.2.1'" in line and "an address of this machine" in line
    assert line.count("\n") == 1


def test_all_on_one_machine_is_a_rehearsal(tmp_path: Path) -> None:
    show = Show.model_validate({"link": {"performer": "10.0.0.2", "playout": "10.0.0.1"}})
    assert run_live.link_of(show, "all") is None
    assert isinstance(fake_show(tmp_path)[1], Player)
