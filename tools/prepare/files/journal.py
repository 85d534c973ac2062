"""The results of an unfinished run: named groups of arrays, each on disk whole or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Journal:
    """Entries in a folder. An entry guarantees every file written before it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def __contains__(self, name: str) -> bool:
        return self._path(name).is_file()

    def save(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Saves an entry. Raises OSError; then there is no such entry."""
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        os.sync()  # after a loss of power there must be no entry without its pictures
        write_whole(self._path(name), buffer.getvalue())

    def load(self, name: str) -> dict[str, NDArray[Any]]:
        with np.load(self._path(name), allow_pickle=False) as entry:
            return dict(entry)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.npz"


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that is, after a crash at any moment, either complete or as it was before. Raises
    OSError."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
