"""Files of JSON lines that are written while a show runs: the show log, and a recording's lines."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any

LONGEST_QUEUE = 1000
"""Lines that may wait for a disk that is slow; further ones are left out, and counted in the next line."""


class JsonLines:
    """Appends lines in a thread of its own, so that no disk holds up who writes. Close it once, at the
    end."""

    def __init__(self, path: Path, called: str) -> None:
        """called: such as "the show log", for messages. Raises OSError."""
        self.path = path
        self._called = called
        self._file = path.open("a", encoding="utf-8")
        if _is_cut_off(path):
            self._file.write("\n")
        self._lines: Queue[str | None] = Queue(LONGEST_QUEUE)
        self._left_out = 0
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._write, name=called, daemon=True)
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
        return f"{self._called} {self.path} is written no more: {error.strerror}; the show goes on"

    def close(self, timeout_s: float = 2.0) -> None:
        """Writes what waits, unless the disk takes longer than `timeout_s`."""
        try:
            self._lines.put(None, timeout=timeout_s)
        except Full:
            return
        self._thread.join(timeout_s)

    def _write(self) -> None:
        try:
            with self._file:
                while (line := self._lines.get()) is not None:
                    self._file.write(line + "\n")
                    if self._lines.empty():
                        self._file.flush()
        except OSError as error:  # a full disk must not end the show; who owns this tells of it
            self._error = error
            self._drain()

    def _drain(self) -> None:
        """Takes and forgets, so that nobody waits for a file that is broken."""
        while True:
            try:
                if self._lines.get(timeout=1.0) is None:
                    return
            except Empty:
                continue


def _is_cut_off(path: Path) -> bool:
    """Whether a file ends within a line, since who wrote it was killed."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return False
        file.seek(size - 1)
        return file.read(1) != b"\n"


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The entries of such a file; none where there is no file. A line that a kill has cut off is left out.
    Raises OSError."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(entry, dict):
                yield entry
