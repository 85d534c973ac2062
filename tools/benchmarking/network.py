"""Simulates two machines on one, for measurements and tests: network namespaces joined by a cable (veth).

Needs root, and `ip` and `tc` of iproute2.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

DEVICE = "cable"
"""The network device of each machine."""
END_S = 5.0

_numbers = itertools.count()


class NoNetwork(RuntimeError):
    """Network namespaces cannot be made here; the text says why."""


@dataclass(frozen=True)
class Machine:
    """One end of the cable."""

    namespace: str
    address: str

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        """Starts a command there. options: of `subprocess.Popen`."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, *command], encoding="utf-8", **options
        )

    def pids(self) -> list[int]:
        """The ids of all processes there."""
        return [int(word) for word in _ip("netns", "pids", self.namespace).split()]

    def sent_bytes(self) -> int:
        """Bytes sent into the cable so far, with all headers."""
        found = json.loads(_ip("-n", self.namespace, "-s", "-j", "link", "show", "dev", DEVICE))
        return int(found[0]["stats64"]["tx"]["bytes"])


@dataclass(frozen=True)
class Network:
    """Two machines and the cable between them."""

    performer: Machine
    playout: Machine

    def plug(self, plugged: bool) -> None:
        """Plugs the cable in at the performer, or unplugs it."""
        _ip("-n", self.performer.namespace, "link", "set", DEVICE, "up" if plugged else "down")


@contextmanager
def two_machines(rate: str | None = None) -> Iterator[Network]:
    """Two machines that can reach only each other. At the end all processes there are killed.

    rate: of the cable, as `tc` writes it ("1gbit"); None: as fast as the kernel copies. Raises NoNetwork.
    """
    name = f"dancecam-{os.getpid()}-{next(_numbers)}"
    machines = [Machine(f"{name}-{end}", f"10.77.0.{end}") for end in (1, 2)]
    with ExitStack() as stack:
        for machine in machines:
            _ip("netns", "add", machine.namespace)
            stack.callback(_end, machine)
        first, second = (machine.namespace for machine in machines)
        _ip("-n", first, "link", "add", DEVICE, "type", "veth", "peer", "name", DEVICE, "netns", second)
        for machine in machines:
            _ip("-n", machine.namespace, "address", "add", f"{machine.address}/24", "dev", DEVICE)
            for device in ("lo", DEVICE):
                _ip("-n", machine.namespace, "link", "set", device, "up")
            if rate is not None:
                shape = ["root", "tbf", "rate", rate, "burst", "256kb", "latency", "10ms"]
                _run("tc", "-n", machine.namespace, "qdisc", "add", "dev", DEVICE, *shape)
        yield Network(*machines)


def _end(machine: Machine) -> None:
    deadline = time.monotonic() + END_S
    while pids := machine.pids():
        if time.monotonic() > deadline:
            raise NoNetwork(f"{machine.namespace}: {pids} cannot be ended")
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    _ip("netns", "delete", machine.namespace)


def _ip(*arguments: str) -> str:
    return _run("ip", *arguments)


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    except FileNotFoundError as error:
        raise NoNetwork(f"there is no {command[0]}: install iproute2") from error
    if done.returncode:
        raise NoNetwork(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
