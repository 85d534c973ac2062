"""What a show's processes hold, and how the show fares: one sample."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from realtime.stages.spare import IMPORTING
from tools.reliability.trial_show.running import NoShow, RunningShow

MIB = 1 << 20


@dataclass(frozen=True)
class Held:
    """By one process.

    memory_mb: its own memory in MiB (Pss_Anon), without the files and the shared memory that it has mapped:
    how much of these counts as its own changes as other programs come and go.
    """

    pid: int
    memory_mb: float
    handles: int
    threads: int


@dataclass(frozen=True)
class Sample:
    """at_s: monotonic. shared_mb: the show's shared memory, MiB. show, stats: of the API; {} while the web
    server is away. viewers: see `viewers`. fault: which one is there now."""

    at_s: float
    processes: dict[str, Held]
    shared_mb: float
    show: dict[str, Any] = field(default_factory=dict)
    stats: dict[str, Any] = field(default_factory=dict)
    viewers: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


def take(show: RunningShow, viewers: dict[str, Any], fault: str) -> Sample:
    """Raises NoShow where the show has ended."""
    at_s = time.monotonic()
    try:
        processes = show.processes()
    except psutil.Error:
        raise NoShow("the show has ended") from None
    held: dict[str, Held] = {}
    shared: dict[str, int] = {}
    for name, process in processes.items():
        if name.endswith(IMPORTING):
            continue
        try:
            held[name] = Held(
                process.pid, own_kib(process.pid) / 1024, process.num_fds(), process.num_threads()
            )
            shared |= shared_memory(process.pid)
        except (psutil.Error, OSError):  # it has just ended
            continue
    state = show.state()
    figures = state.get("show", {}), state.get("stats", {})
    return Sample(at_s, held, sum(shared.values()) / MIB, *figures, viewers, fault)


def own_kib(pid: int) -> int:
    """Of its anonymous memory. Raises OSError once it has ended."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Pss_Anon:\s+(\d+) kB", text, re.MULTILINE)
    if found is None:
        raise OSError(f"process {pid} has no memory any more")
    return int(found[1])


def shared_memory(pid: int) -> dict[str, int]:
    """Path → bytes of each piece of shared memory that a process has mapped."""
    found = {}
    for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
        if "/dev/shm/" in line:  # noqa: S108  # where Linux has it
            start, _, end = line.split()[0].partition("-")
            found[line.split()[5]] = int(end, 16) - int(start, 16)
    return found
