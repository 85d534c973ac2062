"""Sums up a show in one line, for the person who ran it, when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def summary(report: Mapping[str, Any]) -> str | None:
    """The line for `Supervisor.report`; None where nothing was on air."""
    programme, latency = report["programme"], report["latency_ms"].get("capture_to_programme")
    seconds = programme["seconds"]
    on_air_s = sum(seconds.values())
    if not on_air_s:
        return None
    states = [f"{state.upper()} {spent_s:.0f} s" for state, spent_s in seconds.items() if spent_s >= 0.5]
    missed = programme["missed"]
    parts = [
        f"on air {on_air_s:.0f} s" + (f" ({', '.join(states)})" if states else ""),
        f"{missed or 'no'} tick{'' if missed in (0, 1) else 's'} of {programme['ticks']} missed",
        f"{report['frames']['shown'] / on_air_s:.1f} new pictures of the player a second",
    ]
    if latency:
        parts.append(f"{latency['p50']:.0f} ms from camera to programme (95 %: {latency['p95']:.0f})")
    parts += [f"{stage} started again {count}x" for stage, count in report["restarts"].items()]
    return ", ".join(parts)
