"""Removes what a show left whose processes were all killed at once: shared memory, and the bus's folder.

A show that ends, or loses any one of its processes, leaves nothing. The supervisor calls `remove_leftovers`,
makes its folder with `own_folder`, and notes its rings in it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

from realtime.supervise.signals import signals_blocked
from realtime.transport.frame_ring import RingSpec

PREFIX = "dancecam-"
FOLDER_NAME = re.compile(PREFIX + r"[a-z0-9_]{8}")
"""What Python calls the folders that `own_folder` makes: no other is touched, whatever is in it."""
LOCK = "lock"
"""Locked for as long as the show lives. It holds the names of the show's shared memory, a line each."""
RING_NAME = re.compile(r"psm_[0-9a-f]{1,16}")
"""What Python calls shared memory: nothing else is removed."""


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder for one show's bus, removed at the end. Only this user may read it."""
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        begun = folder / "lock.new"
        with begun.open("w") as lock:  # not inherited by the stages (PEP 446)
            fcntl.flock(lock, fcntl.LOCK_EX)
            begun.rename(folder / LOCK)  # nobody finds it unlocked
            yield folder


def note(folder: Path, rings: Iterable[RingSpec]) -> None:
    """Writes down which rings belong to the show of this folder."""
    (folder / LOCK).write_text("\n".join(ring.name for ring in rings), encoding="utf-8")


def remove_leftovers(where: Path | None = None) -> int:
    """Removes what dead shows of this user left; how many there were. where: the folder of temporary
    files. What cannot be read stays: it must not keep a show from beginning."""
    removed = 0
    for folder in (where or Path(tempfile.gettempdir())).glob(f"{PREFIX}*"):
        try:
            if FOLDER_NAME.fullmatch(folder.name) and _is_own(folder) and _is_dead(folder):
                removed += 1
        except (OSError, ValueError):  # it has no lock, or a damaged one, or goes away just now
            continue
    return removed


def _is_own(folder: Path) -> bool:
    """Whether it is a folder of this user, and no link to one. Raises OSError."""
    found = folder.lstat()  # one look: another user cannot change it in between
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _is_dead(folder: Path) -> bool:
    """Whether the show's lock is free; then all that it had is removed. Raises OSError, and ValueError where
    the lock is damaged."""
    with (folder / LOCK).open("r+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        for name in lock.read().split():
            if RING_NAME.fullmatch(name):
                with suppress(FileNotFoundError), signals_blocked():  # it starts the resource tracker
                    memory = SharedMemory(name)
                    memory.close()
                    memory.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    return True
