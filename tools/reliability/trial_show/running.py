"""A show that runs on this machine: its processes, found by their names, and its API."""

from __future__ import annotations

import json
import tomllib
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from realtime.stages.table import OUTPUT, PLAYOUT, WEB
from realtime.transport.bus import TOPICS
from tools.reliability.trial_show.show import MODULE, SHOW_FILE

TITLE = "dancecam "
SUPERVISOR = "supervisor"
ANSWER_S = 3.0


class NoShow(RuntimeError):
    """There is no such show, or something that it lacks; the text says what."""


class Harm(RuntimeError):
    """Something was done to a show that it must withstand, and it did not; the text is one line."""


@dataclass(frozen=True)
class RunningShow:
    """pid: of the supervisor. token: "" where it is not known. folder: of a show with stand-ins
    (`tools.reliability.trial_show.show`); None for any other."""

    pid: int
    token: str = ""
    folder: Path | None = None

    def processes(self) -> dict[str, psutil.Process]:
        """By stage, with the supervisor's own."""
        supervisor = psutil.Process(self.pid)
        return {SUPERVISOR: supervisor, **_stages(supervisor)}

    def process(self, name: str) -> psutil.Process:
        """Raises NoShow."""
        try:
            found = self.processes()
        except psutil.Error:
            raise NoShow("the show has ended") from None
        if name not in found:
            raise NoShow(f"this show has no process {name!r} now; it has: {', '.join(found)}")
        return found[name]

    def page(self) -> tuple[str, int]:
        """Address and port of the page; they stay as they are. Raises NoShow."""
        return self._page

    @cached_property
    def _page(self) -> tuple[str, int]:
        for connection in self.process(WEB.name).net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN:
                return connection.laddr.ip, connection.laddr.port
        raise NoShow("its page is not served yet")

    def ports(self) -> list[tuple[str, int]]:
        """Addresses and ports of TCP on which any of its processes listens."""
        found = [
            (connection.laddr.ip, connection.laddr.port)
            for process in self.processes().values()
            for connection in process.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        ]
        return list(dict.fromkeys(found))

    def osc(self) -> tuple[str, int] | None:
        """Where the web server hears OSC; None where it does not."""
        found = self.process(WEB.name).net_connections("udp")
        return (found[0].laddr.ip, found[0].laddr.port) if found else None

    def sockets(self) -> Path:
        """The folder of the Unix sockets between its processes. Raises NoShow."""
        for connection in self.process(SUPERVISOR).net_connections("unix"):
            path = Path(connection.laddr or "")
            if path.name in TOPICS:
                return path.parent
        raise NoShow("its processes are not connected yet")

    def stand_in(self, name: str) -> Path:
        """The file that says what is wrong with its camera or its networks. Raises NoShow."""
        if self.folder is None:
            raise NoShow(f"the {name} of this show is a real one: start a show with {MODULE} or tools.soak")
        return self.folder / name

    def state(self) -> dict[str, Any]:
        """As its API tells it; {} where that does not answer."""
        try:
            found: dict[str, Any] = self.ask("/api/state")
        except (OSError, NoShow, ValueError, psutil.Error):
            return {}
        return found

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Of its API. body: of a POST. Raises OSError, NoShow."""
        host, port = self.page()
        return ask(f"http://{host}:{port}{path}", self.token, body, ANSWER_S)


def ask(url: str, token: str, body: dict[str, Any] | None = None, timeout_s: float = ANSWER_S) -> Any:
    """Raises OSError."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, data, headers)  # noqa: S310  # an http address of ours
    with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
        return json.loads(answer.read())


def output(name: str) -> str:
    """The process of an output."""
    return f"{OUTPUT}{name}"


def find(pid: int | None = None, token: str = "") -> RunningShow:
    """The show of this supervisor, or the only one that runs here. Raises NoShow."""
    if pid is None:
        found = {process.ppid() for process in psutil.process_iter() if _title(process) == PLAYOUT.name}
        if not found:
            raise NoShow("no show runs on this machine: there is no process 'dancecam playout'")
        if len(found) > 1:
            raise NoShow(f"several shows run here: choose one with --pid ({', '.join(map(str, found))})")
        pid = found.pop()
    try:
        supervisor = psutil.Process(pid)
        if not _stages(supervisor):
            raise NoShow(f"process {pid} is no show: it has no processes 'dancecam ...'")
        command = supervisor.cmdline()
    except psutil.Error as error:
        raise NoShow(f"process {pid} cannot be seen: {error}") from None
    folder = Path(command[-1])
    if not (folder / SHOW_FILE).is_file():
        return RunningShow(pid, token)
    settings = tomllib.loads((folder / SHOW_FILE).read_text(encoding="utf-8"))
    return RunningShow(pid, token or settings["control"]["token"], folder)


def _stages(supervisor: psutil.Process) -> dict[str, psutil.Process]:
    named = ((_title(process), process) for process in supervisor.children())
    return {name: process for name, process in named if name}


def _title(process: psutil.Process) -> str:
    """Of one of a show's processes, the stage's name; "" of any other."""
    try:
        command = process.cmdline()
    except psutil.Error:
        return ""
    return command[0].removeprefix(TITLE) if command and command[0].startswith(TITLE) else ""
