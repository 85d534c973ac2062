"""A folder for what a process makes and cannot remove if it is killed: sockets, and notes of shared memory.

Whoever starts the next process clears it first. Shared memory that nobody clears lasts until the show ends.
"""

from __future__ import annotations

import secrets
import shutil
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

NOTE = ".memory"
"""How the note of a piece of shared memory is named, after the memory's own name."""


def noted_memory(size: int, folder: Path | None) -> SharedMemory:
    """A fresh piece of shared memory of `size` bytes; a note in `folder` says so first. Raises OSError."""
    name = f"psm_{secrets.token_hex(8)}"
    if folder is not None:
        (folder / f"{name}{NOTE}").touch()
    return SharedMemory(name, create=True, size=size)


def clear_scratch(folder: Path) -> None:
    """Makes the folder, or empties it and removes the memory that is noted in it. Raises OSError."""
    remove_scratch(folder)
    folder.mkdir(mode=0o700)


def remove_scratch(folder: Path) -> None:
    """Likewise, and the folder is gone after it. No process may be using what it holds. Raises OSError."""
    for note in folder.glob(f"*{NOTE}"):
        try:
            memory = SharedMemory(note.name.removesuffix(NOTE))
        except FileNotFoundError:
            continue  # removed by its owner, or not made yet
        memory.close()
        memory.unlink()
    shutil.rmtree(folder, ignore_errors=True)
