"""The disk that a recording is written to: how much of it is free, and whether it has what was written."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from pathlib import Path

FREE_BYTES = 256 * 1024 * 1024
"""So much of the disk is left to the machine, which needs some of it itself."""

LOOK_S = 1.0
"""How often a recorder looks at the room that is left."""

SYNC_S = 1.0
"""How often what was written is put on the disk. By itself the system takes tens of seconds."""

CLOSE_S = 5.0
"""How long the end of a file waits for a disk that is slow."""


def free_bytes(folder: Path) -> int:
    """Raises OSError."""
    return shutil.disk_usage(folder).free


class Synchronizer:
    """Puts what is written to a file on the disk every SYNC_S, in a thread of its own, until `close`."""

    def __init__(self, path: Path) -> None:
        """path: of a file that is there. Raises OSError."""
        self._fd = os.open(path, os.O_RDONLY)
        self._error: OSError | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(path.parent,), name="disk", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises the OSError with which the disk has refused what was written."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Once the file is whole: waits until the disk has it all. Raises OSError."""
        self._ending.set()
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            raise TimeoutError(errno.ETIMEDOUT, f"the disk takes longer than {CLOSE_S:g} s")
        self.check()

    def _run(self, folder: Path) -> None:
        try:
            entry = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(entry)  # that there is such a file
            finally:
                os.close(entry)
            while not self._ending.wait(SYNC_S):
                os.fdatasync(self._fd)
            os.fdatasync(self._fd)
        except OSError as error:
            if error.errno != errno.EINVAL:  # what is no file on a disk has nothing to be put there
                self._error = error
        finally:
            os.close(self._fd)
