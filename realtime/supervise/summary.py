"""Sums up a show in one line, for the person who ran it, when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from realtime.config.inputs import INPUTS
from realtime.control.show_state import ShowStatus


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


def kept(status: ShowStatus, folder: Path) -> list[str]:
    """What was kept of the inputs, for a show that recorded them. folder: of the recording."""
    recorder = next((output for output in status.outputs if output.kind == INPUTS), None)
    if recorder is None:
        return []
    lost = sum(n for cause, n in recorder.dropped.items() if cause.startswith("camera_"))
    return [
        f"{recorder.sent} pictures of the camera are kept in {folder}"
        + (f", {lost} were left out" if lost else ""),
        f"run the show again: python -m tools.replay {folder}",
        f"delete them: python -m tools.purge {folder}",
    ]
