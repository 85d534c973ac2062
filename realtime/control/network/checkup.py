"""What `tools.doctor` finds on this machine, for the console: looked for once, beside the show.

It runs in a process of its own, of the lowest priority, which neither opens the camera nor takes a port. A
show goes on whatever becomes of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
"""Where the project's modules are, also for a show that is started from another folder."""
COMMAND = (sys.executable, "-m", "tools.doctor", "--json", "--beside-show")
LONGEST_S = 180.0
MOST_FINDINGS, LONGEST_TEXT = 200, 1000
KEYS = ("level", "check", "found", "advice")


class Checkup:
    """Runs from the moment it is made. Close it with the show."""

    def __init__(self, show: str, command: Sequence[str] = COMMAND, longest_s: float = LONGEST_S) -> None:
        """show: the show as one line of JSON, with its flags. It goes to the standard input, as it may hold
        a token."""
        self._findings: list[dict[str, str]] | None = None
        self._closed = False
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
                start_new_session=True,  # the terminal's Ctrl-C is not for it
            )
        except OSError as error:
            self._findings = [_trouble(f"it cannot be started ({error.strerror})")]
            return
        self._thread = threading.Thread(target=self._run, args=(show, longest_s), name="checkup", daemon=True)
        self._thread.start()

    def answer(self) -> dict[str, Any]:
        """For the API. findings: None until they are there."""
        return {"findings": self._findings}

    def close(self) -> None:
        """Ends the process, if it still runs."""
        self._closed = True
        if self._findings is None:
            self._kill()
            self._thread.join(timeout=2.0)

    def _kill(self) -> None:
        """The process, and those that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _run(self, show: str, longest_s: float) -> None:
        try:
            text, _ = self._process.communicate(show + "\n", timeout=longest_s)
            self._findings = _read(text)
        except subprocess.TimeoutExpired:
            self._kill()
            self._findings = [_trouble(f"it took longer than {longest_s:g} s")]
        except (OSError, ValueError, RecursionError) as error:
            self._findings = [] if self._closed else [_trouble(f"it failed ({type(error).__name__})")]


def _read(text: str) -> list[dict[str, str]]:
    """Raises ValueError where it is no list of findings."""
    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ValueError("no findings")
    return [{key: str(each.get(key, ""))[:LONGEST_TEXT] for key in KEYS} for each in found[:MOST_FINDINGS]]


def _trouble(what: str) -> dict[str, str]:
    return {
        "level": "WARN",
        "check": "doctor",
        "found": f"the machine was not looked at: {what}",
        "advice": "run python -m tools.doctor with the show file once the show is over",
    }
