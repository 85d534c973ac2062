"""Wakes a loop that waits for sockets, from any thread."""

from __future__ import annotations

import contextlib
import os


class Wake:
    """A pipe that a poller can wait for. Waking it twice is the same as once."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)

    def fileno(self) -> int:
        return self._read

    def set(self) -> None:
        """Wakes the loop; from any thread."""
        with contextlib.suppress(BlockingIOError):  # the pipe is full: the loop wakes anyway
            os.write(self._write, b"x")

    def clear(self) -> None:
        """Call it in the loop before looking for work."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._read, 4096):
                pass

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)
