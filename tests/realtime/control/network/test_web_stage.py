"""The web server in a running show: it is killed, hangs, runs out of handles, and the show goes on."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from realtime.config.control import Control
from realtime.config.outputs import WebRtc
from realtime.stages.table import WEB, stages_of
from realtime.supervise.supervisor import Supervisor, SupervisorError
from tests.ports import free_port
from tests.realtime.fakes import Heard, fake_nets, fake_show
from tests.realtime.test_show_runs import child, in_background, states, wait_for

TOKEN = "a-token-of-a-test"


class Page:
    """A show with a page, and requests to it."""

    def __init__(self, folder: Path, **stage: float) -> None:
        self.port, self.osc_port = free_port(), free_port(socket.SOCK_DGRAM)
        show, player = fake_show(
            folder, webrtc=WebRtc(port=self.port), control=Control(token=TOKEN, osc_port=self.osc_port)
        )
        self.heard = Heard()
        stages = {**stages_of(show), WEB.name: replace(WEB, **stage)}  # type: ignore[arg-type]
        self.supervisor = Supervisor(show, player, fake_nets, self.heard, stages=stages)

    def run(self, steps: Callable[[], None]) -> None:
        errors = in_background(self.supervisor, steps)
        self.supervisor.run()
        assert not errors, (errors, self.heard.lines)

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer's JSON, or text; None where nobody answers."""
        data = None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with closing(connection):
            try:
                method = "GET" if body is None else "POST"
                connection.request(method, f"/{path}", data, {"Authorization": f"Bearer {TOKEN}"})
                answer = connection.getresponse()
                text = answer.read().decode()
            except (OSError, http.client.HTTPException):
                return None
        return json.loads(text) if answer.headers.get_content_subtype() == "json" else text

    def is_live(self) -> bool:
        """And the supervisor has heard the web server."""
        state = self.ask("api/state")
        if state is None or state["show"].get("state") != "LIVE":
            return False
        return bool(state["show"]["stages"][WEB.name]["ready"])

    def ticks(self) -> int:
        return self.supervisor.totals.counts["programme.ticks"]

    def goes_on(self) -> None:
        before = self.ticks()
        wait_for(lambda: self.ticks() > before + 30)


def has_metric(page: Page, line: str) -> bool:
    return line in str(page.ask("metrics"))


def test_the_page_is_served_by_a_process_of_its_own(tmp_path: Path) -> None:
    page = Page(tmp_path)

    def steps() -> None:
        wait_for(page.is_live)
        assert page.ask("api/actions/fade-length", {"seconds": 1.5})["orders"]["fade_s"] == 1.5
        assert page.supervisor.desk.orders.fade_s == 1.5
        assert page.ask("api/actions/quit", {})["error"] == "quit must be confirmed"
        wait_for(lambda: (page.ask("state") or {}).get("state") == "LIVE")  # not in a HOLD
        wait_for(lambda: page.ask("whep/programme", {}) == "send the offer as application/sdp\n")
        wait_for(lambda: any("fade-length" in line for line in page.heard.lines))
        for line in (
            'dancecam_viewers{output="webrtc",source="programme"} 0.0',
            'dancecam_ladder_state{state="live"} 1.0',
            'dancecam_restarts_total{stage="web server"} 0.0',
            'dancecam_stage_seconds_count{stage="pose"}',
        ):
            wait_for(partial(has_metric, page, line))
        server = child("web server")
        assert server is not None
        ports = {connection.laddr.port for connection in server.net_connections()}
        assert {page.port, page.osc_port} <= ports

    page.run(steps)
    assert child("web server") is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_web_server_that_is_lost_is_replaced_and_the_show_goes_on(
    tmp_path: Path, number: signal.Signals
) -> None:
    page = Page(tmp_path, deadline_s=4.0)

    def steps() -> None:
        wait_for(page.is_live)
        lost, picture = child("web server"), child("output webrtc")
        assert lost is not None and picture is not None
        lost.send_signal(number)
        page.supervisor.act("mirror")
        assert page.supervisor.desk.orders.mirror, "the terminal's keys are heard"
        page.goes_on()
        wait_for(lambda: page.supervisor.totals.restarts[WEB.name] == 1)
        wait_for(page.is_live)
        assert page.ask("api/state")["orders"]["mirror"], "the next one knows what has happened"
        assert page.ask("api/actions/mirror", {})["result"] == "done"
        assert not page.supervisor.desk.orders.mirror
        assert not lost.is_running()
        assert child("output webrtc") == picture, "who watches sees on"

    page.run(steps)
    assert page.supervisor.report()["restarts"] == {WEB.name: 1}
    why = "SIGKILL" if number is signal.SIGKILL else "it hung and was stopped"
    assert f"web server was lost ({why}); starting it again" in page.heard.lines


def test_connections_cannot_keep_the_supervisor_from_starting_a_process(tmp_path: Path) -> None:
    """As many as the web server's file handles, and more than the supervisor is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    page = Page(tmp_path)

    def steps() -> None:
        wait_for(page.is_live)
        server = child("web server")
        assert server is not None
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (server.num_fds() + 4, hard))
        idle = []
        try:
            for _ in range(300):
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", page.port))
                idle.append(one)
            performer = child("performer")
            assert performer is not None
            fell = states(page.supervisor).count("FALLBACK")
            os.kill(performer.pid, signal.SIGKILL)
            wait_for(lambda: page.supervisor.totals.restarts["performer"] == 1)
            wait_for(lambda: states(page.supervisor).count("FALLBACK") > fell)
            wait_for(lambda: states(page.supervisor)[-1] == "LIVE")
        finally:
            for one in idle:
                one.close()
        wait_for(page.is_live)

    page.run(steps)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)
    assert page.supervisor.report()["restarts"] == {"performer": 1}


def test_an_osc_port_that_is_taken_ends_the_show_with_a_line(tmp_path: Path) -> None:
    page = Page(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", page.osc_port))
        with pytest.raises(SupervisorError, match=f"OSC cannot be heard on 127.0.0.1:{page.osc_port}"):
            page.supervisor.run()
