"""Whether a show is as it was before something was done to it that it must withstand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from realtime.stages.table import WEB
from tools.reliability.sampling import MIB, own_kib
from tools.reliability.trial_show.running import RunningShow
from tools.reliability.trial_show.show import SAID

MOST_GROWN_MB = 24.0
"""So much more memory may the web server hold afterwards: what Python and its allocator keep of a first
crowd. A second crowd must find it there."""


@dataclass(frozen=True)
class Before:
    """orders: what the operator wants. said: how many characters the show had said. web_mb: the web server's
    memory, MiB. started: stage → how often it was started again."""

    orders: dict[str, Any]
    said: int
    web_mb: float
    started: dict[str, int]


def look(show: RunningShow) -> Before:
    """Raises NoShow, OSError, and KeyError where its API does not answer."""
    state = show.state()
    started = {name: stage["restarts"] for name, stage in state["show"]["stages"].items()}
    return Before(
        state["orders"], len(_said(show)), own_kib(show.process(WEB.name).pid) * 1024 / MIB, started
    )


def touched(show: RunningShow, before: Before) -> list[str]:
    """A line for each thing that has become of it, and for an action with the right token that is not done.
    Raises as `look`."""
    now = look(show)
    lines = []
    if now.orders != before.orders:
        changed = [name for name in now.orders if now.orders[name] != before.orders.get(name)]
        lines.append(f"orders have changed: {', '.join(changed)}")
    lines += [f"{name} was started again" for name, n in now.started.items() if n != before.started.get(name)]
    if "Traceback" in _said(show)[before.said :]:
        lines.append("a traceback was written")
    if now.web_mb - before.web_mb > MOST_GROWN_MB:
        lines.append(f"the web server's memory grew from {before.web_mb:.1f} to {now.web_mb:.1f} MiB")
    try:
        show.ask("/api/actions/mirror", {"on": now.orders["mirror"]})
    except OSError as error:
        lines.append(f"an action with the token is not done: {error}")
    return lines


def _said(show: RunningShow) -> str:
    """By all its processes; "" where nobody keeps that."""
    file = None if show.folder is None else show.folder / SAID
    return file.read_text(encoding="utf-8", errors="replace") if file is not None and file.exists() else ""
