"""Runs one part of a check in a process of its own, within its budget."""

from __future__ import annotations

import faulthandler
import importlib
import json
import logging
import multiprocessing
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.benchmarking.gpu_check.parts import PARTS
from tools.benchmarking.gpu_check.record import Failure, Notebook, Part
from tools.benchmarking.gpu_check.setting import Setting

LEAST_S = 5.0
"""A part is not begun with less time than this."""
DUMP_S = 2.0
"""A part writes where it is this long before it is stopped."""
TAIL = 16_000
"""The number of last characters of a failed part's output that are kept."""
STDOUT, STDERR = 1, 2
GONE_S = 10.0
"""A killed process that is not gone after this time is left behind: its driver hangs."""
SHARED = (
    "torch", "cv2", "engines.build.networks", "engines.rendering.device_renderer",
    "realtime.performer.networks",
)  # fmt: skip
"""Imported once, before the parts' processes are forked: that takes seconds. None of it touches the GPU."""


def run_part(name: str, setting: Setting, budget_s: float) -> Part:
    """The part's results, also if it failed, crashed or took longer than `budget_s`."""
    part = Part(name, PARTS[name].title, round(budget_s, 1))
    if budget_s < LEAST_S:
        part.failures.append(Failure("time", "no time was left for it"))
        return part
    _import_shared()
    started = time.perf_counter()
    with TemporaryDirectory() as folder:
        found, said = Path(folder) / "part.json", Path(folder) / "said"
        process = multiprocessing.get_context("fork").Process(
            target=_child, args=(name, setting, part, found, said), name=name
        )
        process.start()
        try:
            process.join(budget_s)
        finally:
            stopped = process.is_alive()
            if stopped:
                process.kill()
                process.join(GONE_S)
        if found.is_file():
            part = Part.from_json(json.loads(found.read_text(encoding="utf-8")))
        tail = said.read_text(errors="replace", encoding="utf-8")[-TAIL:] if said.is_file() else ""
    part.seconds = round(time.perf_counter() - started, 2)
    if stopped:
        part.failures.append(Failure("time", f"it was stopped after its {budget_s:.0f} s", tail))
    elif process.exitcode and not part.failures:
        part.failures.append(Failure("process", f"it ended with status {process.exitcode}", tail))
    return part


def _import_shared() -> None:
    for name in SHARED:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001  # the parts that need it say so
            logging.getLogger(__name__).warning("%s cannot be imported here", name)


def _child(name: str, setting: Setting, part: Part, found: Path, said: Path) -> None:
    """Runs in the part's process."""
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (STDOUT, STDERR):
        os.dup2(output, stream)
    faulthandler.enable(STDERR)
    faulthandler.dump_traceback_later(max(1.0, part.budget_s - DUMP_S), file=STDERR)
    notebook = Notebook(part, found)
    try:
        PARTS[name].run(setting, notebook)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is this part's
        notebook.fail(name, error)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1 if part.failures else 0)  # errors of a broken GPU at Python's exit tell nothing new
