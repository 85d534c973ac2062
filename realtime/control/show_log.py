"""The show log: one JSON line for each action and each change of state, who and when. Never a picture."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any

LONGEST_QUEUE = 1000
"""Lines that may wait for a disk that is slow; further ones are left out, and counted in the next line."""


class ShowLogError(OSError):
    """The log cannot be written; the text names the file."""


class ShowLog:
    """Writes in a thread of its own, so that no disk holds up an action. Close it once, at the end."""

    def __init__(self, folder: Path, started: datetime) -> None:
        """The file is named by the time at which the show started. Raises ShowLogError."""
        self.path = folder / f"show-{started:%Y%m%d-%H%M%S}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise ShowLogError(f"the show log {self.path} cannot be written: {error.strerror}") from error
        self._lines: Queue[str | None] = Queue(LONGEST_QUEUE)
        self._left_out = 0
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._write, name="show log", daemon=True)
        self._thread.start()

    def append(self, entry: Mapping[str, Any]) -> None:
        """Never blocks; from any thread, one at a time."""
        if self._left_out:
            entry = {**entry, "left_out": self._left_out}
        try:
            self._lines.put_nowait(json.dumps(entry, ensure_ascii=False))
        except Full:
            self._left_out += 1
        else:
            self._left_out = 0

    def take_error(self) -> str | None:
        """Why it is written no more, one line, the first time it is asked; None while all is well."""
        error, self._error = self._error, None
        if error is None:
            return None
        return f"the show log {self.path} is written no more: {error.strerror}; the show goes on"

    def close(self, timeout_s: float = 2.0) -> None:
        """Writes what waits, unless the disk takes longer than `timeout_s`."""
        try:
            self._lines.put(None, timeout=timeout_s)
        except Full:
            return
        self._thread.join(timeout_s)

    def _write(self) -> None:
        with self._file:
            while (line := self._lines.get()) is not None:
                try:
                    self._file.write(line + "\n")
                    if self._lines.empty():
                        self._file.flush()
                except OSError as error:  # a full disk must not end the show; the supervisor tells of it
                    self._error = error
                    self._drain()
                    return

    def _drain(self) -> None:
        """Takes and forgets, so that nobody waits for a log that is broken."""
        while True:
            try:
                if self._lines.get(timeout=1.0) is None:
                    return
            except Empty:
                continue
