"""Folders that appear whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_folder(target: Path, mark: str) -> Iterator[Path]:
    """Gives an empty folder beside `target`, and moves it there when the block ends without an error.

    mark: the file by which such a folder is known: what lies at `target` without it is never replaced.
    After an error the old folder is as it was and the unfinished one is gone. Raises FileExistsError.
    """
    if target.exists() and any(target.iterdir()) and not (target / mark).is_file():
        raise FileExistsError(f"{target} is not empty and holds no {mark}: name another folder")
    part, old = (target.with_name(f".{target.name}.{state}") for state in ("part", "old"))
    for left_over in (part, old):
        shutil.rmtree(left_over, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if not (part / mark).is_file():
            raise FileNotFoundError(f"{part / mark} was not written")
        if target.exists():
            target.rename(old)
        part.rename(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
