"""Measures a frame's whole way: the show itself, headless, from a file at the file's own rate."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

import psutil

from tools.benchmarking.measuring.results import Figure, Row

REPOSITORY = Path(__file__).resolve().parents[3]
SAMPLE_S = 0.5
LEAVE_S = 120
"""A show that has not ended this long after it should have, preparations included, is killed."""

STAGES = {
    "capture_to_pose": "waiting for pose",
    "pose": "pose",
    "retarget": "retarget",
    "pose_to_generate": "waiting for the generator",
    "generate": "doll and generator",
    "doll": "of it, choosing frames and drawing the doll",
    "net": "of it, the net",
    "compositing": "of it, its shadow and the picture",
    "capture_to_programme": "capture to programme",
}
"""TABLE of the show's times, with their names on the page."""


class PipelineError(RuntimeError):
    """A show that did not run; the text is the show's own."""


def measure(video: Path, player: Path, backend: str, seconds: float) -> tuple[list[Row], list[str]]:
    """Rows, and notes, of a show of `seconds` on air. Raises PipelineError."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            sys.executable, "run_live.py", "--headless", "--port", "0", "--camera", str(video.resolve()),
            "--player", str(player.resolve()), "--backend", backend, "--seconds", str(seconds),
            "--report", str(report),
        ]  # fmt: skip
        cpu_s = _run(command, seconds)
        return rows(json.loads(report.read_text(encoding="utf-8")), cpu_s / seconds)


def rows(report: dict[str, Any], cores: float) -> tuple[list[Row], list[str]]:
    """Rows from the show's own report. cores: CPU seconds of all its processes a second."""
    programme, frames = report["programme"], report["frames"]
    on_air_s = programme["ticks"] / programme["fps"] if programme["fps"] else 0.0
    shown = frames["shown"] / on_air_s if on_air_s else 0.0
    overall: dict[str, Figure] = {"per_second": round(shown, 2), "samples": frames["shown"]}
    found = [Row("new pictures in the programme", overall)]
    for name, label in STAGES.items():
        if name in report["latency_ms"]:
            times = report["latency_ms"][name]
            found.append(Row(label, {f"ms_{percentile}": value for percentile, value in times.items()}))
    live = programme["seconds"]["live"]
    dropped = ", ".join(f"{count} {cause}" for cause, count in frames["dropped"].items()) or "none"
    notes = [
        f"On air for {on_air_s:.0f} s: LIVE {live:.0f} s, {programme['missed']} ticks missed of "
        f"{programme['ticks']}; {frames['captured']} frames captured, {frames['generated']} generated; "
        f"dropped: {dropped}. All processes together used {cores:.2f} cores. "
        f"Pose: {report['backend'].get('pose')}, generator: {report['backend'].get('generator')}."
    ]
    return found, notes


def _run(command: list[str], seconds: float) -> float:
    """Runs the show, and returns the CPU seconds of its processes over the last `seconds` of it."""
    show = subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    process = psutil.Process(show.pid)
    samples: deque[float] = deque(maxlen=max(2, round(seconds / SAMPLE_S)))
    started = time.monotonic()
    while show.poll() is None:
        if time.monotonic() - started > seconds + LEAVE_S:
            show.terminate()
            break
        samples.append(_cpu_s(process))
        time.sleep(SAMPLE_S)
    output, _ = show.communicate()
    if show.returncode != 0 or len(samples) < 2:
        last = output.strip().splitlines()[-1:] or ["it said nothing"]
        raise PipelineError(f"the show did not run: {last[0]}")
    return max(samples) - samples[0]


def _cpu_s(process: psutil.Process) -> float:
    """User and system seconds of a process and of all its children; 0 for those that end meanwhile."""
    total = 0.0
    try:
        for each in (process, *process.children(recursive=True)):
            times = each.cpu_times()
            total += times.user + times.system
    except psutil.NoSuchProcess:
        return total
    return total
